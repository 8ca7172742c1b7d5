"""What a chip is: its core, its ID, its read-back protection.  Runs in a session's thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from workbench.boards.target import Target
from workbench.probes.errors import ChipWrong

# CPUID.PARTNO, from the cores' Technical Reference Manuals.
_PARTS: Final = {
    0xC20: "cortex-m0",
    0xC60: "cortex-m0plus",
    0xC21: "cortex-m1",
    0xC23: "cortex-m3",
    0xC24: "cortex-m4",
    0xC27: "cortex-m7",
    0xD20: "cortex-m23",
    0xD21: "cortex-m33",
    0xD22: "cortex-m55",
    0xD23: "cortex-m85",
}


@dataclass(frozen=True, slots=True)
class LockState:
    """Read-back protection, twice: what the chip is told to do and what it was seen to do.

    `configured`: the lock register says locked, which takes hold at the next reset; None where the target has
    none.  `observed`: a read of code memory was refused.
    """

    configured: bool | None
    observed: bool

    @property
    def is_locked(self) -> bool:
        """Locked now, or after the next reset."""
        return self.observed or bool(self.configured)


def verify_core(soc: Any, target: Target) -> None:
    """Raises ChipWrong where the chip has another core than `target` says."""
    part = int(soc.selected_core_or_raise.core_type)
    found = _PARTS.get(part, f"an unknown core (part {part:#05x})")
    if found != target.chip.core:
        raise ChipWrong(
            f"the chip's core is {found}, but that of target {target.name} ({target.chip.part}) is "
            f"{target.chip.core}"
        )


def chip_id(soc: Any, target: Target) -> str | None:
    """The chip's ID as the target file composes it."""
    if target.chip.id is None:
        return None
    return target.chip.id.text([int(soc.read32(address)) for address in target.chip.id.words])


def lock_state(soc: Any, target: Target) -> LockState:
    """Reads the lock register and tries to read code memory."""
    if target.lock is None:
        return LockState(configured=None, observed=_refuses_reads(soc, target))
    configured = target.lock.is_locked(int(soc.read32(target.lock.register_)))
    return LockState(configured=configured, observed=_refuses_reads(soc, target))


def is_halted(soc: Any) -> bool:
    """Whether the core is stopped by the debugger."""
    return bool(soc.get_state().name == "HALTED")


def _refuses_reads(soc: Any, target: Target) -> bool:
    from pyocd.core import exceptions

    code = next((m for m in target.memory if m.kind == "flash"), None)
    if code is None:
        return False
    try:
        soc.read32(code.start)
    except exceptions.TransferFaultError:
        return True
    return False
