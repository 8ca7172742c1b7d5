"""A line's state as a line of JSON, for viewers in other processes, and back.  Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from workbench.station.line.state import (
    ErrorView,
    LineState,
    LotView,
    Question,
    SlotView,
    StepView,
    UnfinishedUnit,
)

Data = dict[str, Any]


def encode(state: LineState, now: float) -> bytes:
    """The state as it is at `now`, with ages in the place of times."""
    data = asdict(state)
    data["now"] = 0.0
    for slot in data["slots"]:
        for timed in (slot, *slot["steps"]):
            timed["began"] = None if timed["began"] is None else now - timed["began"]
    return json.dumps(data, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes, now: float) -> LineState | None:
    """The state in a line, with times of a clock that shows `now`; None where there is none."""
    try:
        data: Data = json.loads(line)
        for slot in data["slots"]:
            for timed in (slot, *slot["steps"]):
                timed["began"] = None if timed["began"] is None else now - float(timed["began"])
        return _line(data, now)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _line(data: Data, now: float) -> LineState:
    data["slots"] = tuple(_slot(slot) for slot in data["slots"])
    data["unfinished"] = tuple(UnfinishedUnit(**unit) for unit in data["unfinished"])
    data["notices"] = tuple(data["notices"])
    data["lot"] = _maybe(LotView, data["lot"])
    return LineState(**{**data, "now": now, "read_only": True})


def _slot(data: Data) -> SlotView:
    data["steps"] = tuple(StepView(**step) for step in data["steps"])
    data["progress"] = None if data["progress"] is None else tuple(data["progress"])
    data["notes"] = tuple(data["notes"])
    data["question"] = _maybe(Question, data["question"])
    data["error"] = _maybe(ErrorView, data["error"])
    return SlotView(**data)


def _maybe(kind: Callable[..., Any], data: Data | None) -> Any:
    return None if data is None else kind(**data)
