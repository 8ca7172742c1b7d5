"""CSV, JSON and OpenHTF files hold what the runs were, in the form that their readers expect."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report_lab import NASTY, unit_run
from workbench.station.reports import as_json
from workbench.station.reports.openhtf import OUTCOMES, record_of
from workbench.station.reports.statistics import statistics
from workbench.station.reports.tables import HEADINGS, csv_lines
from workbench.station.reports.unit_run import Measurement, StepRun, UnitRun

TEST_RECORD = {
    "dut_id": str,
    "start_time_millis": int,
    "end_time_millis": int,
    "outcome": str,
    "outcome_details": list,
    "marginal": bool,
    "metadata": dict,
    "phases": list,
    "subtests": list,
    "branches": list,
    "diagnosers": list,
    "diagnoses": list,
    "log_records": list,
    "station_id": str,
    "code_info": dict,
}
"""Fields of a test record as OpenHTF 1.6 writes it: openhtf/core/test_record.py, TestRecord.as_base_types."""
PHASE_RECORD = {
    "descriptor_id",
    "name",
    "codeinfo",
    "measurements",
    "options",
    "diagnosers",
    "subtest_name",
    "start_time_millis",
    "end_time_millis",
    "attachments",
    "diagnosis_results",
    "failure_diagnosis_results",
    "result",
    "outcome",
    "marginal",
}
"""As above, PhaseRecord.as_base_types."""


def _rows(run: UnitRun, kind: str = "runs") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(csv_lines([run], kind)), newline="")))


@pytest.mark.parametrize("kind", HEADINGS)
def test_a_csv_file_has_a_heading_and_as_many_cells_in_each_row(kind: str) -> None:
    (row,) = _rows(unit_run("A1", "FAIL"), kind)
    assert tuple(row) == HEADINGS[kind]
    assert row["serial"] == "A1"
    assert None not in row.values()


@given(st.text(max_size=20))
def test_no_cell_of_a_csv_file_is_a_formula_and_no_text_breaks_it(what: str) -> None:
    for text in (what, f"={what}", f"@{what}", NASTY):
        error = {"code": "x", "what": text, "cause": "", "action": ""}
        (row,) = _rows(unit_run("A1", "FAIL", error=error))
        assert row["verdict"] == "FAIL"
        assert row["error"][:1] not in ("=", "+", "-", "@", "\t", "\r")


def test_numbers_stay_numbers_in_a_csv_file() -> None:
    m = Measurement(step="s", name="t", value=-3.5, low=-10.0)
    (row,) = _rows(unit_run(measurements=(m,)), "measurements")
    assert (row["value"], row["low"], row["high"], row["passed"]) == ("-3.5", "-10.0", "", "true")


def test_a_json_report_is_json_with_its_shares() -> None:
    nan = Measurement(step="s", name="t", value=float("nan"))
    runs = [unit_run("A1"), unit_run("A2", "FAIL", measurements=(nan,))]
    text = json.dumps(as_json.report(statistics(runs), runs, about="lot"), allow_nan=False)
    told = json.loads(text)
    assert told["schema"] == as_json.SCHEMA
    assert told["statistics"]["yield"] == told["statistics"]["first_pass_yield"] == 0.5
    assert [run["serial"] for run in told["runs"]] == ["A1", "A2"]
    assert told["runs"][0]["started_at"] == "2026-01-02T12:00:00+00:00"


def _record(run: UnitRun) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(record_of(run), allow_nan=False))
    return told


@pytest.mark.parametrize("verdict", OUTCOMES)
def test_an_openhtf_record_has_the_fields_and_outcomes_of_openhtf(verdict: str) -> None:
    told = _record(unit_run("A1", verdict))
    assert {name: type(value) for name, value in told.items()} == TEST_RECORD
    assert told["outcome"] in {"PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED"}
    (phase,) = told["phases"]
    assert set(phase) == PHASE_RECORD
    assert phase["outcome"] in {"PASS", "FAIL", "SKIP", "ERROR"}
    assert phase["end_time_millis"] - phase["start_time_millis"] == 500
    assert [d["code"] for d in told["outcome_details"]] == ([] if verdict == "PASS" else ["lab-unit-bad"])


def test_measurements_of_an_openhtf_record_lie_in_their_phase_with_limits_and_unit() -> None:
    measured = (
        Measurement(step="flash", name="supply", value=3.9, unit="V", low=3.0, high=3.6, passed=False),
        Measurement(step="flash", name="leak", value=float("inf"), high=1.0, passed=False),
        Measurement(step="other", name="elsewhere", value=1),
    )
    (phase,) = _record(unit_run("A1", "FAIL", measurements=measured))["phases"]
    assert phase["measurements"] == {
        "supply": {
            "name": "supply",
            "outcome": "FAIL",
            "validators": ["3.0 <= x <= 3.6"],
            "units": {"name": "V", "code": None, "suffix": "V"},
            "measured_value": 3.9,
        },
        "leak": {"name": "leak", "outcome": "FAIL", "validators": ["x <= 1.0"], "measured_value": "inf"},
    }


def test_an_openhtf_record_leaves_out_what_was_not_reached_and_skips_what_was_done_before() -> None:
    steps = (
        StepRun(step="a", title="A", outcome="DONE-BEFORE"),
        StepRun(step="b", title="B", outcome="STOPPED", elapsed_s=1.0),
        StepRun(step="c", title="C", outcome="NOT-REACHED"),
    )
    phases = _record(unit_run("A1", "STOPPED", steps=steps))["phases"]
    assert [(p["name"], p["outcome"]) for p in phases] == [("a", "SKIP"), ("b", "ERROR")]
