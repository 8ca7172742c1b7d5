"""Step enroll: the unit gets its identity, and is locked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from workbench.languages import N_
from workbench.station.steps.errors import UnitKnownOtherwise
from workbench.station.steps.material import need_identity, wanted_of
from workbench.station.steps.step import NoOptions, Sight, Step

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.identity.ledger.values import Unit
    from workbench.station.enroll import Wanted
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.steps.context import StepContext

IDENTITY: Final = "identity"
"""Fact: what the ledger has of the verified unit: unit_id, serial, hardware_id, fingerprint, state."""
KEY_ROLES: Final = ("idevid", "device")
"""The unit's key whose SHA-256 is its fingerprint, by kind of unit."""


class Enroll(Step[NoOptions]):
    """Gives the unit its identity from the factory's CA, locks it, and sees that the lock holds."""

    name = "enroll"
    needs = frozenset({"identity", "power"})
    resumable: ClassVar[Literal["repeat", "look"]] = "look"

    def title(self, options: NoOptions) -> str:
        return "giving the unit its identity, and locking it"

    def irreversible(self, options: NoOptions, recipe: Recipe) -> str | None:
        return "lock"

    def explain(self, options: NoOptions, recipe: Recipe) -> tuple[str, ...]:
        return (
            "serial number and chip belong together from then on, in the ledger and at the CA",
            "the unit's key, its certificate and its lock cannot be had back",
        )

    def check(self, options: NoOptions, recipe: Recipe, target: Target) -> None:
        need_identity(recipe, self.name)

    def look(self, ctx: StepContext, options: NoOptions) -> Sight:
        """Done where the ledger calls this chip verified under this serial number.  From every other state an
        enrolment goes on, and refuses what must not be gone on with.
        """
        wanted = wanted_of(ctx)
        unit = find_unit(wanted)
        if unit is None or str(unit.state) != "verified":
            return "not-done"
        verify_unit(ctx, wanted, restart=False)
        keep_identity(ctx, unit)
        return "done"

    def run(self, ctx: StepContext, options: NoOptions) -> dict[str, Any]:
        from workbench.station.enroll import enroll, outcome_error, outcome_result

        wanted = wanted_of(ctx, label=self._chip_on_label(ctx))

        def commit() -> None:
            ctx.commit()
            ctx.state = "its enrolment goes on from where it was when the unit is run again"

        refuse_other_unit(ctx, wanted)
        commit()
        outcome = enroll(
            ctx.slot,
            wanted,
            ctx.emit,
            step=ctx.step,
            commit=commit,
            run_id=ctx.run.run_id,
            held=ctx.held,
        )
        ctx.state = f"the unit's identity is {outcome.state}"
        error = outcome_error(outcome)
        if error is not None:
            raise error
        unit = find_unit(wanted)
        if unit is not None:
            keep_identity(ctx, unit)
        return outcome_result(outcome)

    @staticmethod
    def _chip_on_label(ctx: StepContext) -> str | None:
        """Where labels show a part of the chip's ID, somebody scans it."""
        if not need_identity(ctx.recipe, ctx.key).label_chip:
            return None
        return ctx.ask_scan(N_("Scan the chip's ID on the unit's label")).strip().lower()


def refuse_other_unit(ctx: StepContext, wanted: Wanted) -> None:
    """Asked before the ledger is: there, two serial numbers for one chip put both units into quarantine.

    An RMA says that it is to be so.  Raises UnitKnownOtherwise.
    """
    from workbench.identity.labels import compared
    from workbench.station.enroll import open_ledger

    if ctx.chip_id is None or ctx.rma is not None:
        return
    ledger = open_ledger(wanted.ledger, wanted.station)
    try:
        same_chip, same_serial = ledger.find(hardware_id=ctx.chip_id), ledger.find(serial=wanted.serial)
    finally:
        ledger.close()
    if same_chip is not None and compared(same_chip.serial) != compared(wanted.serial):
        raise UnitKnownOtherwise(
            f"the board in slot {ctx.slot.name} is unit {same_chip.serial}, and this is to be {wanted.serial}"
        )
    if same_serial is not None and same_chip is None and same_serial.kind == "mcu":
        raise UnitKnownOtherwise(
            f"unit {wanted.serial} has the chip {same_serial.hardware_id}, and {ctx.chip_id} is in the slot"
        )


def find_unit(wanted: Wanted) -> Unit | None:
    """What the ledger has under the unit's serial number.  Raises DatabaseUnavailable."""
    from workbench.station.enroll import open_ledger

    ledger = open_ledger(wanted.ledger, wanted.station)
    try:
        return ledger.find(serial=wanted.serial)
    finally:
        ledger.close()


def verify_unit(ctx: StepContext, wanted: Wanted, *, restart: bool) -> dict[str, Any]:
    """Holds the unit in the slot against the ledger: its key answers a challenge, its locks hold.

    Raises what `station.enroll.verify` raises.
    """
    from workbench.station.enroll import outcome_error, outcome_result, verify

    outcome = verify(ctx.slot, wanted, ctx.emit, restart=restart, step=ctx.step, held=ctx.held)
    error = outcome_error(outcome)
    if error is not None:
        raise error
    return outcome_result(outcome)


def keep_identity(ctx: StepContext, unit: Unit) -> None:
    """Notes the unit's identity for later steps."""
    ctx.facts[IDENTITY] = {
        "unit_id": unit.unit_id,
        "serial": unit.serial,
        "hardware_id": unit.hardware_id,
        "fingerprint": fingerprint_of(unit),
        "state": str(unit.state),
    }


def fingerprint_of(unit: Unit) -> str | None:
    """SHA-256 of the SubjectPublicKeyInfo of the unit's key, hex; None for a unit without a key pair."""
    return next((unit.keys[role] for role in KEY_ROLES if role in unit.keys), None)
