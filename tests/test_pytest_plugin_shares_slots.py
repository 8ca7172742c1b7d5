"""Tests in several processes never have one slot at once, use all slots, and leave no lease behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest

from tests.firmware_emulator import SOURCES
from tests.pytest_in_pytest import InnerRun, lease_states, properties, recorded, run_pytest, wait_until
from workbench.boards.bench import Bench
from workbench.boards.leases import lease_slot
from workbench.station.records import RunSummary

HEX = SOURCES / "build/hello-microbit/hello-microbit.hex"

pytestmark = pytest.mark.usefixtures("samples")

EIGHT = f"""
import pytest

@pytest.mark.workbench_flash({str(HEX)!r})
@pytest.mark.parametrize("number", range(8))
def test_talks(board, number):
    board.console.expect(f"chip {{board.chip_id}}", 10)
    board.console.send_line(f"number {{number}}")
    board.console.expect(f"echo: number {{number}}", 10)
    board.power_cycle(0.3)
    board.reset()
    board.console.expect(f"chip {{board.chip_id}}", 10)
"""

WAITS_FOR_EVER = f"""
from pathlib import Path
import os, pytest

@pytest.mark.workbench_flash({str(HEX)!r})
def test_waits(board):
    Path("waiting").write_text(f"{{os.getpid()}} {{board.slot.name}}")
    board.console.expect("what it never says", 80)

def test_after(board):
    board.console.expect("hello-microbit", 5)
"""


@pytest.fixture
def bench(bench_of_twins: Callable[[int], Bench], request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A bench of as many boards as the parameter says, one without; nothing is held at the end."""
    bench = bench_of_twins(getattr(request, "param", 1))
    yield bench
    assert lease_states(bench) == {"free"}


def overlap(one: RunSummary, other: RunSummary) -> bool:
    """Whether both went on at the same moment."""
    return one.started_at < other.finished_at and other.started_at < one.finished_at


@pytest.mark.parametrize("bench", [4], indirect=True)
def test_eight_tests_on_four_boards_run_side_by_side(tmp_path: Path, bench: Bench) -> None:
    done = run_pytest(tmp_path, EIGHT, "-n4", bench=bench)

    assert done.status == 0, done.output
    runs = [run.summary for run in recorded(bench)]
    assert len(runs) == 8
    assert {run.slot for run in runs} == set(bench.slots)
    pairs = list(combinations(runs, 2))
    assert not [(a, b) for a, b in pairs if a.slot == b.slot and overlap(a, b)]
    assert [pair for pair in pairs if overlap(*pair)]
    at_once = max(sum(overlap(run, other) for other in runs) for run in runs)
    assert at_once >= 3
    told = properties(tmp_path)
    assert {junit["run"] for junit in told.values()} == {run.run_id for run in runs}
    assert len({junit["chip-id"] for junit in told.values()}) == 4
    assert {slot.need_power().state() for slot in bench.slots.values()} == {"off"}


@pytest.mark.parametrize("bench", [2], indirect=True)
def test_more_processes_than_slots_take_turns(tmp_path: Path, bench: Bench) -> None:
    done = run_pytest(tmp_path, EIGHT, "-n3", "--workbench-slot=v2", bench=bench)

    assert done.status == 0, done.output
    runs = [run.summary for run in recorded(bench)]
    assert [run.slot for run in runs] == ["v2"] * 8
    assert not [pair for pair in combinations(runs, 2) if overlap(*pair)]
    assert bench.slot("v1").need_power().state() == "off"


def test_a_slot_that_stays_taken_is_an_error_that_names_its_owner(tmp_path: Path, bench: Bench) -> None:
    test = "def test_board(board): ...\n"
    with lease_slot(bench.slot("v1"), "mary@lab", "measuring"):
        done = run_pytest(tmp_path, test, "--workbench-wait=0.2", bench=bench)
    assert "1 error in" in done.output
    assert "mary@lab" in done.output
    assert "measuring" in done.output


def test_ctrl_c_gives_the_board_back_and_is_recorded(tmp_path: Path, bench: Bench) -> None:
    with InnerRun(tmp_path, WAITS_FOR_EVER, bench=bench) as inner:
        inner.wait_for_file("waiting")
        inner.process.send_signal(signal.SIGINT)
        done = inner.end()
    assert done.status == pytest.ExitCode.INTERRUPTED, done.output
    (run,) = recorded(bench)
    assert (run.summary.verdict, run.summary.complete) == ("STOPPED", True)
    assert run.summary.result["outcome"] == "unfinished"
    assert lease_states(bench) == {"free"}
    assert bench.slot("v1").need_power().state() == "off"


def test_a_killed_test_process_leaves_its_slot_to_the_next(tmp_path: Path, bench: Bench) -> None:
    with InnerRun(tmp_path, WAITS_FOR_EVER, "-n1", bench=bench) as inner:
        worker = int(inner.wait_for_file("waiting").split()[0])
        os.kill(worker, signal.SIGKILL)
        done = inner.end()
    assert "1 failed, 1 passed" in done.output, done.output
    assert "crashed" in done.output
    first, second = (run.summary for run in recorded(bench))
    assert (first.verdict, first.complete) == ("ERROR", False)
    assert (second.verdict, second.slot) == ("PASS", "v1")
    assert bench.slot("v1").need_power().state() == "off"


def test_a_killed_pytest_leaves_its_slot_free(tmp_path: Path, bench: Bench) -> None:
    with InnerRun(tmp_path, WAITS_FOR_EVER, bench=bench) as inner:
        inner.wait_for_file("waiting")
        assert lease_states(bench) == {"leased"}
        inner.process.kill()
        inner.process.wait(30)
        wait_until(lambda: lease_states(bench) <= {"free", "abandoned"})
        with lease_slot(bench.slot("v1"), "me", "the next"):
            pass
    (run,) = recorded(bench)
    assert (run.summary.verdict, run.summary.complete) == ("ERROR", False)


def test_a_kicked_test_ends_and_the_others_go_on(tmp_path: Path, bench: Bench) -> None:
    with InnerRun(tmp_path, WAITS_FOR_EVER, bench=bench) as inner:
        inner.wait_for_file("waiting")
        with lease_slot(bench.slot("v1"), "mary@lab", "urgent", kick=True):
            assert bench.slot("v1").need_power().state() == "on"
        done = inner.end()
    assert "1 passed, 1 error" in done.output, done.output
    assert "took the slot with --kick" in done.output
    assert "mary@lab" in done.output
    assert [run.summary.verdict for run in recorded(bench)] == ["STOPPED", "PASS"]


def test_boards_stay_on_where_that_is_asked_for_or_they_were_on(tmp_path: Path, bench: Bench) -> None:
    power = bench.slot("v1").need_power()
    test = "def test_board(board): ...\n"
    assert run_pytest(tmp_path, test, "--workbench-keep-power", bench=bench).status == 0
    assert power.state() == "on"
    assert run_pytest(tmp_path, test, bench=bench).status == 0
    assert power.state() == "on"
