"""Makes docs/pictures/tui-*.svg anew, from the real screens: `python -m scripts.tui_pictures [FOLDER]`.

Each run makes the same bytes, and the pictures load no font from anywhere.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from textual.app import App

from tests.tui_engineer_lab import make_bench, open_app, until
from tests.tui_lab import STEPS, LabLine, LabPeople, busy
from workbench.boards.bench import Bench
from workbench.languages import set_language
from workbench.station.records import RunDetail, RunSummary
from workbench.tui.app import StationApp
from workbench.tui.engineer.alone import desk_of
from workbench.tui.engineer.replay import ReplayScreen
from workbench.tui.station import Station

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs/pictures"
NOW: Final = 1000.0
SIZE: Final = (100, 30)
BEGAN: Final = datetime(2026, 3, 2, 8, tzinfo=UTC)

Shot = Callable[[Bench], Any]


@asynccontextmanager
async def technician(_bench: Bench) -> AsyncIterator[App[None]]:
    """The line with four slots."""
    line = LabLine(current=busy(NOW, 4))
    app = StationApp(Station(seen=line, line=line, people=LabPeople(), clock=lambda: NOW))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "SN-000412")
        yield app


@asynccontextmanager
async def slots(bench: Bench) -> AsyncIterator[App[None]]:
    """The engineer's slots of the same line."""
    async with open_app(desk_of(bench, LabLine(current=busy(NOW, 4))), "slots", SIZE) as pilot:
        await until(pilot, "used by nobody")
        await until(pilot, "SN-000414")
        yield pilot.app


@asynccontextmanager
async def trials(bench: Bench) -> AsyncIterator[App[None]]:
    """The trials of a profile."""
    async with open_app(bench, "trials", SIZE) as pilot:
        await until(pilot, "F9 runs them")
        yield pilot.app


@asynccontextmanager
async def replay(bench: Bench) -> AsyncIterator[App[None]]:
    """A run that is played again."""
    desk = desk_of(bench)
    async with open_app(desk, "records", SIZE) as pilot:
        await until(pilot, "0 runs")
        screen = ReplayScreen(desk, recorded_run())
        await pilot.app.push_screen(screen)
        await pilot.press("f9", *["left"] * 20, *["right"] * 8)
        await until(pilot, "halted")
        yield pilot.app


def recorded_run() -> RunDetail:
    """A run with its events."""
    plan = [{"step": name, "title": name, "limit_s": 60.0, "done": False} for name in STEPS]
    first, second = STEPS[0], STEPS[1]
    events = [
        _event(0.0, "run-started", verb="unit", slot="v1"),
        _event(0.01, "unit-began", serial="SN-000412", attempt=1, steps=plan),
        _event(0.02, "step-started", step=first, title=first),
        _event(4.1, "step-finished", step=first, outcome="PASS", elapsed_s=4.08),
        _event(4.1, "step-started", step=second, title=second),
        _event(4.8, "progress", step=second, done=40_960, total=131_072, unit="bytes"),
        _event(
            5.3, "measured", step=second, name="supply", value=3.31, unit="V", low=3.2, high=3.4, passed=True
        ),
        _event(6.0, "progress", step=second, done=81_920, total=131_072, unit="bytes"),
        _event(7.5, "step-finished", step=second, outcome="PASS", elapsed_s=3.4),
        _event(30.0, "run-finished", verdict="PASS", error=None, result={}),
    ]
    summary = RunSummary(
        run_id="1a2b3c4d-0000-4000-8000-000000000000",
        verb="unit",
        slot="v1",
        target="microbit-v1",
        verdict="PASS",
        started_at=BEGAN,
        finished_at=BEGAN + timedelta(seconds=30),
        elapsed_s=30.0,
        result={"serial": "SN-000412"},
        error=None,
        host="station-7",
        version="0.1.0",
        complete=True,
        journal="",
        journal_sha256="",
    )
    return RunDetail(summary, tuple(events), ())


def _event(at_s: float, event: str, **fields: Any) -> dict[str, Any]:
    return {"event": event, "time": (BEGAN + timedelta(seconds=at_s)).isoformat(), **fields}


PICTURES: Final[dict[str, Shot]] = {
    "technician": technician,
    "engineer-slots": slots,
    "engineer-trials": trials,
    "engineer-replay": replay,
}


def picture(app: App[None], name: str) -> str:
    """The SVG of what the app shows, with names of its own inside."""
    svg = app.export_screenshot(title="workbench tui", simplify=True)
    svg = re.sub(r"\s*(@font-face \{[^}]*\}|<!--.*?-->)", "", svg)
    svg = re.sub(r"(?<=&#160;)\d\d:\d\d(?=(&#160;)*</text>)", "14:30", svg)  # the clock of the station
    return re.sub(r"terminal-\d+", name, svg)


async def make(bench: Bench, folder: Path) -> list[Path]:
    """All pictures, into that folder."""
    made = []
    for name, shot in PICTURES.items():
        async with shot(bench) as app:
            await asyncio.sleep(1)  # what was drawn last has settled
            path = folder / f"tui-{name}.svg"
            path.write_text(picture(app, f"tui-{name}"), encoding="utf-8")
            made.append(path)
    return made


def main() -> int:
    """Argument: the folder to write into."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    set_language("en")
    with tempfile.TemporaryDirectory(prefix="wb-") as place:
        os.environ["WORKBENCH_RUNTIME"] = place
        os.environ.pop("WORKBENCH_DATABASE", None)
        bench = make_bench(Path(place) / "bench", 4)
        for path in asyncio.run(make(bench, folder)):
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
