"""The engineer's filter of runs: pairs and words find what they say, and nothing typed does harm."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.station.records import RunSummary
from workbench.tui.engineer.run_filter import FilterInvalid, parse_filter


def run_of(**more: Any) -> RunSummary:
    """A run in the records."""
    values: dict[str, Any] = {
        "run_id": "1a2b3c4d-0000-4000-8000-000000000000",
        "verb": "unit",
        "slot": "v1",
        "target": "microbit-v1",
        "verdict": "FAIL",
        "started_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "finished_at": datetime(2026, 3, 1, 12, 1, tzinfo=UTC),
        "elapsed_s": 60.0,
        "result": {"serial": "SN-1", "lot": "L7"},
        "error": {"code": "no-boot", "blame": "unit", "what": "it stays dark", "cause": "", "action": ""},
        "host": "s1",
        "version": "0.1.0",
        "complete": True,
        "journal": "j.jsonl",
        "journal_sha256": "0" * 64,
    }
    return RunSummary(**values | more)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "slot:v1",
        "verdict:fail verb:UNIT",
        "serial:sn-1 lot:l7 code:no-boot",
        "since:2026-02-28",
        "DARK v1",
        "slot:v1 slot:",
        "1a2b",
    ],
)
def test_a_run_is_found_by_what_is_true_of_it(text: str) -> None:
    assert parse_filter(text).fits(run_of())


@pytest.mark.parametrize(
    "text", ["slot:v2", "verdict:PASS", "serial:SN", "lot:L", "code:boot", "since:2026-03-02", "dark bright"]
)
def test_a_run_is_not_found_by_what_is_not(text: str) -> None:
    assert not parse_filter(text).fits(run_of())


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


def test_the_database_answers_alone_only_what_it_knows() -> None:
    assert parse_filter("slot:v1 verdict:PASS since:2026-01-01").in_database
    assert not parse_filter("slot:v1 serial:A1").in_database
    assert not parse_filter("anything").in_database


@given(st.text(max_size=600))
def test_whatever_is_typed_is_a_filter_or_a_mistake(text: str) -> None:
    try:
        found = parse_filter(text)
    except FilterInvalid:
        return
    found.fits(run_of())
    found.fits(run_of(error=None, result={}, slot=None))
