"""A person has looked at a broken slot where no line's screen is open: the slot takes units again."""

from __future__ import annotations

from contextlib import ExitStack

from workbench.boards.bench import Bench, StateFolderUnusable
from workbench.station.line.latch import latched, unlatch
from workbench.station.line.layout import take_line
from workbench.station.line.state import ErrorView


def acknowledge_slot(bench: Bench, name: str) -> tuple[ErrorView, str | None] | None:
    """Why the slot was broken, and the serial number of the unit in it; None where it was not.

    Raises SlotUnknown, LineBusy while a line is open on this bench, and StateFolderUnusable.
    """
    folder = bench.slot(name).state_dir
    with ExitStack() as stack:
        take_line(bench, f"acknowledging slot {name}", stack)
        why = latched(folder)
        try:
            unlatch(folder)
        except OSError as error:
            raise StateFolderUnusable(f"cannot use {folder}: {error.strerror or error}") from error
    return why
