"""Reading a chip's memory out, within the memory map of its target."""

from __future__ import annotations

from collections.abc import Callable

from workbench.probes.errors import ChipLocked, DebugFault, RangeInvalid
from workbench.probes.ledger import Range
from workbench.probes.session import Debug


def read_range(debug: Debug, start: int, size: int, *, check: Callable[[], object] | None = None) -> bytes:
    """`size` bytes from `start`, which may run over from one memory into the next; Progress events named
    "read".

    Raises RangeInvalid with the memory map, ChipLocked where the chip refuses because it is locked,
    DebugFault where it refuses for another reason, ProbeLost, DebugTimeout.
    """
    _refuse_outside(debug, start, size)
    try:
        return debug.read_memory(start, size, step="read", check=check)
    except DebugFault as fault:
        if debug.lock_state().observed:
            raise ChipLocked(
                f"slot {debug.slot.name}: the chip is locked: {Range(start, start + size)} cannot be read",
                action="its memory can be read again only after a mass erase, which destroys what it holds",
            ) from fault
        raise


def _refuse_outside(debug: Debug, start: int, size: int) -> None:
    address = start
    while size > 0 and address < start + size:
        memory = debug.target.memory_at(address)
        if memory is None:
            break
        address = memory.end
    if size <= 0 or start < 0 or address < start + size:
        known = ", ".join(f"{m.name} {Range(m.start, m.end)}" for m in debug.target.memory)
        raise RangeInvalid(
            f"{size:#x} bytes from {start:#x} are not in the memory of {debug.target.name}, which has {known}"
        )
