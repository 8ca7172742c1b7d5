"""A run as OpenHTF has the form of the records that OpenHTF itself writes.

The facts were taken from records that OpenHTF 1.6.3 wrote by `OutputToJSON` of tests with phases that passed,
failed, were skipped, raised an exception, and were aborted by SIGINT.
"""

from __future__ import annotations

import json
from types import NoneType
from typing import Any

import pytest

from tests.report_lab import unit_run
from workbench.station.reports.openhtf import OUTCOMES, record_of
from workbench.station.reports.openhtf_units import UNITS, unit_of
from workbench.station.reports.unit_run import Measurement, StepRun, UnitRun

CODE_INFO = {"name": {str}, "docstring": {str, NoneType}, "sourcecode": {str}}
TEST_RECORD = {
    "dut_id": {str},
    "start_time_millis": {int},
    "end_time_millis": {int},
    "outcome": {"PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED"},
    "outcome_details": [{"code": {str}, "description": {str}}],
    "marginal": {bool, NoneType},
    "metadata": {"test_name": {str}, "config": {"stop_on_first_failure": {bool}}},
    "phases": [{}],
    "subtests": [],
    "branches": [],
    "diagnosers": [],
    "diagnoses": [],
    "log_records": [],
    "station_id": {str},
    "code_info": CODE_INFO,
}
"""A test record; a set holds the types or the words that a value may have."""
OPTIONS = {
    "name": {NoneType},
    "timeout_s": {NoneType},
    "run_if": {NoneType},
    "requires_state": {bool},
    "force_repeat": {bool},
    "repeat_on_measurement_fail": {bool},
    "repeat_on_timeout": {bool},
    "repeat_limit": {NoneType},
    "run_under_pdb": {bool},
    "phase_name_case": {"KEEP"},
    "stop_on_measurement_fail": {bool},
}
PHASE_RECORD = {
    "descriptor_id": {int},
    "name": {str},
    "codeinfo": CODE_INFO,
    "measurements": {},
    "options": OPTIONS,
    "diagnosers": [],
    "subtest_name": {NoneType},
    "start_time_millis": {int},
    "end_time_millis": {int},
    "attachments": {},
    "diagnosis_results": [],
    "failure_diagnosis_results": [],
    "result": {"phase_result": {str, dict, NoneType}},
    "outcome": {"PASS", "FAIL", "SKIP", "ERROR"},
    "marginal": {bool, NoneType},
}
EXCEPTION = {"exc_type": {str}, "exc_val": {str}, "exc_tb": {str}}
MEASUREMENT = {
    "name": {str},
    "outcome": {"PASS", "FAIL", "UNSET", "PARTIALLY_SET", "SKIPPED"},
    "validators": [{str}],
    "units": {"name": {str}, "code": {str}, "suffix": {str}},
    "measured_value": {float, int, str, bool},
}
MEASURED = (
    Measurement(step="flash", name="supply", value=3.9, unit="V", low=3.0, high=3.6, passed=False),
    Measurement(step="flash", name="leak", value=float("inf"), high=1.0, passed=False),
    Measurement(step="flash", name="count", value=7, low=7, high=7),
    Measurement(step="flash", name="load", value=0.5, unit="furlong", low=0.1),
    Measurement(step="other", name="elsewhere", value=1),
)


def _record(run: UnitRun) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(record_of(run), allow_nan=False))
    return told


def _differs(told: Any, form: Any, place: str = "") -> list[str]:
    """Where `told` has not the form; an empty form of an object says nothing of its names."""
    if isinstance(form, set):
        return [] if type(told) in form or (isinstance(told, str) and told in form) else [f"{place}: {told}"]
    if type(told) is not type(form):
        return [f"{place}: {told}"]
    if isinstance(form, list):
        return [d for item in told for d in (_differs(item, form[0], f"{place}[]") if form else [place])]
    wrong = [f"{place}.{name}" for name in form.keys() ^ told.keys()] if form and place != ".metadata" else []
    return wrong + [
        d for name in form.keys() & told.keys() for d in _differs(told[name], form[name], f"{place}.{name}")
    ]


