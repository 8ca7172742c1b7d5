"""What a face works with: a line, the people of the station, and how its terminal is.  No library."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from workbench.station.line.state import LineState
from workbench.tui.orders import Working
from workbench.tui.palette import Colours
from workbench.tui.people import People
from workbench.tui.symbols import FINE, Symbols


class Seen(Protocol):
    """A line that can be looked at: one that this process works, or one that it watches."""

    def state(self) -> LineState | None:
        """The line now; None where nobody works it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """`line` is None in a viewer; `engineer` shows the engineer's first screen in the app that it gets, and
    calls the function that it gets when the engineer leaves.
    """

    seen: Seen
    line: Working | None
    people: People
    colours: Colours = "full"
    symbols: Symbols = FINE
    hands_out: bool = False
    sound: bool = False
    notice: str = ""
    engineer: Callable[[Any, Callable[[], None]], None] | None = None
    straight_to_engineer: bool = False
    clock: Callable[[], float] = time.monotonic
