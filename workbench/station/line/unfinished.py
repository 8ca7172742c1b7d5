"""A unit that an earlier process left in the middle, in words.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from workbench.languages import _, said
from workbench.station.line.state import UnfinishedUnit

if TYPE_CHECKING:
    from workbench.station.lots.values import UnfinishedRun

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def unfinished_view(run: UnfinishedRun, titles: Mapping[str, str] = _NONE) -> UnfinishedUnit:
    """What is known of the unit, and what to do with it now.

    `titles`: those of the plan's steps by their names; a step of another plan is called by its name.
    """

    finished, during = run.progress.finished, run.progress.during
    after = titles.get(finished[-1], finished[-1]) if finished else None
    during = None if during is None else titles.get(during, during)
    state, action = _now(run, after, during)
    return UnfinishedUnit(
        serial=run.serial,
        slot=run.slot,
        after_step=after,
        during_step=during,
        irreversible=run.progress.irreversible,
        state=state,
        action=action,
        verdict=run.verdict,
    )


def _now(run: UnfinishedRun, after: str | None, during: str | None) -> tuple[str, str]:
    """Its state, and what to do."""
    irreversible = run.progress.irreversible
    if run.ending:
        return (
            _("the program that was ended still does its step"),
            _("wait: it stops by itself after this step"),
        )
    if run.verdict == "PASS":
        return _("it passed while no screen showed it"), _("take the unit out")
    if run.verdict == "FAIL":
        told = _("it failed while no screen showed it ({code})").format(code=run.error_code or "?")
        return told, _("take the unit out, and put it where faulty units go")
    state = _state(after, during, irreversible=irreversible)
    if run.verdict == "ERROR":
        told = _("the station failed while no screen showed it ({code})").format(code=run.error_code or "?")
        state = f"{told}; {state}"
    return state, _action(during, irreversible=irreversible)


def _state(after: str | None, during: str | None, *, irreversible: bool) -> str:
    if during is None:
        if after is None:
            return _("begun; no step was begun yet")
        return _("finished up to '{step}', and nothing was going on").format(step=said(after))
    known = _("the run ended in the middle of '{step}'").format(step=said(during))
    if irreversible:
        return known + "; " + _("this step cannot be undone, and it is not known whether it happened")
    return known + "; " + _("this step can be done again")


def _action(during: str | None, *, irreversible: bool) -> str:
    if during is not None and irreversible:
        return _(
            "put the unit into its slot, scan or type its number: it is looked at before anything is done"
        )
    return _("put the unit into its slot, scan or type its number: it goes on from there")
