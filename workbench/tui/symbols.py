"""The signs that go with words: two sets, one of them for terminals with few characters.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """One sign for each state, the parts of a bar, and the frame's corners and lines."""

    passed: str = "✓"
    failed: str = "✗"
    error: str = "!"
    stopped: str = "■"
    running: str = "►"
    asking: str = "?"
    ready: str = "○"
    waiting: str = "·"
    broken: str = "#"
    full: str = "█"
    empty: str = "░"
    frame: str = "╭─╮│╰╯"
    chosen: str = "┏━┓┃┗┛"
    """The frame of the slot that keys act on."""


FINE: Final = Symbols()
COARSE: Final = Symbols(passed="√", failed="x", ready="o", frame="┌─┐│└┘", chosen="╔═╗║╚╝")
"""Characters that the console of Linux has in every font."""


def symbols_for(environ: Mapping[str, str]) -> Symbols:
    """The set that the terminal named by TERM can show."""
    return COARSE if environ.get("TERM", "") in ("linux", "vt100", "vt220", "ansi", "cons25") else FINE
