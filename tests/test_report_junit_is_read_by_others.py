"""The JUnit file of runs has what pytest's own has, counts right, and stands whatever a board sent."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report_lab import NASTY, unit_run
from workbench.station.reports.junit import VERDICT_CASE, junit
from workbench.station.reports.unit_run import StepRun, UnitRun

KINDS = {"PASS": None, "FAIL": "failure", "ERROR": "error", "STOPPED": "skipped"}

SUITE = """
import pytest

@pytest.fixture
def broken():
    raise ValueError

def test_passes(record_testsuite_property):
    record_testsuite_property("serial", "A1")
    print("out")

def test_fails(): assert 0
def test_errs(broken): pass
def test_skips(): pytest.skip("no board")
"""


def _read(*runs: UnitRun) -> ET.Element:
    return ET.fromstring(junit(runs, "lot"))


@pytest.mark.parametrize("verdict", KINDS)
def test_each_verdict_has_its_element_with_what_happened_and_what_to_do(verdict: str) -> None:
    (suite,) = _read(unit_run("A1", verdict))
    (case,) = suite.findall("testcase")
    kinds = [child.tag for child in case if child.tag != "system-out"]
    wanted = KINDS[verdict]
    assert kinds == ([] if wanted is None else [wanted])
    counts = {kind: suite.get(kind) for kind in ("failures", "errors", "skipped")}
    plural = {"failure": "failures", "error": "errors", "skipped": "skipped"}
    assert counts == {
        kind: "1" if wanted and plural[wanted] == kind else "0" for kind in ("failures", "errors", "skipped")
    }
    if wanted:
        element = case.find(wanted)
        assert element is not None
        assert element.get("message") == "lab-unit-bad: bad"
        assert "put it aside" in (element.text or "")


def test_steps_that_were_not_done_are_skipped_and_say_why() -> None:
    steps = (
        StepRun(step="flash", title="Flashing", outcome="DONE-BEFORE"),
        StepRun(step="trial", title="Trial", outcome="FAIL", elapsed_s=1.0),
        StepRun(step="label", title="Label", outcome="NOT-REACHED"),
    )
    (suite,) = _read(unit_run("A1", "FAIL", steps=steps, measurements=()))
    assert [(c.get("name"), [e.tag for e in c]) for c in suite.findall("testcase")] == [
        ("flash", ["skipped"]),
        ("trial", ["failure"]),
        ("label", ["skipped"]),
    ]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "2")


@pytest.mark.parametrize("verdict", KINDS)
def test_a_run_whose_steps_do_not_tell_why_it_ended_tells_it_by_a_case_of_its_own(verdict: str) -> None:
    passed = StepRun(step="flash", title="Flashing", outcome="PASS", elapsed_s=1.0)
    (suite,) = _read(unit_run("A1", verdict, steps=(passed,)))
    names = [case.get("name") for case in suite.findall("testcase")]
    assert names == (["flash"] if verdict == "PASS" else ["flash", VERDICT_CASE])
    assert [case.get("name") for case in _read(unit_run(steps=()))[0].findall("testcase")] == [VERDICT_CASE]


@given(st.text(max_size=40), st.text(max_size=40))
def test_it_is_xml_whatever_a_board_sent(serial: str, what: str) -> None:
    error = {"code": "x", "what": what + NASTY, "cause": serial, "action": NASTY}
    root = _read(unit_run(serial, "FAIL", error=error, operator=NASTY, steps=()))
    assert root.find("script") is None
    assert len(root) == 1


def test_it_says_nothing_that_pytest_does_not_say(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    options = ("--junitxml=own.xml", "-o", "junit_family=xunit2", "-o", "junit_logging=system-out")
    pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)
    theirs = _vocabulary(ET.parse(pytester.path / "own.xml").getroot())
    for kind in ("failure", "error"):
        theirs[kind].add("type")  # which all readers know, and pytest leaves out
    ours = _vocabulary(_read(*(unit_run(verdict, verdict) for verdict in KINDS)))
    assert ours.keys() == theirs.keys()
    assert {tag: names - theirs[tag] for tag, names in ours.items() if names - theirs[tag]} == {}


def _vocabulary(root: ET.Element) -> dict[str, set[str]]:
    """Attributes by element."""
    found: dict[str, set[str]] = {}
    for element in root.iter():
        found.setdefault(element.tag, set()).update(element.attrib)
    return found
