"""The real application on a line of eight slots that are all at work, for `screen`: `python -m
benchmarks.screen_program FOLDER technician|console`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.screen_line import BusyLine, Nobody
from workbench.boards.bench import load_bench
from workbench.tui.main import show
from workbench.tui.station import Station

SCENES: Final = ("technician", "console")


def main(folder: Path, scene: str) -> int:
    """Shows the scene until the terminal goes away."""
    line = BusyLine(time.monotonic)
    station = Station(seen=line, line=line, people=Nobody(), engineer=_console(folder))
    if scene == "technician":
        return show(station)
    from workbench.tui import app

    class AtTheConsole(app.StationApp):
        """Begins with the engineer's console."""

        def on_ready(self) -> None:
            """As always, and then the console."""
            super().on_ready()
            self.open_engineer()

    app.StationApp = AtTheConsole  # type: ignore[misc]
    return show(station)


def _console(folder: Path) -> Callable[[Any, Callable[[], None]], None]:
    def open_console(app: Any, leave: Callable[[], None]) -> None:
        from workbench.tui.engineer.alone import desk_of
        from workbench.tui.engineer.screens import show as show_screen

        desk = desk_of(load_bench(folder / "bench.toml"))
        desk.leave = leave
        show_screen(app, desk, "console")

    return open_console


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
