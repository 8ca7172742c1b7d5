"""Who the unit in a slot is: its chip's ID through the probe, or its TPM's endorsement key.

Asked before a run's first step and after its last, so that what a run says is said of one unit.
"""

from __future__ import annotations

from typing import Final

from workbench.errors import WorkbenchError
from workbench.events import Emit, Observed
from workbench.station.slots import Held, debugging
from workbench.station.steps.errors import UnitExchanged

GONE: Final = frozenset({"probe-missing", "probe-lost", "tpm-unreachable", "serial-missing", "serial-lost"})
"""Codes of errors that say that no board is there any more."""


def identify(held: Held, emit: Emit) -> str | None:
    """The unit's own ID; None where the slot has no way to ask for one.

    On a line every unit is another one: the slot remembers it, and each step that talks to the chip is
    refused should yet another one be there.  Raises what probe or TPM raise.
    """
    slot = held.slot
    if slot.probe is not None and slot.target.chip.id is not None:
        with debugging(held, emit=emit, connect="attach", accept_chip=True) as debug:
            return debug.chip_id()
    if slot.tpm is not None:
        return _tpm_id(held, emit)
    return None


def verify_same(found: str | None, expected: str | None, where: str, serial: str) -> None:
    """Raises UnitExchanged."""
    if found != expected:
        raise UnitExchanged(
            f"{where}: unit {serial} has the chip {expected or '(without an ID)'}, and the chip "
            f"{found or '(without an ID)'} is in the slot now"
        )


def is_gone(error: WorkbenchError) -> bool:
    """Whether it says that the board is not there: then no other error speaks of the unit."""
    return error.code in GONE


def _tpm_id(held: Held, emit: Emit) -> str | None:
    """What the TPM's seed makes, whatever certificates it shows."""
    from workbench.identity.tpm_enroll.ek import by_seed
    from workbench.wires.tpm.tpm import open_tpm

    with open_tpm(held.slot.need_tpm(), check=held.check) as tpm:
        tpm.startup()
        digest = next(iter(by_seed(tpm)), None)
    if digest is not None:
        emit(Observed(what="chip-id", value=digest))
    return digest
