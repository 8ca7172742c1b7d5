"""A run as a test record of OpenHTF, in the JSON form that its `OutputToJSON` writes.  Pure.

Field names, types, outcomes and their meaning are those of records that OpenHTF 1.6.3 wrote of tests that
passed, failed, erred and were aborted.  A step is a phase; STOPPED is the outcome ABORTED.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from workbench.station.reports.openhtf_units import unit_of
from workbench.station.reports.unit_run import Measurement, StepRun, UnitRun, Value

OUTCOMES: Final = {"PASS": "PASS", "FAIL": "FAIL", "ERROR": "ERROR", "STOPPED": "ABORTED"}
"""Outcome of a test by verdict."""
PHASE_OUTCOMES: Final = {
    "PASS": "PASS",
    "FAIL": "FAIL",
    "ERROR": "ERROR",
    "STOPPED": "ERROR",
    "DONE-BEFORE": "SKIP",
}
"""Outcome of a phase by that of a step."""
OPTIONS: Final[dict[str, Any]] = {
    "name": None,
    "timeout_s": None,
    "run_if": None,
    "requires_state": False,
    "force_repeat": False,
    "repeat_on_measurement_fail": False,
    "repeat_on_timeout": False,
    "repeat_limit": None,
    "run_under_pdb": False,
    "phase_name_case": "KEEP",
    "stop_on_measurement_fail": False,
}
"""Options of a phase, as they are where a test sets none."""
UNKNOWN_DUT: Final = "UNKNOWN_DUT"
"""What OpenHTF calls a unit whose serial number nobody gave."""
CONFIG: Final = {"stop_on_first_failure": True}
"""What a reader of OpenHTF's configuration may want to know: why nothing follows a phase that failed."""


def record_of(run: UnitRun) -> dict[str, Any]:
    """The record; phases that were not reached are left out, as OpenHTF does."""
    return {
        "dut_id": run.serial or UNKNOWN_DUT,
        "start_time_millis": _millis(run.started_at),
        "end_time_millis": _millis(run.finished_at),
        "outcome": OUTCOMES[run.verdict],
        "outcome_details": _details(run.error),
        "marginal": _marginal(run.verdict),
        "metadata": _metadata(run),
        "phases": _phases(run),
        "subtests": [],
        "branches": [],
        "diagnosers": [],
        "diagnoses": [],
        "log_records": [],
        "station_id": run.station,
        "code_info": _code(run.recipe or run.verb),
    }


def _metadata(run: UnitRun) -> dict[str, Any]:
    known = {
        "lot": run.lot,
        "attempt": run.attempt,
        "run_id": run.run_id,
        "slot": run.slot,
        "target": run.target,
        "operator": run.operator,
        "recipe_sha256": run.recipe_sha256,
        "chip_id": run.chip_id,
        "fingerprint": run.fingerprint,
        "workbench": run.version,
    }
    return {
        "test_name": run.recipe or run.verb,
        **{name: said for name, said in known.items() if said},
        "config": dict(CONFIG),
    }


def _phases(run: UnitRun) -> list[dict[str, Any]]:
    """One after the other; where it is not known when one began, right after the one before it."""
    phases: list[dict[str, Any]] = []
    millis = _millis(run.started_at)
    for step in run.steps:
        if step.outcome != "NOT-REACHED":
            began = _millis(step.began_at) if step.began_at else millis
            phases.append(_phase(run, step, len(phases), began))
            millis = phases[-1]["end_time_millis"]
    return phases


def _phase(run: UnitRun, step: StepRun, number: int, began: int) -> dict[str, Any]:
    measured = [m for m in run.measurements if m.step == step.step]
    return {
        "descriptor_id": number,
        "name": step.step,
        "codeinfo": _code(step.step, None if step.title == step.step else step.title),
        "measurements": {m.name: _measurement(m) for m in measured},
        "options": dict(OPTIONS),
        "diagnosers": [],
        "subtest_name": None,
        "start_time_millis": began,
        "end_time_millis": began + round(1000 * (step.elapsed_s or 0)),
        "attachments": {},
        "diagnosis_results": [],
        "failure_diagnosis_results": [],
        "result": {"phase_result": _result(step, measured)},
        "outcome": PHASE_OUTCOMES[step.outcome],
        "marginal": _marginal(step.outcome),
    }


def _result(step: StepRun, measured: Sequence[Measurement]) -> Any:
    """What the phase gave back.  A terminal result, or none, would be an ERROR and not a FAIL."""
    match step.outcome:
        case "PASS":
            return "CONTINUE"
        case "FAIL":
            return "FAIL_AND_CONTINUE" if all(m.passed for m in measured) else "CONTINUE"
        case "ERROR":
            return _exception(step.error)
        case "DONE-BEFORE":
            return "SKIP"
        case _:
            return None


def _marginal(outcome: str) -> bool | None:
    """Only of what passed is it known that it did not pass narrowly."""
    return False if outcome == "PASS" else None


def _measurement(m: Measurement) -> dict[str, Any]:
    told: dict[str, Any] = {"name": m.name, "outcome": "PASS" if m.passed else "FAIL"}
    if m.low is not None or m.high is not None:
        told["validators"] = [_in_range(m.low, m.high)]
    if m.unit:
        told["units"] = unit_of(m.unit)
    told["measured_value"] = _json_safe(m.value)
    return told


def _in_range(low: float | None, high: float | None) -> str:
    """As OpenHTF's range validator describes itself."""
    if low is not None and low == high:
        return f"x == {low}"
    if low is None:
        return f"x <= {high}"
    return f"{low} <= x" if high is None else f"{low} <= x <= {high}"


def _details(error: Mapping[str, str] | None) -> list[dict[str, str]]:
    if error is None:
        return []
    said = [error.get("what", ""), error.get("action", "")]
    return [{"code": error["code"], "description": "; ".join(part for part in said if part)}]


def _exception(error: Mapping[str, str] | None) -> dict[str, str]:
    told = error or {}
    return {"exc_type": told.get("code", ""), "exc_val": told.get("what", ""), "exc_tb": ""}


def _code(name: str, title: str | None = None) -> dict[str, Any]:
    return {"name": name, "docstring": title, "sourcecode": ""}


def _json_safe(measured: Value) -> Value:
    return str(measured) if isinstance(measured, float) and not math.isfinite(measured) else measured


def _millis(at: datetime) -> int:
    return round(1000 * at.timestamp())