@pytest.mark.parametrize("verdict", OUTCOMES)
def test_a_record_has_the_fields_types_and_words_of_openhtf(verdict: str) -> None:
    told = _record(unit_run("A1", verdict))
    assert _differs(told, TEST_RECORD) == []
    (phase,) = told["phases"]
    assert _differs(phase, PHASE_RECORD) == []
    assert phase["end_time_millis"] - phase["start_time_millis"] == 500
    assert told["start_time_millis"] == 1_767_355_200_000, "noon of 2 January 2026 in UTC"
    assert told["marginal"] is phase["marginal"] is (False if verdict == "PASS" else None)
    assert [d["code"] for d in told["outcome_details"]] == ([] if verdict == "PASS" else ["lab-unit-bad"])


RESULTS = {
    "PASS": ("PASS", "CONTINUE"),
    "FAIL": ("FAIL", "FAIL_AND_CONTINUE"),
    "ERROR": ("ERROR", {"exc_type": "lab-unit-bad", "exc_val": "bad", "exc_tb": ""}),
    "STOPPED": ("ERROR", None),
}


@pytest.mark.parametrize("verdict", RESULTS)
def test_the_result_of_a_phase_is_one_by_which_openhtf_comes_to_its_outcome(verdict: str) -> None:
    (phase,) = _record(unit_run("A1", verdict))["phases"]
    assert (phase["outcome"], phase["result"]["phase_result"]) == RESULTS[verdict]


def test_a_phase_that_only_its_measurements_fail_goes_on() -> None:
    (phase,) = _record(unit_run("A1", "FAIL", measurements=MEASURED))["phases"]
    assert (phase["outcome"], phase["result"]["phase_result"]) == ("FAIL", "CONTINUE")


def test_measurements_lie_in_their_phase_with_limits_and_unit() -> None:
    (phase,) = _record(unit_run("A1", "FAIL", measurements=MEASURED))["phases"]
    told = phase["measurements"]
    for m in told.values():
        assert _differs(m, {name: MEASUREMENT[name] for name in m}) == []
    assert told == {
        "supply": {
            "name": "supply",
            "outcome": "FAIL",
            "validators": ["3.0 <= x <= 3.6"],
            "units": {"name": "volt", "code": "VLT", "suffix": "V"},
            "measured_value": 3.9,
        },
        "leak": {"name": "leak", "outcome": "FAIL", "validators": ["x <= 1.0"], "measured_value": "inf"},
        "count": {"name": "count", "outcome": "PASS", "validators": ["x == 7"], "measured_value": 7},
        "load": {
            "name": "load",
            "outcome": "PASS",
            "validators": ["0.1 <= x"],
            "units": {"name": "furlong", "code": "ZZ", "suffix": "furlong"},
            "measured_value": 0.5,
        },
    }


def test_a_unit_is_found_by_its_suffix_or_another_spelling() -> None:
    assert unit_of("ohm") == {"name": "ohm", "code": "OHM", "suffix": "Ω"}
    assert all(unit_of(suffix)["suffix"] == suffix for suffix in UNITS)


def test_what_was_not_reached_is_left_out_and_what_was_done_before_is_skipped() -> None:
    steps = (
        StepRun(step="a", title="A", outcome="DONE-BEFORE"),
        StepRun(step="b", title="B", outcome="STOPPED", elapsed_s=1.0),
        StepRun(step="c", title="C", outcome="NOT-REACHED"),
    )
    phases = _record(unit_run("A1", "STOPPED", steps=steps))["phases"]
    assert [(p["name"], p["outcome"]) for p in phases] == [("a", "SKIP"), ("b", "ERROR")]
    assert [p["codeinfo"]["docstring"] for p in phases] == ["A", "B"]


def test_a_run_without_a_serial_number_is_of_an_unknown_unit() -> None:
    assert _record(unit_run(serial=None))["dut_id"] == "UNKNOWN_DUT"  # type: ignore[arg-type]
