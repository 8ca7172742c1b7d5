"""One run on a unit, as reports tell of it.  Pure: made from a run's events, or from a row of attempts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from workbench.events import Verdict

Value = float | int | str | bool
StepOutcome = Literal["PASS", "FAIL", "ERROR", "STOPPED", "DONE-BEFORE", "NOT-REACHED"]
"""A step's own verdict; or an earlier run had finished it; or the run ended before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """A step of a run.  `began_at` and `elapsed_s` are None where it did not begin in this run."""

    step: str
    title: str
    outcome: StepOutcome
    began_at: datetime | None = None
    elapsed_s: float | None = None
    error: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A value that a step measured, as the event `Measured` has it."""

    step: str
    name: str
    value: Value
    unit: str = ""
    low: float | None = None
    high: float | None = None
    passed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRun:
    """A run on a unit, or on what was in a slot where `serial` is None.

    `attempt` counts the unit's runs from 1; `error` is WorkbenchError.as_dict() or None, times are in UTC;
    `station` is the machine, `recipe_sha256` tells exactly which recipe it was.
    """

    run_id: str
    verdict: Verdict
    started_at: datetime
    finished_at: datetime
    elapsed_s: float
    verb: str = "unit"
    serial: str | None = None
    lot: str | None = None
    station: str = ""
    slot: str | None = None
    target: str | None = None
    operator: str | None = None
    recipe: str | None = None
    recipe_sha256: str | None = None
    attempt: int = 1
    error: Mapping[str, str] | None = None
    chip_id: str | None = None
    fingerprint: str | None = None
    steps: tuple[StepRun, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    version: str = ""

    @property
    def error_code(self) -> str | None:
        """Code of the error, None for PASS."""
        return self.error["code"] if self.error else None

    @property
    def unit(self) -> str:
        """What names the unit: its serial number, or else its slot, or else the run."""
        return self.serial or self.slot or self.run_id[:8]


def from_events(events: Iterable[Mapping[str, Any]], **given: Any) -> UnitRun:
    """The run that these events, in their public form, tell of; `given` are fields that no event holds.

    A run without an end is an ERROR.  Raises ValueError where there is no event, or no beginning.
    """
    listed = list(events)
    if not listed or listed[0].get("event") != "run-started":
        raise ValueError("events of a run begin with run-started")
    first, last = listed[0], listed[-1]
    unit = next((e for e in listed if e["event"] == "unit-began"), {})
    ended = next((e for e in listed if e["event"] == "run-finished"), None)
    result: Mapping[str, Any] = ended["result"] if ended else {}
    began_at, ended_at = _time(first), _time(ended or last)
    fields: dict[str, Any] = {
        "run_id": first["run_id"],
        "verb": first["verb"],
        "slot": first.get("slot"),
        "target": first.get("target"),
        "verdict": ended["verdict"] if ended else "ERROR",
        "error": ended["error"] if ended else None,
        "started_at": began_at,
        "finished_at": max(began_at, ended_at),
        "elapsed_s": ended["elapsed_s"] if ended else max(0.0, (ended_at - began_at).total_seconds()),
        "serial": unit.get("serial") or _text(result, "serial"),
        "lot": unit.get("lot") or _text(result, "lot"),
        "operator": unit.get("operator") or _text(result, "operator"),
        "recipe": unit.get("recipe") or _text(result, "recipe"),
        "recipe_sha256": _text(result, "recipe_sha256"),
        "attempt": int(unit.get("attempt") or result.get("attempt") or 1),
        "chip_id": _text(result, "chip_id") or _observed(listed, "chip-id"),
        "fingerprint": _text(result, "fingerprint"),
        "steps": tuple(_steps(listed, unit.get("steps") or [])),
        "measurements": tuple(measurement(e) for e in listed if e["event"] == "measured"),
    }
    return UnitRun(**{**fields, **given})


def measurement(told: Mapping[str, Any]) -> Measurement:
    """The measurement of an event or of a result's list; raises KeyError where it has no name or value."""
    return Measurement(
        step=str(told.get("step", "")),
        name=str(told["name"]),
        value=told["value"],
        unit=str(told.get("unit") or ""),
        low=told.get("low"),
        high=told.get("high"),
        passed=bool(told.get("passed", True)),
    )


def step_run(told: Mapping[str, Any]) -> StepRun:
    """The step of a result's list: {"step", "outcome", "elapsed_s"}, with more where there is more."""
    step = str(told["step"])
    return StepRun(
        step=step,
        title=str(told.get("title") or step),
        outcome=cast(StepOutcome, told.get("outcome") or "NOT-REACHED"),
        elapsed_s=told.get("elapsed_s"),
        error=told.get("error"),
    )


def _steps(events: list[Mapping[str, Any]], plan: list[Mapping[str, Any]]) -> list[StepRun]:
    """The steps that ran, in their order, and those of the plan that did not, in their places."""
    ran: dict[str, StepRun] = {}
    for event in events:
        if event["event"] == "step-started":
            ran[event["step"]] = StepRun(
                step=event["step"], title=event["title"], outcome="ERROR", began_at=_time(event)
            )
        elif event["event"] == "step-finished":
            begun = ran.get(event["step"])
            ran[event["step"]] = StepRun(
                step=event["step"],
                title=begun.title if begun else event["step"],
                outcome=event["outcome"],
                began_at=begun.began_at if begun else None,
                elapsed_s=event["elapsed_s"],
                error=event.get("error"),
            )
    names = [str(step["step"]) for step in plan]
    planned = [ran[name] if name in ran else _not_run(step) for name, step in zip(names, plan, strict=True)]
    return [*planned, *(step for name, step in ran.items() if name not in names)]


def _not_run(step: Mapping[str, Any]) -> StepRun:
    outcome: StepOutcome = "DONE-BEFORE" if step.get("done") else "NOT-REACHED"
    return StepRun(step=str(step["step"]), title=str(step.get("title") or step["step"]), outcome=outcome)


def _observed(events: list[Mapping[str, Any]], what: str) -> str | None:
    found = next((e["value"] for e in events if e["event"] == "observed" and e["what"] == what), None)
    return found if isinstance(found, str) else None


def _text(result: Mapping[str, Any], name: str) -> str | None:
    value = result.get(name)
    return value if isinstance(value, str) and value else None


def _time(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(event["time"])
