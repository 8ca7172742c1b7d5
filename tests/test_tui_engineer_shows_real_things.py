"""The engineer's screens show what ledger, records, line and files say, and nothing harmful."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui_engineer_lab import (
    NASTY,
    SMALL,
    WALL,
    drive,
    make_bench,
    make_past,
    screen_text,
    type_text,
    until,
)
from tests.tui_lab import LabLine, busy
from workbench.boards.bench import Bench
from workbench.tui.engineer.alone import desk_of
from workbench.tui.engineer.replay import ReplayScreen
from workbench.tui.engineer.screens import SCREENS
from workbench.tui.engineer.unit import find_units


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Two slots, three runs, two units."""
    made = make_bench(tmp_path_factory.mktemp("engineer"))
    make_past(made)
    log = made.slot("v1").state_dir / "console.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(f"boot ok\r\n{NASTY}still alive\r\n".encode())
    return made


SAYS = {
    "slots": ["v1", "v2", "microbit-v1", "no line", "nobody"],
    "unit": ["SN-1", "SN-2", "verified", "quarantined", "the label was on two units"],
    "console": ["boot ok", "still alive", "log only"],
    "images": ["path of an image", "‹v1›"],
    "trials": ["flip-magic", "refused: magic", "trials; F9 runs them"],
    "records": ["✔ PASS", "✘ FAIL", "SN-2", "no-boot", "3 runs"],
}


def fits(pilot: Pilot[None], columns: int) -> bool:
    return max(map(len, screen_text(pilot).split("\n"))) <= columns


def test_every_screen_shows_what_is_there_in_words_at_any_size(bench: Bench) -> None:
    async def scenario(pilot: Pilot[None]) -> None:
        for entry in SCREENS[:-1]:
            await pilot.press(entry.key)
            for size in (SMALL, (20, 5), WALL):
                await pilot.resize_terminal(*size)
                for words in SAYS[entry.name] if size != (20, 5) else ():
                    await until(pilot, words)
                told = await until(pilot, partial(fits, pilot, size[0]))
                assert not any(char in told for char in "\x1b\x9b\x07\u202e")
            assert f"[{entry.label}]" in told
            await pilot.press("f1")
            assert entry.title in await until(pilot, "Esc closes")
            await pilot.press("escape")
        assert len(pilot.app.screen_stack) == 2

    drive(bench, "slots", scenario)
    assert [entry.key for entry in SCREENS] == [f"f{n}" for n in range(2, 9)]


def test_a_unit_is_found_by_each_of_its_names_with_its_identity_and_its_runs(bench: Bench) -> None:
    async def scenario(pilot: Pilot[None]) -> None:
        await until(pilot, "SN-2")
        await type_text(pilot, "sn-1")
        told = await until(pilot, "CN=TEST key 1/iak")
        assert "quarantined" not in told
        for words in (
            "verified",
            "CERTIFICATES",
            "IRREVERSIBLE ACTS",
            "make-keys",
            "RUNS",
            "unit in v1: PASS",
        ):
            assert words in told
        await pilot.press("ctrl+a", "delete")
        await type_text(pilot, "nobody")
        await until(pilot, "no unit has this name")

    drive(bench, "unit", scenario, (120, 60))
    fingerprint = next(iter(find_units(desk_of(bench), "SN-1")[0].unit.keys.values()))  # type: ignore[union-attr]
    assert [told.unit.serial for told in find_units(desk_of(bench), fingerprint) if told.unit] == ["SN-1"]


def test_runs_are_filtered_and_a_mistake_in_the_filter_is_said(bench: Bench) -> None:
    async def scenario(pilot: Pilot[None]) -> None:
        await until(pilot, "3 runs")
        await pilot.press("shift+tab")
        await type_text(pilot, "verdict:FAIL")
        told = await until(pilot, "1 run")
        assert "the unit stays dark" in told
        assert "✔ PASS" not in told
        await pilot.press("shift+tab", "ctrl+a", "delete")
        await type_text(pilot, "slto:v1")
        await until(pilot, "filter-invalid: runs have no 'slto'")

    drive(bench, "records", scenario)


def test_a_run_is_played_again_step_by_step(bench: Bench) -> None:
    async def scenario(pilot: Pilot[None]) -> None:
        await until(pilot, "3 runs")
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReplayScreen))
        await pilot.press(*["left"] * 10)
        assert "unit SN-2" not in await until(pilot, "halted")
        await pilot.press(*["right"] * 3)
        told = await until(pilot, "▶ running")
        assert "unit SN-2" in told
        assert "✘" not in told
        await pilot.press("end")
        told = await until(pilot, "✘ FAIL")
        assert "no-boot: the unit stays dark" in told
        assert "what to do:   put the unit aside" in told
        assert "\x1b" not in told
        await pilot.press("escape")
        await until(pilot, "3 runs")

    drive(bench, "records", scenario)


