"""`workbench run` carries a recipe out on twins, and says by exit code, events and JUnit what became of
it.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from tests.cli_bench import CliBench, Ended, cli_bench, ended, until
from tests.twin_lab import HELLO
from workbench.boards.bench import load_bench
from workbench.station.line.latch import latch
from workbench.station.line.state import ErrorView

pytestmark = pytest.mark.xdist_group("line headless")

RECIPE = """
[recipe]
name = "hello"
target = "microbit-v1"
start = "confirm"
[release]
firmware = "hello.hex"
[[plan]]
step = "flash"
"""

WAITS = RECIPE + '[[plan]]\nstep = "expect"\npattern = "never said"\nwithin_s = 100\n'


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    with cli_bench(2) as made:
        shutil.copy(HELLO, made.folder / "hello.hex")
        (made.folder / "recipe.toml").write_text(RECIPE)
        (made.folder / "asks.toml").write_text(RECIPE + '[[plan]]\nstep = "confirm"\ntext = "green?"\n')
        (made.folder / "waits.toml").write_text(WAITS)
        lot = '[lot]\nid = "seven"\n[serial]\nrule = "range"\nprefix = "S"\nfirst = 1\nlast = 2\n'
        (made.folder / "lot.toml").write_text(lot)
        yield made


@pytest.fixture(scope="module")
def passed(bench: CliBench) -> Ended:
    """Two units of the lot that were run at once."""
    return bench.run("run", "recipe.toml", "--lot", "lot.toml", "--junit", "out/j.xml", "--plain")


def test_two_units_at_once_pass_and_leave_a_junit_file(bench: CliBench, passed: Ended) -> None:
    assert passed.code == 0, passed
    assert "2 of 2 units passed" in passed.out
    assert "S1" in passed.out
    assert "S2" in passed.out
    suites = ET.parse(bench.folder / "out" / "j.xml").getroot()
    assert [suite.get("name") for suite in suites] == ["S1", "S2"], "in the order of the slots"
    assert {suite.get("hostname") for suite in suites} == {os.uname().nodename}
    assert {(s.get("tests"), s.get("failures"), s.get("errors")) for s in suites} == {("1", "0", "0")}


def test_a_unit_that_passed_is_refused_with_its_reason_and_nothing_is_touched(
    bench: CliBench, passed: Ended
) -> None:
    assert passed.code == 0
    words = ["run", "recipe.toml", "--lot", "lot.toml", "-s", "v1", "--serial", "s1", "--json"]
    again = bench.run(*words, "--junit", "again.xml")
    assert again.code == 2
    assert again.last["error"]["code"] == "serial-duplicate"
    assert {event["slot"] for event in again.events} == {"v1"}
    assert [event["event"] for event in again.events] == ["run-started", "run-finished"]
    (suite,) = ET.parse(bench.folder / "again.xml").getroot()
    assert (suite.get("name"), suite.get("errors")) == ("s1", "1")


def test_a_question_that_nobody_can_answer_is_an_error(bench: CliBench) -> None:
    done = bench.run("run", "asks.toml", "-s", "v2", "--serial", "Q1", "--json", "--junit", "q.xml")
    assert done.code == 3
    assert done.last["error"]["code"] == "answer-impossible"
    assert (suite := ET.parse(bench.folder / "q.xml").getroot()[0]).get("errors") == "1"
    assert suite.get("name") == "Q1"


def test_what_is_no_clear_yes_is_no(bench: CliBench) -> None:
    keyboard, terminal = os.openpty()
    os.write(keyboard, b"\n")
    done = ended(bench.begin("run", "asks.toml", "-s", "v1", "--serial", "N1", "--plain", stdin=terminal))
    for fd in (keyboard, terminal):
        os.close(fd)
    assert "v1: green? (y and Enter for yes" in done.err
    assert (done.code, "not-confirmed" in done.out) == (1, True), done


def test_a_second_ctrl_c_ends_a_step_at_once_and_is_no_success(bench: CliBench) -> None:
    process = bench.begin("run", "waits.toml", "-s", "v2", "--serial", "W1", "--json", "--junit", "w.xml")
    until(process, "step-started", step="expect")
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert "after its current step" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.code == 130
    assert [(e["event"], e["slot"]) for e in done.events][-1] == ("run-finished", "v2")
    assert done.last["error"]["code"] == "slot-process-died"
    (suite,) = ET.parse(bench.folder / "w.xml").getroot()
    assert (suite.get("name"), suite.get("errors")) == ("W1", "1")


def test_a_dry_run_touches_nothing(bench: CliBench) -> None:
    done = bench.run("run", "recipe.toml", "--dry-run")
    assert done.code == 0, done
    assert "nothing was touched" in done.out


def test_a_dry_run_tells_programs_each_step_of_each_slot(bench: CliBench) -> None:
    done = bench.run("run", "recipe.toml", "--dry-run", "--json")
    assert done.code == 0, done
    steps = done.observed("planned-step")
    assert [(step["slot"], step["step"], step["irreversible"]) for step in steps] == [
        ("v1", "flash", False),
        ("v2", "flash", False),
    ]
    assert done.last["result"]["slots"] == ["v1", "v2"]


def test_a_junit_file_that_cannot_be_written_is_said_before_a_unit_begins(bench: CliBench) -> None:
    done = bench.run("run", "recipe.toml", "--serial", "J1", "-s", "v1", "--json", "--junit", ".")
    assert (done.code, done.last["error"]["code"]) == (3, "report-unwritable")
    assert [event["event"] for event in done.events] == ["run-started", "run-finished"]


def test_a_broken_slot_says_why_and_takes_units_when_somebody_has_looked(bench: CliBench) -> None:
    view = ErrorView(code="step-hangs", blame="station", what="it hung", cause="?", action="look")
    assert latch(load_bench(bench.folder / "bench.toml").slot("v2").state_dir, view, "X1")
    done = bench.run("run", "recipe.toml", "--serial", "X2", "-s", "v2", "--json")
    assert (done.code, done.last["error"]["code"]) == (3, "slot-broken")
    assert done.last["error"]["cause"] == "it hung"
    assert "`workbench slot acknowledge v2`" in done.last["error"]["action"]
    seen = bench.run("slot", "acknowledge", "v2", "--json")
    assert (seen.code, seen.last["result"]["was"]["code"]) == (0, "step-hangs")
    assert {slot["broken"] for slot in bench.run("slot", "list", "--json").observed("slot")} == {None}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--serial", "A", "--serial", "B", "-s", "v1"], "run-units-unclear"),
        ([], "run-units-unclear"),
        (["--serial", "A", "--count", "1"], "run-units-unclear"),
        (["--serial", "A", "--serial", "B", "--rma", "rma-1"], "run-units-unclear"),
        (["--serial", "A", "-s", "v9"], "slot-unknown"),
    ],
)
def test_unclear_orders_are_refused_first(bench: CliBench, words: list[str], code: str) -> None:
    done = bench.run("run", "recipe.toml", *words)
    assert (done.code, code in done.err) == (2, True), done
