"""Runs as JUnit XML, as CI servers read it: a suite for each run on a unit, a test case for each step.

FAIL is a failure, ERROR an error, STOPPED skipped, each with what happened and what to do.  The elements and
attributes are those that pytest writes (its family xunit2).  Pure: gives bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from xml.etree import ElementTree as ET

from workbench.station.reports.unit_run import StepRun, UnitRun
from workbench.station.reports.words import measured

NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped (https://www.w3.org/TR/xml/#charsets)."""
VERDICT_CASE: Final = "verdict"
"""Test case of a run that did not pass though none of its steps says so."""

_KINDS: Final = {"FAIL": "failure", "ERROR": "error", "STOPPED": "skipped"}
_NOT_RUN: Final = {"DONE-BEFORE": "finished by an earlier run", "NOT-REACHED": "the run ended before it"}


def junit(runs: Iterable[UnitRun], name: str = "workbench") -> bytes:
    """The XML file, in UTF-8, of these runs; `name` is the name of the whole."""
    suites = ET.Element("testsuites", name=_clean(name))
    for run in runs:
        suites.append(_suite(run))
    ET.indent(suites)
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(run: UnitRun) -> ET.Element:
    cases = [_case(run, step) for step in run.steps]
    if not cases or (run.verdict != "PASS" and not any(_ended_badly(run, step) for step in run.steps)):
        cases.append(_verdict_case(run))
    suite = ET.Element(
        "testsuite",
        name=_clean(run.unit),
        errors=_count(cases, "error"),
        failures=_count(cases, "failure"),
        skipped=_count(cases, "skipped"),
        tests=str(len(cases)),
        time=_seconds(run.elapsed_s),
        timestamp=run.started_at.isoformat(),
        hostname=_clean(run.station),
    )
    properties = ET.SubElement(suite, "properties")
    for key, value in _facts(run):
        ET.SubElement(properties, "property", name=key, value=_clean(value))
    suite.extend(cases)
    return suite


def _facts(run: UnitRun) -> Iterable[tuple[str, str]]:
    """What the run was, by name; what is not known is left out."""
    named = {
        "verdict": run.verdict,
        "run_id": run.run_id,
        "serial": run.serial,
        "lot": run.lot,
        "attempt": str(run.attempt),
        "recipe": run.recipe,
        "recipe_sha256": run.recipe_sha256,
        "operator": run.operator,
        "slot": run.slot,
        "target": run.target,
        "chip_id": run.chip_id,
        "fingerprint": run.fingerprint,
        "error_code": run.error_code,
    }
    return ((key, value) for key, value in named.items() if value)


def _case(run: UnitRun, step: StepRun) -> ET.Element:
    case = _empty_case(run, step.step, step.elapsed_s or 0.0)
    if step.outcome in _NOT_RUN:
        words = _NOT_RUN[step.outcome]
        ET.SubElement(case, "skipped", type=f"workbench.{step.outcome.lower()}", message=words)
    elif step.outcome != "PASS":
        error = step.error or (run.error if _ended_badly(run, step) else None)
        _add_outcome(case, step.outcome, error)
    if lines := [measured(m) for m in run.measurements if m.step == step.step]:
        ET.SubElement(case, "system-out").text = _clean("\n".join(lines))
    return case


def _verdict_case(run: UnitRun) -> ET.Element:
    case = _empty_case(run, VERDICT_CASE, run.elapsed_s)
    if run.verdict != "PASS":
        _add_outcome(case, run.verdict, run.error)
    return case


def _empty_case(run: UnitRun, name: str, elapsed_s: float) -> ET.Element:
    where = ".".join(re.sub(r"\s+", "-", part) for part in (run.recipe or run.verb, run.slot) if part)
    return ET.Element("testcase", classname=_clean(where), name=_clean(name), time=_seconds(elapsed_s))


def _add_outcome(case: ET.Element, verdict: str, error: Mapping[str, str] | None) -> None:
    told = error or {"code": verdict.lower(), "what": f"ended with {verdict}", "cause": "", "action": ""}
    element = ET.SubElement(case, _KINDS[verdict], type=f"workbench.{told['code']}")
    element.set("message", _clean(f"{told['code']}: {told['what']}"))
    lines = [told["what"], f"likely cause: {told.get('cause', '')}", f"what to do: {told.get('action', '')}"]
    element.text = _clean("\n".join(lines))


def _ended_badly(run: UnitRun, step: StepRun) -> bool:
    """Whether the step ended as the run did, and so tells why."""
    return step.outcome == run.verdict != "PASS"


def _count(cases: list[ET.Element], kind: str) -> str:
    return str(sum(1 for case in cases if case.find(kind) is not None))


def _seconds(elapsed_s: float) -> str:
    return f"{elapsed_s:.3f}"


def _clean(text: str) -> str:
    return NOT_XML.sub("\ufffd", text)
