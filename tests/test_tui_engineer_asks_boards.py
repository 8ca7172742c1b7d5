"""The engineer's screens work with a board: its line, its image slots, attacks on it, the doctor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.pilot import Pilot

from tests.conftest import switch_off
from tests.tui_engineer_lab import WALL, drive, make_bench, until
from workbench.boards.bench import Bench
from workbench.boards.leases import lease_status
from workbench.tui.engineer.alone import desk_of


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One board, erased at first."""
    made = make_bench(tmp_path_factory.mktemp("boards"), 1)
    yield made
    switch_off(made)


def test_trials_come_row_by_row_and_the_board_tells_its_images_afterwards(
    bench: Bench, samples: object
) -> None:
    desk = desk_of(bench)

    async def scenario(pilot: Pilot[None]) -> None:
        await until(pilot, "F9 runs them")
        await pilot.press("enter", "f9")
        question = await until(pilot, "Attack the board in slot v1")
        assert "Trials: flip-magic" in question
        assert "ERASED" in question
        await pilot.press("enter")  # a stray scan says no
        assert desk.programs == {}
        await pilot.press("f9", "f9")
        await until(pilot, lambda: "trials" in desk.programs)
        await pilot.press("f2", "f6")
        await until(pilot, "✔ PASS", 200)
        for words in ("✔ HELD     flip-magic", "control-last", "3 HELD"):
            await until(pilot, words)
        await pilot.press("f5", "f9")
        told = await until(pilot, "active, confirmed")
        assert "profile tier-2-ecdsa" in told
        await pilot.press("f7")
        await until(pilot, "trial")

    drive(desk, "trials", scenario, WALL)


def test_a_line_that_is_open_takes_words_and_one_that_somebody_holds_is_refused(bench: Bench) -> None:
    desk = desk_of(bench)

    async def scenario(pilot: Pilot[None]) -> None:
        await pilot.press("tab", "x", "enter")
        await until(pilot, "nothing was sent")
        await pilot.press("f9")
        await until(pilot, "line open")
        await until(pilot, lambda: lease_status(desk.bench.slot("v1").state_dir).state == "leased")
        await pilot.press("f5", "f9")
        await until(pilot, "slot-leased")
        await pilot.press("f4", "f9")
        await until(pilot, "log only")
        assert "console" not in desk.programs

    drive(desk, "console", scenario, WALL)


def test_the_doctor_says_what_it_finds_and_what_to_do(bench: Bench) -> None:
    async def scenario(pilot: Pilot[None]) -> None:
        told = await until(pilot, "things looked at")
        assert "✔ ok" in told
        assert "python" in told
        await pilot.press("end")
        await until(pilot, "v1")

    drive(bench, "doctor", scenario, WALL)
