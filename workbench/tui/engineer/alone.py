"""The engineer's face by itself: a bench, without a line.  Also what the pictures and tests show."""

from __future__ import annotations

from typing import Any

from textual.app import App

from workbench.boards.bench import Bench
from workbench.station.places import database_url
from workbench.tui.app import DARK
from workbench.tui.engineer.desk import Desk, Watched
from workbench.tui.engineer.screens import show


class EngineerApp(App[None]):
    """Shows the engineer's screens of a desk, beginning with the one named `first`."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, desk: Desk, first: str = "slots", **more: Any) -> None:
        super().__init__(**more)
        self.desk = desk
        self._first = first
        self.title = "workbench"
        self.register_theme(DARK)
        self.theme = DARK.name

    def on_mount(self) -> None:
        """Shows the first screen."""
        show(self, self.desk, self._first)

    def on_unmount(self) -> None:
        """Programs end after their current step."""
        self.desk.close()


def run_alone(bench: Bench) -> None:
    """Shows the engineer's screens of a bench until they are left."""
    EngineerApp(desk_of(bench)).run()


def desk_of(bench: Bench, line: Watched | None = None, *, read_only: bool = False) -> Desk:
    """A desk for that bench."""
    bench.state_dir.mkdir(parents=True, exist_ok=True)
    return Desk(bench, line, database_url(bench.folder), read_only)
