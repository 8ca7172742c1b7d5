"""Enrolment of whatever is in a slot: a TPM where the slot has one, else the microcontroller itself.

    outcome = enroll(slot, wanted, run.emit, step=run.step, commit=run.commit)

Holds the slot, opens ledger, evidence key and CA, and lets the flow of that kind do the work.  Prints
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.boards.bench import Slot
from workbench.boards.power import Ask
from workbench.errors import Blame, InputError, WorkbenchError
from workbench.events import Emit, Observed
from workbench.station.slots import Held, hold, hold_unless

if TYPE_CHECKING:
    from workbench.identity.ca.client import CaClient
    from workbench.identity.ledger.ledger import Ledger
    from workbench.identity.tpm_enroll.means import Order as TpmOrder
    from workbench.identity.tpm_enroll.outcome import UnitOutcome
    from workbench.station.evidence import EvidenceDesk

Step = Callable[[str, str], AbstractContextManager[None]]
Passphrase = Callable[[], bytes]


class ImageNotAttested(InputError):
    """A release was named for a unit that does not attest what it runs."""

    code = "image-not-attested"
    default_cause = "a unit with a TPM shows registers of its boot firmware, not an image of the workbench"
    default_action = "leave out --image for this slot"


class IdentityNotVerified(WorkbenchError):
    """A unit did not end verified, and the error that says why was lost."""

    code = "identity-not-verified"
    blame = Blame.TRUST
    default_cause = "see the unit's history"
    default_action = "`workbench identity show` tells the unit's state and why"


@dataclass(frozen=True, kw_only=True, slots=True)
class TpmWanted:
    """What a recipe says of units with a TPM: see `Recipe`.

    `vendor_roots`: PEM file of vendors that are trusted; None: what the CA's folder says.  `escrow_key`: PEM
    file with the offline key's public half; `escrow_folder`: where encrypted lockout passwords go.
    """

    template: str = "H-3"
    unique: str | None = None
    vendor_roots: Path | None = None
    escrow_key: Path | None = None
    escrow_folder: Path | None = None
    allow: frozenset[str] = frozenset()
    manufacturers: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is to be done with a unit.

    `serial`: from the label, `label`: the part of the chip's ID that the label shows, None where it shows
    none. `ca`, `evidence`: folders; `ledger`: the database's URL.  `keys`: key folder of units of tier 1
    and 1+.  `image`: release file that the unit must run.  `production`: nothing made for tests may be used.
    """

    serial: str
    model: str
    station: str
    ca: Path
    ledger: str
    evidence: Path
    ca_passphrase: Passphrase = field(repr=False)
    evidence_passphrase: Passphrase | None = field(default=None, repr=False)
    label: str | None = None
    rma: str | None = None
    permit_lock: bool = False
    off_s: float = 0.0
    tpm: TpmWanted = TpmWanted()
    keys: Path | None = None
    keys_passphrase: bytes | None = field(default=None, repr=False)
    image: Path | None = None
    production: bool = False


@contextmanager
def _no_step(_step: str, _title: str) -> Iterator[None]:
    yield


def enroll(
    slot: Slot,
    wanted: Wanted,
    emit: Emit,
    *,
    step: Step = _no_step,
    commit: Callable[[], None] = lambda: None,
    kick: bool = False,
    wait_s: float = 0.0,
    accept_chip: bool = False,
    ask: Ask | None = None,
    run_id: str = "",
    held: Held | None = None,
) -> UnitOutcome:
    """Gives the unit in the slot its identity, or finishes what an earlier run began.

    `held`: the slot, where whoever calls holds it already.  Raises what the flow of the unit's kind raises,
    SlotLeased, EvidenceKeyUnusable, DatabaseUnavailable, and for production NotForProduction before anything
    is written.
    """
    from workbench.station.production import only_for_production, refuse_software_tpm

    refuse_unpermitted(slot, wanted)
    with ExitStack() as stack:
        if wanted.production:
            with step("production", "looking for what production must not use"):
                stack.enter_context(only_for_production(wanted))
        with step("open", "opening ledger and evidence key"):
            desk, ledger = _desk(wanted), open_ledger(wanted.ledger, wanted.station)
        stack.callback(ledger.close)
        held = stack.enter_context(
            hold_unless(held, slot, purpose="enrol", emit=emit, kick=kick, wait_s=wait_s, ask=ask)
        )
        work = _Work(held, wanted, ledger, desk, emit, step, commit, accept_chip, run_id)
        if not has_tpm(slot):
            return work.mcu()
        if wanted.production:
            with step("production-tpm", "looking whether the TPM is one of production"):
                refuse_software_tpm(held)
        return work.tpm()


