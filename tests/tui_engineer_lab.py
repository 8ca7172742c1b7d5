"""For tests of the engineer's screens: benches with a past, and screens that are driven and read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.ledger_lab import claim_of, enrol
from workbench.boards.bench import Bench, load_bench
from workbench.boards.bench_write import write_virtual_bench
from workbench.database.engine import open_engine
from workbench.errors import Blame, WorkbenchError
from workbench.events import Measured, Observed, Progress, UnitBegan
from workbench.identity.ledger import Ledger
from workbench.station.places import database_url, journal_dir
from workbench.station.run import Run
from workbench.tui.engineer.alone import EngineerApp, desk_of
from workbench.tui.engineer.desk import Desk

SMALL = (80, 24)
WALL = (200, 60)
LIMIT_S = 30.0
NASTY = "\x1b]0;owned\x07\x1b[2Jred\x9b31m\u202e"
"""What a board must not get onto a terminal."""


class StaysDark(WorkbenchError):
    """A unit that does not start."""

    code = "no-boot"
    blame = Blame.UNIT
    default_cause = "a bad solder joint"
    default_action = "put the unit aside"


def make_bench(folder: Path, slots: int = 2) -> Bench:
    """A bench of boards that are off."""
    folder.mkdir(parents=True, exist_ok=True)
    return load_bench(write_virtual_bench(folder, slots))


def make_past(bench: Bench) -> list[str]:
    """Three runs and two units; the IDs of the runs, the newest last."""
    runs = [
        _run(bench, "SN-1", fails=False),
        _run(bench, "SN-2", fails=True),
        _run(bench, "SN-2", fails=False),
    ]
    ledger = Ledger(open_engine(database_url(bench.folder)), station="s1")
    try:
        enrol(ledger, claim_of("SN-1", "chip 1"), "key 1")
        unit = ledger.claim(claim_of("SN-2", "chip 2"))
        ledger.quarantine(unit.unit_id, "the label was on two units")
    finally:
        ledger.close()
    return runs


def _run(bench: Bench, serial: str, *, fails: bool) -> str:
    run = Run.begin(
        "unit",
        "v1",
        "microbit-v1",
        journal_dir=journal_dir(bench.folder),
        records=database_url(bench.folder),
    )
    steps = [{"step": "flash", "title": "Flash the firmware", "limit_s": 60.0, "done": False}]
    try:
        with run:
            run.emit(UnitBegan(serial=serial, recipe="sensor", lot="L7", steps=steps))
            run.result |= {"serial": serial, "lot": "L7", "chip_id": "1122334455667788"}
            with run.step("flash", "Flash the firmware"):
                run.emit(Progress(step="flash", done=50, total=100))
                run.emit(Observed(what="console-line", value=f"hello {NASTY}"))
                run.emit(Measured(step="flash", name="current", value=12.5, unit="mA", low=5, high=20))
                if fails:
                    raise StaysDark(f"the unit stays dark {NASTY}")
    except StaysDark:
        pass
    return run.run_id


def drive(
    desk: Desk | Bench,
    first: str,
    scenario: Callable[[Pilot[None]], Coroutine[Any, Any, None]],
    size: tuple[int, int] = SMALL,
) -> None:
    """Runs the scenario on the engineer's screens."""

    async def whole() -> None:
        async with open_app(desk, first, size) as pilot:
            await scenario(pilot)

    asyncio.run(whole())


@asynccontextmanager
async def open_app(
    desk: Desk | Bench, first: str, size: tuple[int, int] = SMALL
) -> AsyncIterator[Pilot[None]]:
    """The engineer's screens."""
    app = EngineerApp(desk if isinstance(desk, Desk) else desk_of(desk), first)
    async with app.run_test(size=size) as pilot:
        yield pilot


def screen_text(pilot: Pilot[None]) -> str:
    """What stands on the screen, line by line."""
    screen = pilot.app.screen
    lines = screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


async def until(pilot: Pilot[None], words: str | Callable[[], bool], limit_s: float = LIMIT_S) -> str:
    """Waits until the words stand on the screen, or the condition holds; gives the screen's text."""

    def there() -> bool:
        return words in screen_text(pilot) if isinstance(words, str) else words()

    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit_s
    while not there():
        assert loop.time() < deadline, f"not on the screen: {words}\n{screen_text(pilot)}"
        await pilot.pause(0.02)
    return screen_text(pilot)


async def type_text(pilot: Pilot[None], text: str) -> None:
    """Types it, and Enter."""
    await pilot.press(*(key if key.isalnum() else _KEYS[key] for key in text), "enter")


_KEYS = {"-": "minus", ":": "colon", " ": "space", ".": "full_stop", "/": "slash", "*": "asterisk"}
