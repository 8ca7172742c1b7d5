"""The ledger's acts around what is done to a TPM: on the disk before, observed afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.identity.ledger.ledger import Ledger


class Acts:
    """The acts of one unit, those of earlier runs too; read once, the slot being ours."""

    def __init__(self, ledger: Ledger, unit_id: str) -> None:
        self._ledger = ledger
        self._unit_id = unit_id
        acts = ledger.acts(unit_id)
        self.intents: dict[str, Mapping[str, Any]] = {act.act: act.intent for act in acts}
        """The last intent of each act, by the act's name."""
        self.observations: dict[str, Mapping[str, Any]] = {}
        """The last observation of each act that has one, by the act's name."""
        self._open: dict[str, dict[str, Mapping[str, Any]]] = {}
        """Intents of acts that nobody observed: by name, then by act ID."""
        for act in acts:
            if act.observed is None:
                self._open.setdefault(act.act, {})[act.act_id] = act.intent
            else:
                self.observations[act.act] = act.observed

    @contextmanager
    def act(self, name: str, intent: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The body does the act and puts what it saw into the dictionary.

        An act of an earlier run with the same intent that nobody observed is taken up again; one with
        another intent is closed as superseded.
        """
        left = self._open.get(name, {})
        same = next((act_id for act_id, was in left.items() if dict(was) == dict(intent)), None)
        for act_id in [other for other in left if other != same]:
            self._observe(name, act_id, {"superseded": True})
        act_id = same or self._ledger.intend(self._unit_id, name, intent)
        self.intents[name] = intent
        self._open.setdefault(name, {})[act_id] = intent
        observed: dict[str, Any] = {}
        yield observed
        self._observe(name, act_id, observed)

    def close(self, name: str, observed: Mapping[str, Any]) -> None:
        """Says what was seen of acts of that name that an earlier run began, where looking showed them
        done.
        """
        for act_id in list(self._open.get(name, {})):
            self._observe(name, act_id, observed)

    def _observe(self, name: str, act_id: str, observed: Mapping[str, Any]) -> None:
        self._ledger.observe(act_id, observed)
        self._open[name].pop(act_id)
        self.observations[name] = observed
