"""What every phase of a TPM's enrolment stands on: who is there, ledger, CA, connection, steps, ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.events import Observed
from workbench.identity.ca.errors import CaUnreachable
from workbench.identity.ledger.errors import IdentityConflict
from workbench.identity.ledger.values import UnitClaim
from workbench.identity.state import State, has_reached
from workbench.identity.tpm_enroll import ek, preflight
from workbench.identity.tpm_enroll.acts import Acts
from workbench.identity.tpm_enroll.errors import LabelDiffers, TpmNotBlank, UnitQuarantined
from workbench.identity.tpm_enroll.means import Means, Order
from workbench.identity.tpm_enroll.outcome import EndState, Stopwatch, UnitOutcome

if TYPE_CHECKING:
    from workbench.identity.ca.client import CaClient
    from workbench.identity.ledger.values import Unit
    from workbench.identity.tpm_enroll.ek import Ek
    from workbench.identity.tpm_enroll.keys import Key
    from workbench.wires.tpm.tpm import Tpm


class Ground:
    """One run for one unit; what is known of it so far."""

    def __init__(self, order: Order, means: Means) -> None:
        self._order = order
        self._recipe = order.recipe
        self._means = means
        self._watch = Stopwatch()
        self._unit: Unit | None = None
        self._resumed: str | None = None
        self._acts: Acts
        self._sight: preflight.Sight
        self._ek: Ek
        self._keys: dict[str, Key] = {}
        self._ca: CaClient | None = None
        self._ca_error: WorkbenchError | None = None
        self._chain: tuple[bytes, ...] = ()
        self._password: bytes | None = None

    def _recorded_chain(self) -> tuple[bytes, ...]:
        return tuple(bytes.fromhex(str(der)) for der in self._acts.observations["request"]["chain"])

    @property
    def _known(self) -> Unit:
        assert self._unit is not None
        return self._unit

    @property
    def _state(self) -> State:
        return self._known.state

    def _reach_ca(self, stack: ExitStack) -> None:
        """The CA, if it can be reached; a unit that needs none yet goes on without it."""
        with self._step("ca", "reaching the certificate authority"):
            try:
                self._ca = stack.enter_context(self._means.ca())
            except CaUnreachable as error:
                self._ca_error = error

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

    @contextmanager
    def _step(self, name: str, title: str) -> Iterator[None]:
        with self._means.step(name, title), self._watch.step(name):
            yield

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
        if unit.state in (State.QUARANTINED, State.RETIRED):
            raise UnitQuarantined(
                f"unit {unit.serial} is {unit.state}: {unit.reason or 'no reason is recorded'}"
            )
        self._acts = Acts(ledger, unit.unit_id)
        self._refuse_surprises(preflight.known_from(self._acts.intents))

    def _refuse_surprises(self, known: preflight.Known) -> None:
        found = preflight.surprises(self._sight, known, self._recipe)
        if found:
            raise TpmNotBlank(f"the TPM has {', '.join(found)}, and no intent in the ledger names that")

    def _quarantined(self, unit: Unit, error: WorkbenchError) -> UnitOutcome:
        if has_reached(unit.state, State.BLANK):
            self._unit = self._means.ledger.quarantine(unit.unit_id, f"{error.code}: {error.what}")
        return self._ended("quarantined", error)

    def _ended(self, state: EndState, error: WorkbenchError | None = None) -> UnitOutcome:
        unit = self._unit
        units = error.units if isinstance(error, IdentityConflict) else ()
        return UnitOutcome(
            state=state,
            unit_id=unit.unit_id if unit is not None else " ".join(units),
            serial=self._order.serial or ("" if unit is None else unit.serial),
            hardware_id=self._ek.digest,
            resumed=self._resumed,
            why=None if error is None else f"{error.code}: {error.what}",
            error=error,
            times=tuple(self._watch.times),
        )
