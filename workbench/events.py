"""Typed events: how the core reports progress and results.

Faces draw them, the journal keeps them, `--json` prints them.

An event holds data only.  `to_json` is the one place that gives them their public form, schema
`workbench.event/1`. This module imports nothing of the workbench.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

SCHEMA: Final = "workbench.event/1"

Verdict = Literal["PASS", "FAIL", "ERROR", "STOPPED"]
Json = str | int | float | bool | None | list[Any] | dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStarted(Event):
    """A run began: `run_id` is a UUID, `verb` what was asked for, `slot` and `target` where, if anywhere."""

    run_id: str
    verb: str
    slot: str | None = None
    target: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StepStarted(Event):
    """A step began; `step` is its stable name, `title` words for a person."""

    step: str
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress(Event):
    """`done` of `total` in `unit` ("bytes", "sectors", "points"); `total` is 0 where it is not known."""

    step: str
    done: int
    total: int
    unit: str = "bytes"


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed(Event):
    """Something was read from the unit or its surroundings, as opposed to intended."""

    what: str
    value: Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice(Event):
    """A remark for a person."""

    level: Literal["info", "warning"]
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StepFinished(Event):
    """A step ended; `error` is WorkbenchError.as_dict() or None."""

    step: str
    outcome: Verdict
    elapsed_s: float
    error: dict[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFinished(Event):
    """A run ended; `result` holds what the verb produced."""

    run_id: str
    verdict: Verdict
    elapsed_s: float
    result: dict[str, Any]
    error: dict[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitBegan(Event):
    """The run works on a unit by a recipe; comes right after RunStarted.

    `steps` are all steps of the plan, in order: {"step", "title", "limit_s", "irreversible", "done"}, where
    `done` steps were finished by an earlier run and are not done again.  `attempt` counts from 1.
    """

    serial: str
    recipe: str
    lot: str | None = None
    operator: str | None = None
    attempt: int = 1
    steps: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured(Event):
    """A value that a step measured, with its unit ("s", "V", "" for none) and the limits it must keep.

    A limit that is None is none; `passed` says whether the value lies within them.
    """

    step: str
    name: str
    value: float | int | str | bool
    unit: str = ""
    low: float | None = None
    high: float | None = None
    passed: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked(Event):
    """A step waits for a person: for a scan of the label, or a yes.  `prompt` names the question."""

    step: str
    prompt: str
    kind: Literal["scan", "confirm"]
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered(Event):
    """The question named `prompt` has its answer; what was answered is told by the step's outcome."""

    step: str
    prompt: str


Emit = Callable[[Event], None]
"""Where events go.  Must not block for long and must not raise."""


def ignore(_event: Event) -> None:
    """An Emit for callers that do not listen."""


def event_name(event: Event) -> str:
    """Stable public name of an event: RunStarted -> "run-started"."""
    name = type(event).__name__
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


def to_json(event: Event, *, seq: int, time: str) -> dict[str, Any]:
    """Public form of an event.

    `seq` counts from 0 within a run; `time` is UTC, RFC 3339 with microseconds.
    """
    return {"schema": SCHEMA, "seq": seq, "time": time, "event": event_name(event), **asdict(event)}
