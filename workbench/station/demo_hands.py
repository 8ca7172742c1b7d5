"""The hands of a technician at a line of virtual boards: a board that was taken out is replaced by a new one.

    python -m workbench.station.demo_hands BENCH-FILE      until its standard input ends

Watches what the line publishes.  A real line needs none of this: there, hands do it.
"""

from __future__ import annotations

import select
import sys
from pathlib import Path
from typing import Final

from workbench.boards.bench import Bench, load_bench
from workbench.boards.exchange import exchange_board
from workbench.boards.leases import default_owner, lease_slot
from workbench.errors import WorkbenchError
from workbench.station.line.state import LineState, SlotView
from workbench.station.line.watch import LineWatcher

WAIT_S: Final = 0.2
LEASE_S: Final = 30.0


def taken_out(before: LineState | None, now: LineState) -> tuple[str, ...]:
    """Slots whose finished unit was taken out between two looks at the line."""
    if before is None:
        return ()
    was = {slot.name: slot for slot in before.slots}
    return tuple(slot.name for slot in now.slots if _was_done(was.get(slot.name)) and slot.phase == "ready")


def _was_done(slot: SlotView | None) -> bool:
    return slot is not None and slot.phase == "done"


def work(bench: Bench) -> None:
    """Replaces boards until standard input ends."""
    before: LineState | None = None
    with LineWatcher(bench) as watcher:
        while not select.select([sys.stdin], [], [], WAIT_S)[0]:
            now = watcher.state()
            if now is None:
                continue
            for name in taken_out(before, now):
                _replace(bench, name)
            before = now


def _replace(bench: Bench, name: str) -> None:
    try:
        with lease_slot(bench.slot(name), default_owner(), "new board", wait_s=LEASE_S):
            exchange_board(bench, name)
    except WorkbenchError as error:
        sys.stderr.write(f"slot {name}: {error.what}\n")


if __name__ == "__main__":
    work(load_bench(Path(sys.argv[1])))
