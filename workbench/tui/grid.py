"""Where the slots' cards stand, and which of them a key leads to.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workbench.tui.glyphs import scale_for

COMPACT_HEIGHT: Final = 3
"""Rows of the smallest card."""
FRAMED_HEIGHT: Final = 6
"""From so many rows on a card has a frame."""
MIN_WIDTH: Final = 36
VERDICT_DOTS: Final = 29
"""Dots of a verdict of five letters, from left to right."""
FRAME: Final = 4
EXPLAINED: Final = 4
"""Rows below a verdict that say what happened and what to do."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns and rows of cards, and the size of one.  More than fit are scrolled to by choosing."""

    columns: int
    rows: int
    width: int
    height: int

    @property
    def shown(self) -> int:
        """How many cards fit."""
        return self.columns * self.rows

    def first_shown(self, chosen: int, count: int) -> int:
        """The first card on the screen, so that the chosen one is on it."""
        if count <= self.shown:
            return 0
        return min((chosen // self.columns // self.rows) * self.shown, count - 1)


def grid_for(count: int, width: int, height: int) -> Grid:
    """The grid that gives each of `count` cards the best room for a verdict that is seen from afar."""
    count = max(count, 1)
    best = max(
        (
            grid
            for columns in range(1, min(count, max(width, 1)) + 1)
            if (grid := _grid(count, columns, width, height)).rows
        ),
        key=lambda grid: _worth(grid, count),
        default=None,
    )
    return best or Grid(1, 1, max(width, 1), max(height, 1))


def _grid(count: int, columns: int, width: int, height: int) -> Grid:
    rows = -(-count // columns)
    while rows > 1 and height // rows < COMPACT_HEIGHT:
        rows -= 1
    return Grid(columns, rows, width // columns, height // rows)


def _worth(grid: Grid, count: int) -> tuple[bool, bool, int, int, int]:
    """More is better: all shown, wide enough to read, then the size that a verdict's letters can have."""
    width, rows = grid.width - FRAME, grid.height - FRAME - EXPLAINED
    across, down = scale_for(VERDICT_DOTS, width, rows)
    letters = 2 * across * down or int(width >= VERDICT_DOTS and rows >= 3)
    spare = grid.shown - count
    return (spare >= 0, grid.width >= MIN_WIDTH, letters, -max(spare, 0), -abs(grid.width - 3 * grid.height))


def moved(chosen: int, key: str, count: int, columns: int) -> int:
    """The card that a key leads to from the chosen one."""
    steps = {"left": -1, "right": 1, "up": -columns, "down": columns, "tab": 1, "shift+tab": -1}
    if count <= 0:
        return 0
    if key in ("home", "end"):
        return 0 if key == "home" else count - 1
    if key in ("tab", "shift+tab"):
        return (chosen + steps[key]) % count
    target = chosen + steps.get(key, 0)
    return target if 0 <= target < count else chosen
