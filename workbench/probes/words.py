"""Programming words of flash without erasing anything: what lies in the same sector is neither read nor
written.

For what a probe adds to a page that holds secrets of the unit, which must not go through the station.
"""

from __future__ import annotations

from typing import Any

from workbench.errors import Blame, WorkbenchError
from workbench.probes import guard
from workbench.probes.algorithm import Algorithms
from workbench.probes.ledger import Range
from workbench.probes.limits import Limits, Reporter
from workbench.probes.memory import read_bytes, words_of, write_bytes
from workbench.probes.plan import WORD
from workbench.probes.session import STALL_S, TOTAL_S, Debug


class WordsDiffer(WorkbenchError):
    """Words that were added to a page do not read back."""

    code = "flash-words-differ"
    blame = Blame.UNIT
    default_cause = "the words were not erased before, or the flash is damaged"
    default_action = "provision the unit again; if it happens again, take it out of the line"


def add_words(debug: Debug, address: int, data: bytes) -> None:
    """Programs `data`, whole words, at `address` and reads it back; RAM is written as RAM.  The core stays
    halted.

    Flash bits only fall: what was not erased stays as it is where `data` has a 1.  Words that lie there
    already are not programmed again.  Raises ChipLocked, FlashFailed, WordsDiffer, ProbeLost,
    DebugTimeout.
    """
    assert address % WORD == 0
    assert len(data) % WORD == 0
    memory = debug.target.memory_at(address)
    has_sectors = memory is not None and memory.kind != "ram"
    guard.refuse_locked(debug)
    debug.reset(halt=True)

    def work(soc: Any, reporter: Reporter) -> bytes:
        reporter.beat()
        if has_sectors:
            _program(soc, address, data)
        else:
            write_bytes(soc, address, data)
        return read_bytes(soc, address, len(data))

    where = Range(address, address + len(data))
    found = debug.run(f"programming {where}", work, limits=Limits(TOTAL_S, STALL_S))
    if found != data:
        raise WordsDiffer(f"slot {debug.slot.name}: what was written to {where} does not read back")


def erase_sector(debug: Debug, address: int) -> None:
    """Erases the sector that begins at `address`; RAM is filled with ones.  The core stays halted."""
    memory = debug.target.memory_at(address)
    assert memory is not None
    guard.refuse_locked(debug)
    debug.reset(halt=True)

    def work(soc: Any, reporter: Reporter) -> None:
        reporter.beat()
        if memory.kind == "ram":
            write_bytes(soc, address, b"\xff" * 0x400)
            return
        algorithms = Algorithms(soc)
        algorithms.at(address).erase_sectors([address], lambda _: None, lambda _: None)
        algorithms.finish()

    debug.run(f"erasing the sector at {address:#010x}", work, limits=Limits(TOTAL_S, STALL_S))


def _program(soc: Any, address: int, data: bytes) -> None:
    there = words_of(read_bytes(soc, address, len(data)))
    wanted = words_of(data)
    words = {
        address + WORD * i: new for i, (old, new) in enumerate(zip(there, wanted, strict=True)) if old != new
    }
    if not words:
        return
    algorithms = Algorithms(soc)
    algorithms.at(address).program_words(words)
    algorithms.finish()