def verify(
    slot: Slot,
    wanted: Wanted,
    emit: Emit,
    *,
    restart: bool,
    step: Step = _no_step,
    kick: bool = False,
    wait_s: float = 0.0,
    accept_chip: bool = False,
    ask: Ask | None = None,
    held: Held | None = None,
) -> UnitOutcome:
    """Verifies the unit in the slot against the ledger; `wanted.serial` may be "", `held` is as for `enroll`.

    The ledger stays as it is, but for what a microcontroller attests: it may not go back behind that later.
    Raises ImageNotAttested, and what `verify_again` of the unit's kind raises.
    """
    if wanted.image is not None and has_tpm(slot):
        raise ImageNotAttested(f"the unit in slot {slot.name} has a TPM")
    ledger = open_ledger(wanted.ledger, wanted.station)
    try:
        with hold_unless(
            held, slot, purpose="verify identity", emit=emit, kick=kick, wait_s=wait_s, ask=ask
        ) as held:
            work = _Work(held, wanted, ledger, None, emit, step, lambda: None, accept_chip, "")
            return work.verify_tpm(restart=restart) if has_tpm(slot) else work.verify_mcu(restart=restart)
    finally:
        ledger.close()


def look(slot: Slot, wanted: Wanted, emit: Emit) -> tuple[dict[str, Any], list[str]]:
    """What the TPM in the slot says of itself, and what is in the way of an enrolment; writes nothing.

    The slot is switched on if it is off.  Raises SlotLacks.
    """
    from workbench.identity.tpm_enroll.flow import look_at
    from workbench.station.enroll_tpm import tpm_means

    slot.need_tpm()
    ledger = open_ledger(wanted.ledger, wanted.station)
    try:
        with hold(slot, purpose="look", emit=emit) as held:
            work = _Work(held, wanted, ledger, None, emit, _no_step, lambda: None, False, "")
            means = tpm_means(held, ledger=ledger, ca=work.ca, conclude=lambda _: "", emit=emit)
            sight, said = look_at(work.tpm_order(), means)
    finally:
        ledger.close()
    return sight.as_json(), said


def refuse_unpermitted(slot: Slot, wanted: Wanted) -> None:
    """Raises LockNotPermitted before anything is opened or touched."""
    from workbench.identity.tpm_enroll.errors import LockNotPermitted

    if not wanted.permit_lock:
        raise LockNotPermitted(f"slot {slot.name}: an enrolment locks the unit's identity for ever")


def has_tpm(slot: Slot) -> bool:
    """Whether units in this slot get their identity in a TPM."""
    return "tpm" in slot.capabilities


def outcome_error(outcome: UnitOutcome) -> WorkbenchError | None:
    """What a run ends with: None for a unit that is verified."""
    if outcome.state == "verified":
        return None
    return outcome.error or IdentityNotVerified(f"unit {outcome.serial} is {outcome.state}: {outcome.why}")


def outcome_result(outcome: UnitOutcome) -> dict[str, Any]:
    """The outcome as a run's result."""
    return {
        "state": outcome.state,
        "unit": outcome.unit_id,
        "serial": outcome.serial,
        "hardware_id": outcome.hardware_id,
        "resumed": outcome.resumed,
        "why": outcome.why,
        "observed": outcome.observed,
        "tried": [
            {"act": t.act, "expected": t.expected, "observed": t.observed, "outcome": t.outcome}
            for t in outcome.tried
        ],
        "steps": [
            {"step": s.step, "own_s": round(s.own_s, 6), "tpm_s": round(s.tpm_s, 6), "commands": s.commands}
            for s in outcome.times
        ],
    }


