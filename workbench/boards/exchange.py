"""Boards change places: what a technician does with hands, done to a virtual board.

    was, now = exchange_board(bench, "v1")          # a new, blank board is in the slot
    exchange_board(bench, "v1", board=was)          # the first one is back

Whoever calls holds the slot.
"""

from __future__ import annotations

from pathlib import Path

from workbench import settings
from workbench.boards import bench_file as bf
from workbench.boards.bench import Bench, BenchFileInvalid, StateFolderUnusable, load_bench
from workbench.errors import InputError
from workbench.toml_file import read, shown_text


class ExchangedByHand(InputError):
    """A real board is exchanged by hand."""

    code = "exchanged-by-hand"
    default_cause = "the slot is for a real board"
    default_action = "take the board out of the slot and put the other one in"


class BoardNotInDrawer(InputError):
    """No board with that ID was taken out of the slot."""

    code = "board-not-in-drawer"
    default_cause = "a mistyped ID, or the board was in another slot"
    default_action = "see `workbench slot exchange SLOT --list`"


def exchange_board(bench: Bench, name: str, board: str | None = None) -> tuple[str, str]:
    """Switches the slot off and puts another board into it; returns the IDs of the old and the new one.

    `board`: ID of one that was taken out of this slot before, default a new and blank one.  Raises
    ExchangedByHand, BoardNotInDrawer, SlotUnknown, StateFolderUnusable, TwinFailed.
    """
    from workbench.virtual import drawer

    folder, place = _place(bench, name)
    if board is not None and board not in drawer.boards_in(folder, place):
        raise BoardNotInDrawer(f"board {shown_text(board)} was not taken out of slot {name}")
    bench.slot(name).need_power().off()
    try:
        old = drawer.put_away(folder, place)
        if board is not None:
            drawer.take_from(folder, place, board)
        load_bench(bench.path)  # makes the new board
        return old, drawer.identity_of(folder / place)
    except OSError as error:
        raise StateFolderUnusable(f"cannot move boards in {folder}: {error.strerror}") from error


def boards_taken_out(bench: Bench, name: str) -> tuple[str, ...]:
    """IDs of the boards that `exchange_board` took out of the slot.  Raises ExchangedByHand, SlotUnknown."""
    from workbench.virtual import drawer

    return drawer.boards_in(*_place(bench, name))


def _place(bench: Bench, name: str) -> tuple[Path, str]:
    bench.slot(name)
    table = read(bench.path, bf.BenchFile, BenchFileInvalid).slots[name]
    if table.virtual is None:
        raise ExchangedByHand(f"slot {name} holds a real board")
    return bench.folder / settings.STATE_FOLDER / "twins", table.board or name
