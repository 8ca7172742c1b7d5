"""Erasing: a range of whole sectors, all flash, and the mass erase that gives a locked chip back.  Each is
read back.

Nothing here is done in passing by another verb: a locked chip is erased by `recover` and by nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from workbench.boards.target_file import Area, Memory
from workbench.events import Emit
from workbench.probes import guard, phases
from workbench.probes.algorithm import Algorithms
from workbench.probes.errors import ChipLocked, RangeInvalid
from workbench.probes.flash import CHIP_ERASE_STALL_S, changing
from workbench.probes.images import sector_bounds
from workbench.probes.ledger import Ledger, Range
from workbench.probes.limits import Limits, Reporter
from workbench.probes.recover import unlock
from workbench.probes.session import STALL_S, TOTAL_S, Debug
from workbench.probes.verify import read_spans, refuse_differences

Check = Callable[[], object]
_RECOVER_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class EraseResult:
    """What erasing did; every byte was read back and found blank."""

    bytes_erased: int
    seconds: float


def erase_range(
    debug: Debug,
    start: int,
    size: int,
    *,
    permit_identity: bool = False,
    emit: Emit | None = None,
    check: Check | None = None,
) -> EraseResult:
    """Erase the flash sectors that make up [start, start + size).

    Raises RangeInvalid where the range is not whole sectors of one flash memory, naming the nearest that is;
    ImageOverIdentity where it holds an identity; ChipLocked; FlashFailed, ProbeLost, FlashInterrupted with
    the state.
    """
    memory = _flash_for(debug, start, size)
    sector = memory.sector or memory.size
    guard.refuse_locked(debug)
    if not permit_identity:
        guard.refuse_identity_loss(debug, Area(start=start, size=size))
    sizes = dict.fromkeys(range(start, start + size, sector), sector)
    ledger = Ledger(sizes.items())

    def work(reporter: Reporter, algorithms: Algorithms) -> None:
        for at in sizes:
            algorithms.at(at).verify_sector(at, sector)
        phases.erase_sectors(sizes, ledger, reporter, algorithms)

    return _erase(debug, ledger, [memory], [(start, size)], work, STALL_S, emit, check)


def erase_chip(
    debug: Debug, *, permit_identity: bool = False, emit: Emit | None = None, check: Check | None = None
) -> EraseResult:
    """Erase all flash of a chip that is not locked; with some chips (nRF51) this clears configuration memory
    too.

    Raises as `erase_range` does.
    """
    memories = [memory for memory in debug.target.memory if memory.kind == "flash" and memory.writable]
    if not memories:
        raise RangeInvalid(
            f"target {debug.target.name} has no flash to erase", cause="its images run from RAM"
        )
    guard.refuse_locked(debug)
    if not permit_identity:
        guard.refuse_identity_loss(debug)
    spans = [(memory.start, memory.size) for memory in memories]
    ledger = Ledger(spans)

    def work(reporter: Reporter, algorithms: Algorithms) -> None:
        phases.erase_chip(debug.target, ledger, reporter, algorithms)

    return _erase(debug, ledger, memories, spans, work, CHIP_ERASE_STALL_S, emit, check)


def recover(debug: Debug, *, emit: Emit | None = None, check: Check | None = None) -> EraseResult:
    """Erase everything on the chip, locked or not: firmware, configuration and identity are gone for good.

    Afterwards the chip is unlocked, blank, and halted.  The caller has asked for the permission.  Raises
    RecoverUnsupported, ChipLocked where the chip stays locked, FlashFailed, FlashVerifyFailed, ProbeLost.
    """
    started = time.monotonic()
    memories = [memory for memory in debug.target.memory if memory.kind == "flash" and memory.writable]
    spans = [(memory.start, memory.size) for memory in memories]
    debug.run(
        "erasing the whole chip",
        lambda soc, reporter: unlock(soc, reporter, debug.target),
        limits=Limits(_RECOVER_TIMEOUT_S),
        emit=emit,
        check=check,
    )
    debug.reset(halt=True)
    if debug.is_locked():
        raise ChipLocked(
            f"slot {debug.slot.name}: the chip is still locked after a mass erase",
            cause="the erase had no effect, or the chip needs a power cycle before it unlocks",
            action="power-cycle the board and look again",
        )
    _verify_blank(debug, memories, spans, emit, check)
    return EraseResult(sum(size for _, size in spans), time.monotonic() - started)


def _erase(
    debug: Debug,
    ledger: Ledger,
    memories: list[Memory],
    spans: list[tuple[int, int]],
    work: Callable[[Reporter, Algorithms], None],
    stall_s: float,
    emit: Emit | None,
    check: Check | None,
) -> EraseResult:
    started = time.monotonic()

    def perform(soc: Any, reporter: Reporter) -> None:
        algorithms = Algorithms(soc)
        try:
            work(reporter, algorithms)
        except BaseException:
            algorithms.finish_quietly()
            raise
        algorithms.finish()

    with changing(debug, ledger):
        debug.run("erasing", perform, limits=Limits(TOTAL_S, stall_s), ledger=ledger, emit=emit, check=check)
    _verify_blank(debug, memories, spans, emit, check)
    return EraseResult(sum(size for _, size in spans), time.monotonic() - started)


def _verify_blank(
    debug: Debug, memories: list[Memory], spans: list[tuple[int, int]], emit: Emit | None, check: Check | None
) -> None:
    blank = [(at, bytes([memory.erased]) * size) for memory, (at, size) in zip(memories, spans, strict=True)]

    def compare(soc: Any, reporter: Reporter) -> None:
        refuse_differences(blank, read_spans(soc, reporter, spans, step="verify"))

    debug.run(
        "reading back what was erased", compare, limits=Limits(TOTAL_S, STALL_S), emit=emit, check=check
    )


def _flash_for(debug: Debug, start: int, size: int) -> Memory:
    """The flash memory of which [start, start + size) is whole sectors.  Raises RangeInvalid."""
    target = debug.target
    memory = target.memory_at(start)
    if (
        size <= 0
        or memory is None
        or memory.kind != "flash"
        or not memory.writable
        or start + size > memory.end
    ):
        known = ", ".join(f"{m.name} {Range(m.start, m.end)}" for m in target.memory if m.kind == "flash")
        raise RangeInvalid(
            f"{size:#x} bytes from {start:#010x} are not in one flash memory of {target.name}: "
            f"{known or 'it has none'}"
        )
    first, end = sector_bounds(start, start + size, target)
    if (first, end) != (start, start + size):
        raise RangeInvalid(
            f"{Range(start, start + size)} are not whole sectors of {memory.sector:#x} bytes; "
            f"the sectors that hold it are {Range(first, end)}"
        )
    return memory
