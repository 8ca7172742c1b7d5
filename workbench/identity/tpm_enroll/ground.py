"""What every phase of a TPM's enrolment stands on: who is there, ledger, CA, connection, steps, ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.events import Observed
from workbench.identity.ledger.values import UnitClaim
from workbench.identity.one_unit import OneUnit, refuse_ended
from workbench.identity.tpm_enroll import ek, preflight
from workbench.identity.tpm_enroll.acts import Acts
from workbench.identity.tpm_enroll.errors import LabelDiffers, TpmNotBlank
from workbench.identity.tpm_enroll.means import Means, Order

if TYPE_CHECKING:
    from workbench.identity.tpm_enroll.ek import Ek
    from workbench.identity.tpm_enroll.keys import Key
    from workbench.wires.tpm.tpm import Tpm


class Ground(OneUnit):
    """One run for one unit; what is known of it so far."""

    def __init__(self, order: Order, means: Means) -> None:
        super().__init__(order, means)
        self._order = order
        self._recipe = order.recipe
        self._means = means
        self._sight: preflight.Sight
        self._ek: Ek
        self._keys: dict[str, Key] = {}
        self._chain: tuple[bytes, ...] = ()
        self._password: bytes | None = None

    def _hardware_id(self) -> str:
        return self._ek.digest

    def _recorded_chain(self) -> tuple[bytes, ...]:
        return tuple(bytes.fromhex(str(der)) for der in self._acts.observations["request"]["chain"])

    @contextmanager
    def _connected(self) -> Iterator[Tpm]:
        """The TPM; told to shut down in order afterwards, lest the next power-off counts as a wrong
        password.
        """
        with self._means.connect() as tpm, self._watch.connected(tpm):
            try:
                yield tpm
            finally:
                with suppress(WorkbenchError):  # what went wrong before is the better word
                    tpm.shutdown()

    def _meet(self, tpm: Tpm) -> None:
        """Who is there, and is it in a state that we know?"""
        self._look_who(tpm)
        with self._step("claim", "entering the unit into the ledger"):
            self._claim()

    def _look_who(self, tpm: Tpm) -> None:
        with self._step("preflight", "looking at the TPM"):
            tpm.startup()
            tpm.self_test()
            self._sight = self._look(tpm)
        with self._step("ek", "checking the endorsement key"):
            self._ek = ek.find(tpm, self._recipe.ek, self._sight.properties, self._means.now())
            self._means.emit(Observed(what="ek", value=self._ek.as_json()))
            self._check_label()
            tpm.secure(self._ek.handle, self._ek.name)

    def _look(self, tpm: Tpm) -> preflight.Sight:
        sight = preflight.look(tpm)
        if sight.properties.in_lockout and not sight.properties.lockout_auth_set:
            tpm.da_lock_reset()
            sight = preflight.look(tpm)
        self._means.emit(Observed(what="tpm", value=sight.as_json()))
        preflight.verify_kind(sight, self._recipe)
        preflight.verify_no_lockout(sight)
        preflight.verify_endorsement_open(sight)
        return sight

    def _check_label(self) -> None:
        label, digest = self._order.label_ek, self._ek.digest
        if label is not None and not digest.startswith(label.lower()):
            raise LabelDiffers(
                f"the label names a TPM {label.lower()}…, and this one is {digest[: len(label)]}…"
            )

    def _claim(self) -> None:
        order, ledger = self._order, self._means.ledger
        found = ledger.find(hardware_id=self._ek.digest) or ledger.find(serial=order.serial)
        if found is None:
            self._refuse_surprises(preflight.Known())
        self._unit = unit = ledger.claim(
            UnitClaim(
                kind="tpm",
                serial=order.serial,
                model=self._recipe.model,
                hardware_id=self._ek.digest,
                target=order.target,
                station=order.station,
                ek_cert_sha256=self._ek.certificate_sha256,
                other_hardware_ids=self._ek.others,
            ),
            order.rma,
        )
        self._resumed = str(unit.state) if found is not None else None
        self._means.emit(Observed(what="unit", value={"unit": unit.unit_id, "state": str(unit.state)}))
        refuse_ended(unit)
        self._acts = Acts(ledger, unit.unit_id)
        self._refuse_surprises(preflight.known_from(self._acts.intents))

    def _refuse_surprises(self, known: preflight.Known) -> None:
        found = preflight.surprises(self._sight, known, self._recipe)
        if found:
            raise TpmNotBlank(f"the TPM has {', '.join(found)}, and no intent in the ledger names that")
