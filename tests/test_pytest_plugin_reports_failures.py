"""A failing test's report shows its board: console, events, what to do; JUnit XML and the records tell the
same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.firmware_emulator import SOURCES
from tests.pytest_in_pytest import lease_states, properties, recorded, run_pytest
from workbench.boards.bench import Bench, load_bench

HEX = SOURCES / "build/hello-microbit/hello-microbit.hex"

OUTCOMES = f"""
import pytest

@pytest.mark.workbench_flash({str(HEX)!r})
def test_good(board):
    board.console.expect("hello-microbit", 5)

def test_unit_is_wrong(board):
    board.console.send_line("\\x1b[31mred\\x1b[0m")
    board.console.expect("red", 5)
    assert board.chip_id == "another"

def test_unit_is_silent(board):
    board.console.expect("no such word", 0.2)

def test_station_is_wrong(board):
    board.power.off()
    with board.debug():
        pass

def test_skips_itself(board):
    pytest.skip("hardware: not today")

@pytest.mark.xfail(reason="known", strict=True)
def test_known(board):
    assert board.chip_id is None

@pytest.fixture
def broken_end(board):
    yield board
    raise OSError("the meter is gone")

def test_ends_badly(broken_end):
    pass

@pytest.fixture
def broken_begin(board):
    raise OSError("no meter")

def test_begins_badly(broken_begin):
    pass
"""

EXPECTED = {
    "test_good": ("PASS", None, "passed"),
    "test_unit_is_wrong": ("FAIL", "test-failed", "failed"),
    "test_unit_is_silent": ("FAIL", "console-timeout", "failed"),
    "test_station_is_wrong": ("ERROR", "probe-missing", "failed"),
    "test_skips_itself": ("STOPPED", "stopped", "skipped"),
    "test_known": ("PASS", None, "xfailed"),
    "test_ends_badly": ("ERROR", "test-error", "error"),
    "test_begins_badly": ("ERROR", "test-error", "error"),
}


@pytest.mark.usefixtures("samples")
def test_report_junit_and_records_tell_the_same(
    tmp_path: Path, bench_of_twins: Callable[[int], Bench]
) -> None:
    bench = bench_of_twins(1)

    done = run_pytest(tmp_path, OUTCOMES, bench=bench)

    assert done.status == 1
    assert re.search(r"2 failed, 2 passed, 1 skipped, 1 xfailed, (\d+ warnings?, )?3 errors", done.output), (
        done.output
    )
    told = properties(tmp_path)
    runs = {run.summary.result["test"].partition("::")[2]: run for run in recorded(bench)}
    for name, (verdict, code, word) in EXPECTED.items():
        run, junit = runs[name].summary, told[name]
        assert (run.verdict, run.result["outcome"], run.complete) == (verdict, word, True), name
        assert (run.error["code"] if run.error else None) == code == junit.get("error"), name
        assert (junit["verdict"], junit["run"]) == (verdict, run.run_id)
        assert (junit["slot"], junit["target"]) == (run.slot, run.target) == ("v1", "microbit-v1")
        assert junit["probe"] == bench.slot("v1").need_probe().unique_id
        assert Path(junit["journal"]).name == run.journal
        assert Path(junit["journal"]).is_file()
        assert junit["chip-id"] in {o.value for o in runs[name].observations if o.what == "chip-id"}
    _check_sections(done.output, told)
    assert lease_states(bench) == {"free"}
    assert bench.slot("v1").need_power().state() == "off"


def _check_sections(output: str, told: dict[str, dict[str, str]]) -> None:
    report = output.partition("test_unit_is_wrong ____")[2].partition("test_unit_is_silent ____")[0]
    assert "workbench: console" in report
    assert "] echo: red\n" in report
    assert "\x1b[31m" not in output
    assert "workbench: events" in report
    assert "step-finished step=reset outcome=PASS" in report
    assert "echo: red" in told["test_unit_is_wrong"]["console"]
    assert "step=reset" in told["test_unit_is_wrong"]["events"]
    assert b"\x1b[31m" in Path(told["test_unit_is_wrong"]["console-log"]).read_bytes()
    assert "console" not in told["test_good"]
    assert "ERROR at call of test_station_is_wrong" in output
    assert "what to do:   plug the board in or switch the slot on" in output
    assert "workbench/probes/" not in output  # the traceback ends in the test's own code


def test_a_board_that_does_not_come_up_is_an_error_and_not_a_failure(
    tmp_path: Path, bench_of_twins: Callable[[int], Bench]
) -> None:
    path = bench_of_twins(1).folder / "real.toml"
    path.write_text(
        '[slots.a1]\ntarget = "microbit-v1"\nprobe = { unique_id = "9900" }\n'
        'power = { driver = "command", on = "false", off = "true", status = "sh -c \'exit 1\'" }\n'
    )
    test = "def test_board(board):\n    raise AssertionError('never')\n"

    done = run_pytest(tmp_path, test, bench=load_bench(path))

    assert done.status == 1
    assert "1 error in" in done.output
    assert "ERROR at setup of test_board" in done.output
    assert "power-failed: slot a1: `false` ended with 1" in done.output
    assert "site-packages" not in done.output
    assert properties(tmp_path)["test_board"]["verdict"] == "ERROR"
    assert [run.summary.verdict for run in recorded(load_bench(path))] == ["ERROR"]


@pytest.mark.usefixtures("samples")
def test_only_as_many_console_lines_are_shown_as_asked_for(
    tmp_path: Path, bench_of_twins: Callable[[int], Bench]
) -> None:
    test = f"""
import pytest

@pytest.mark.workbench_flash({str(HEX)!r})
def test_talks(board):
    for number in range(30):
        board.console.send_line(f"line {{number}}")
        board.console.expect(f"echo: line {{number}}\\r\\n", 5)
    assert False
"""
    done = run_pytest(tmp_path, test, "--workbench-console-lines=5", bench=bench_of_twins(1))
    shown = done.output.partition("workbench: console")[2]
    assert "(26 earlier lines are in the log)" in shown
    assert "echo: line 29" in shown
    assert "echo: line 24" not in shown
