"""The engineer's filter of runs: pairs and words find what they say, and nothing typed does harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report_lab import LabLine
from workbench.errors import Blame, WorkbenchError
from workbench.tui.engineer.records import find_runs
from workbench.tui.engineer.run_filter import FilterInvalid, parse_filter


class NoBoot(WorkbenchError):
    """A unit that does not start."""

    code = "no-boot"
    blame = Blame.UNIT
    default_cause = "a bad solder joint"
    default_action = "put the unit aside"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Records with one run on a unit of a lot, which failed."""
    folder = tmp_path_factory.mktemp("line")
    line = LabLine(folder, f"sqlite:///{folder / 'records.sqlite'}")
    line.run("SN-1", NoBoot("it stays dark"))
    line.close()
    return line.url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "slot:v1",
        "verdict:fail verb:UNIT",
        "serial:sn-1 lot:LOT-7 code:no-boot",
        "since:2020-02-28",
        "DARK v1",
        "slot:v1 slot:",
        "sn-1 LOT",
    ],
)
def test_a_run_is_found_by_what_is_true_of_it(url: str, text: str) -> None:
    assert len(find_runs(url, parse_filter(text))) == 1


@pytest.mark.parametrize(
    "text", ["slot:v2", "verdict:PASS", "serial:SN", "lot:L", "code:boot", "since:2999-03-02", "dark bright"]
)
def test_a_run_is_not_found_by_what_is_not(url: str, text: str) -> None:
    assert find_runs(url, parse_filter(text)) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("slto:v1", "did you mean"),
        ("verdict:GOOD", "no verdict"),
        ("since:yesterday", "no time"),
        ("since:0001-01-01", "no time"),
        ("a\x1b[31m:b", "runs have no"),
    ],
)
def test_a_mistake_is_named_with_what_is_possible(text: str, says: str) -> None:
    with pytest.raises(FilterInvalid) as error:
        parse_filter(text)
    assert says in error.value.diagnostics()
    assert "\x1b" not in error.value.diagnostics()


@given(text=st.text(max_size=600))
def test_whatever_is_typed_is_a_filter_or_a_mistake(url: str, text: str) -> None:
    try:
        found = parse_filter(text)
    except FilterInvalid:
        return
    find_runs(url, found)