def open_ledger(url: str, station: str) -> Ledger:
    """The ledger in that database; raises DatabaseUnavailable."""
    from workbench.database.engine import open_engine
    from workbench.identity.ledger import Ledger

    return Ledger(open_engine(url), station=station)


@dataclass(frozen=True, slots=True)
class _Work:
    """One enrolment in a slot that is held."""

    held: Held
    wanted: Wanted
    ledger: Ledger
    desk: EvidenceDesk | None
    emit: Emit
    step: Step
    commit: Callable[[], None]
    accept_chip: bool
    run_id: str

    def tpm(self) -> UnitOutcome:
        from workbench.station.enroll_tpm import enroll_tpm, tpm_content

        return enroll_tpm(
            self.held,
            self.tpm_order(),
            ledger=self.ledger,
            ca=self.ca,
            conclude=self.concluding(tpm_content),
            emit=self.emit,
            step=self.step,
            commit=self.commit,
        )

    def tpm_order(self) -> TpmOrder:
        from workbench.station.enroll_orders import tpm_order

        return tpm_order(self.wanted, self.held.slot.target.name)

    def verify_tpm(self, *, restart: bool) -> UnitOutcome:
        from dataclasses import replace

        from workbench.identity.tpm_enroll.flow import verify_again
        from workbench.station.enroll_tpm import tpm_means

        order = self.tpm_order()
        recorded = self.ledger.find(serial=self.wanted.serial) if self.wanted.serial else None
        if recorded is not None and "keys" in recorded.details:
            template = recorded.details["keys"]["idevid"]["template"]
            order = replace(order, recipe=replace(order.recipe, template=template))
        means = tpm_means(
            self.held,
            ledger=self.ledger,
            ca=self.ca,
            conclude=lambda _: "",
            emit=self.emit,
            step=self.step,
        )
        return verify_again(order, means, restart=restart)

    def verify_mcu(self, *, restart: bool) -> UnitOutcome:
        from workbench.identity.mcu.again import verify_again
        from workbench.station.enroll_mcu import mcu_means
        from workbench.station.enroll_orders import key_folder, mcu_order

        order = mcu_order(self.wanted, key_folder(self.wanted), known=True)
        means = mcu_means(
            self.held,
            ledger=self.ledger,
            ca=self.ca,
            conclude=lambda _: "",
            emit=self.emit,
            step=self.step,
            accept_chip=self.accept_chip,
        )
        return verify_again(order, means, restart=restart)

    def mcu(self) -> UnitOutcome:
        from workbench.station.enroll_mcu import enroll_mcu
        from workbench.station.enroll_orders import key_folder, mcu_order
        from workbench.station.unit_evidence import mcu_content

        folder = key_folder(self.wanted)
        return enroll_mcu(
            self.held,
            mcu_order(self.wanted, folder),
            ledger=self.ledger,
            ca=self.ca,
            conclude=self.concluding(mcu_content),
            emit=self.emit,
            step=self.step,
            commit=self.commit,
            accept_chip=self.accept_chip,
            keys=folder,
        )

    def ca(self) -> AbstractContextManager[CaClient]:
        from workbench.identity.ca.client import open_ca

        return open_ca(self.wanted.ca, self.wanted.ca_passphrase)

    def concluding(self, content_of: Callable[..., Any]) -> Callable[[Any], str]:
        """Signs what was found, keeps the file and tells where; gives its SHA-256."""
        from workbench.station.journal import utc_now

        started = utc_now()

        def conclude(findings: Any) -> str:
            station = self.wanted.station
            content = content_of(
                findings, station=station, started=started, finished=utc_now(), run_id=self.run_id
            )
            assert self.desk is not None
            done = self.desk.conclude(content)
            self.emit(Observed(what="evidence", value={"file": str(done.path), "sha256": done.sha256}))
            return done.sha256

        return conclude


def _desk(wanted: Wanted) -> EvidenceDesk:
    from workbench.station.evidence import EvidenceDesk

    return EvidenceDesk.open(wanted.evidence, wanted.station, wanted.evidence_passphrase)
