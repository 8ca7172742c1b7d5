"""What the engineer's screens work with: a bench, its line if one is being worked, its records.

The screens know this and not the app, so that any app can show them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from workbench.boards.bench import Bench
from workbench.station.line.state import LineState
from workbench.tui.engineer.process import Program


class Watched(Protocol):
    """A line whose state can be seen."""

    def state(self) -> LineState | None:
        """What the line looks like now, None where nobody works it; cheap, from any thread."""
        ...


@runtime_checkable
class Worked(Watched, Protocol):
    """A line that this process works.  Each raises WorkbenchErrors that say why it cannot be done now."""

    def cancel(self, slot: str) -> object:
        """Ends the slot's run after its current step."""
        ...

    def retry(self, slot: str) -> object:
        """Works on the slot's unit again, from the last safe step."""
        ...

    def take_out(self, slot: str) -> object:
        """The finished unit leaves the slot."""
        ...

    def acknowledge(self, slot: str) -> object:
        """Somebody has looked at a broken slot."""
        ...


@dataclass(slots=True)
class Desk:
    """The ground of all engineer's screens, and what one of them hands to the next.

    `line` is None where no line is being worked or watched; `records_url` is the database's URL.  A desk that
    is `read_only` starts nothing and changes nothing.  `leave` goes back to where the engineer came from.
    """

    bench: Bench
    line: Watched | None
    records_url: str
    read_only: bool = False
    leave: Callable[[], None] | None = None
    slot: str | None = None
    """The slot that was looked at last."""
    unit: str | None = None
    """The unit that was looked at last, by one of its names."""
    programs: dict[str, Program] = field(default_factory=dict)
    """Programs that run on while their screen is not shown, by the screen's name."""

    def __post_init__(self) -> None:
        if self.slot is None and self.bench.slots:
            self.slot = next(iter(self.bench.slots))

    @property
    def worked(self) -> Worked | None:
        """The line, where this process may act on it."""
        return self.line if not self.read_only and isinstance(self.line, Worked) else None

    def why_not(self) -> str | None:
        """Why nothing may be started here, None where it may."""
        return "this viewer only watches" if self.read_only else None

    def close(self) -> None:
        """Asks programs that still run to end after their current step."""
        for program in self.programs.values():
            program.stop()
