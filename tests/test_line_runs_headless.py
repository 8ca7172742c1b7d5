"""`workbench run` carries a recipe out on twins, and says by exit code, events and JUnit what became of
it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from tests.cli_bench import CliBench, Ended, cli_bench
from tests.twin_lab import HELLO

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


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    with cli_bench(2) as made:
        shutil.copy(HELLO, made.folder / "hello.hex")
        (made.folder / "recipe.toml").write_text(RECIPE)
        (made.folder / "asks.toml").write_text(RECIPE + '[[plan]]\nstep = "confirm"\ntext = "green?"\n')
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
    assert sorted(str(suite.get("name")) for suite in suites) == ["S1", "S2"]
    assert {(s.get("tests"), s.get("failures"), s.get("errors")) for s in suites} == {("1", "0", "0")}


def test_a_unit_that_passed_is_refused_with_its_reason_and_nothing_is_touched(
    bench: CliBench, passed: Ended
) -> None:
    assert passed.code == 0
    again = bench.run("run", "recipe.toml", "--lot", "lot.toml", "-s", "v1", "--serial", "s1", "--json")
    assert again.code == 2
    assert again.last["error"]["code"] == "serial-duplicate"
    assert {event["slot"] for event in again.events} == {"v1"}
    assert [event["event"] for event in again.events] == ["run-started", "run-finished"]


def test_a_question_that_nobody_can_answer_is_an_error(bench: CliBench) -> None:
    done = bench.run("run", "asks.toml", "-s", "v2", "--serial", "Q1", "--json", "--junit", "q.xml")
    assert done.code == 3
    assert done.last["error"]["code"] == "answer-impossible"
    assert (suite := ET.parse(bench.folder / "q.xml").getroot()[0]).get("errors") == "1"
    assert suite.get("name") == "Q1"


def test_a_dry_run_touches_nothing(bench: CliBench) -> None:
    done = bench.run("run", "recipe.toml", "--dry-run")
    assert done.code == 0, done
    assert "nothing was touched" in done.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--serial", "A", "--serial", "B", "-s", "v1"], "run-units-unclear"),
        ([], "run-units-unclear"),
        (["--serial", "A", "--count", "1"], "run-units-unclear"),
        (["--serial", "A", "-s", "v9"], "slot-unknown"),
    ],
)
def test_unclear_orders_are_refused_first(bench: CliBench, words: list[str], code: str) -> None:
    done = bench.run("run", "recipe.toml", *words)
    assert (done.code, code in done.err) == (2, True), done