def test_an_image_says_what_it_is_and_what_is_none_is_refused_in_words(bench: Bench) -> None:
    other = bench.folder / "x.img"
    other.write_bytes(b"no image at all")

    async def scenario(pilot: Pilot[None]) -> None:
        await type_text(pilot, "x.img")
        assert "what to do" in await until(pilot, "likely cause")
        await pilot.press("ctrl+a", "delete")
        await type_text(pilot, "nothing.img")
        await until(pilot, "nothing.img")

    drive(bench, "images", scenario)


def test_the_line_is_seen_and_acts_go_to_it(bench: Bench) -> None:
    line = LabLine(current=busy(time.monotonic(), 2))
    desk = desk_of(bench, line)

    async def scenario(pilot: Pilot[None]) -> None:
        told = await until(pilot, "SN-000412")
        for words in ("▶ running", "✔ PASS", "● done", "62 %"):
            assert words in told
        await pilot.press("enter")
        told = await until(pilot, "Take the finished unit out (not now: no finished unit)")
        await pilot.press("down", "down", "down", "enter")
        assert line.calls == [("cancel", "v1")]
        await pilot.press("down", "f9")
        await until(pilot, "Slot v2")
        await pilot.press("end", "enter")
        assert line.calls[1:] == [("take-out", "v2")]

    drive(desk, "slots", scenario)


def test_a_viewer_that_only_watches_starts_and_changes_nothing(bench: Bench) -> None:
    line = LabLine(current=busy(time.monotonic(), 2))
    desk = desk_of(bench, line, read_only=True)

    async def scenario(pilot: Pilot[None]) -> None:
        await until(pilot, "READ ONLY")
        await pilot.press("enter")
        assert "Stop after the current step (not now: this viewer only watches)" in await until(
            pilot, "Slot v1"
        )
        await pilot.press("end", "enter", "escape")
        for key in ("f4", "f5", "f6"):
            await pilot.press(key)
            await until(pilot, "this viewer only watches")
            await pilot.press("f9")
            await until(pilot, "not now, this viewer only watches")
        assert line.calls == []
        assert desk.programs == {}

    drive(desk, "slots", scenario)


def test_f1_helps_with_what_has_the_focus_and_the_palette_finds_everything(bench: Bench) -> None:
    async def scenario(pilot: Pilot[None]) -> None:
        await until(pilot, "3 runs")
        await pilot.press("f1")
        told = await until(pilot, "What has the focus")
        assert "Enter plays it again" in told
        await pilot.press("escape", "shift+tab", "f1")
        assert "slot verdict verb serial" in await until(pilot, "What has the focus")
        await pilot.press("escape", "ctrl+p")
        await until(pilot, "What do you want to do?")
        await type_text(pilot, "console of v2")
        told = await until(pilot, "‹v2›")
        assert "[console]" in told

    drive(bench, "records", scenario)


def test_a_database_that_is_gone_is_said_in_words_and_the_screens_go_on(tmp_path: Path) -> None:
    bench = make_bench(tmp_path)
    desk = desk_of(bench)
    desk.records_url = "postgresql://127.0.0.1:1/nobody"

    async def scenario(pilot: Pilot[None]) -> None:
        for key in ("f7", "f3"):
            await pilot.press(key)
            assert "what to do" in await until(pilot, "database-")
        await pilot.press("f2")
        await until(pilot, "nobody")

    drive(desk, "slots", scenario)


def test_a_bench_without_slots_says_so(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, 1)
    bench = type(bench)(name=bench.name, path=bench.path, slots={})

    async def scenario(pilot: Pilot[None]) -> None:
        for entry in SCREENS[:-1]:
            await pilot.press(entry.key)
            await until(pilot, f"[{entry.label}]")
            await pilot.press("f9")
            await pilot.pause()
        await pilot.press("f4")
        await until(pilot, "the bench has no slots")

    drive(bench, "slots", scenario)


def test_leaving_goes_back_to_where_the_engineer_came_from(bench: Bench) -> None:
    left = []
    desk = desk_of(bench)
    desk.leave = lambda: left.append(True)

    async def scenario(pilot: Pilot[None]) -> None:
        await until(pilot, "Esc back")
        await pilot.press("f4", "escape")
        await pilot.pause()

    drive(desk, "slots", scenario)
    assert left == [True]
