"""What an event changes in what the line shows.  Pure: state in, state out; knows no process and no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from workbench.events import Verdict
from workbench.station.line.state import (
    MAX_NOTES,
    ErrorView,
    LineState,
    Phase,
    Question,
    SlotView,
    StepState,
    StepView,
)

MAX_NOTE_CHARS: Final = 200
"""Longest remark that a slot's view keeps."""

_OUTCOMES: Final[dict[Verdict, StepState]] = {
    "PASS": "passed",
    "FAIL": "failed",
    "ERROR": "error",
    "STOPPED": "stopped",
}
_AT_WORK: Final = ("running", "asking", "stopping")

Data = dict[str, Any]


def reduce(state: LineState, slot: str, event: Data, now: float) -> LineState:
    """The line after an event (its public form, `workbench.event/1`) of the run in `slot`, heard at `now`.

    Events that do not fit (unknown, malformed, of no run, after a verdict) change nothing.  The revision
    grows by one where something changed.
    """
    slots = tuple(reduce_slot(view, event, now) if view.name == slot else view for view in state.slots)
    return state if slots == state.slots else replace(state, slots=slots, revision=state.revision + 1)


def reduce_slot(view: SlotView, event: Data, now: float) -> SlotView:
    """The same for one slot."""
    move = _MOVES.get(str(event.get("event")))
    if move is None or view.phase not in _AT_WORK:
        return view
    try:
        return move(view, event, now)
    except (KeyError, TypeError, ValueError, AttributeError):
        return view  # a step of somebody's own may have put anything into an event


def error_view(error: Data | None) -> ErrorView | None:
    """An error in its public form; None for none."""
    if error is None:
        return None
    return ErrorView(**{key: str(error.get(key, "")) for key in ("code", "blame", "what", "cause", "action")})


def _run_started(view: SlotView, event: Data, now: float) -> SlotView:
    return replace(view, run_id=str(event["run_id"]), began=now)


def _unit_began(view: SlotView, event: Data, now: float) -> SlotView:
    return replace(
        view,
        serial=str(event["serial"]),
        attempt=int(event["attempt"]),
        steps=tuple(_step_view(step) for step in event["steps"]),
    )


def _step_view(step: Data) -> StepView:
    limit = step.get("limit_s")
    return StepView(
        step=str(step["step"]),
        title=str(step["title"]),
        state="done-before" if step.get("done") else "waiting",
        limit_s=None if limit is None else float(limit),
        irreversible=bool(step.get("irreversible")),
    )


def _step_started(view: SlotView, event: Data, now: float) -> SlotView:
    """A step within the plan's own, STEP/PART, is its inner part; others are not shown."""
    if view.current is not None:
        inner = str(event["title"])[:MAX_NOTE_CHARS]
        part = str(event["step"]).startswith(f"{view.current.step}/")
        return replace(view, inner=inner, progress=None) if part else view
    waiting = [i for i, s in enumerate(view.steps) if s.step == event["step"] and s.state == "waiting"]
    again = [i for i, s in enumerate(view.steps) if s.step == event["step"] and s.elapsed_s is not None]
    index = waiting[0] if waiting else again[-1] if again else None
    if index is None:
        return view
    step = replace(view.steps[index], state="running", began=now, elapsed_s=None)
    return replace(view, steps=_with(view.steps, index, step), progress=None, inner=None)


def _step_finished(view: SlotView, event: Data, now: float) -> SlotView:
    for index, step in enumerate(view.steps):
        if step.state == "running" and step.step == event["step"]:
            state = _OUTCOMES[event["outcome"]]
            ended = replace(step, state=state, elapsed_s=float(event["elapsed_s"]))
            phase: Phase = "running" if view.phase == "asking" else view.phase
            steps = _with(view.steps, index, ended)
            return replace(view, steps=steps, progress=None, inner=None, question=None, phase=phase)
    part = view.current is not None and str(event["step"]).startswith(f"{view.current.step}/")
    return replace(view, progress=None, inner=None) if part else view


def _progress(view: SlotView, event: Data, now: float) -> SlotView:
    return replace(view, progress=(int(event["done"]), int(event["total"]), str(event["unit"])))


def _notice(view: SlotView, event: Data, now: float) -> SlotView:
    return _noted(view, str(event["text"]))


def _observed(view: SlotView, event: Data, now: float) -> SlotView:
    return replace(view, fingerprint=str(event["value"])) if event["what"] == "fingerprint" else view


def _measured(view: SlotView, event: Data, now: float) -> SlotView:
    unit = f" {event['unit']}" if event["unit"] else ""
    return _noted(view, f"{event['name']}: {event['value']}{unit}")


def _asked(view: SlotView, event: Data, now: float) -> SlotView:
    if event["kind"] not in ("scan", "confirm"):
        return view
    question = Question(prompt=str(event["prompt"]), kind=event["kind"], text=str(event["text"]))
    return replace(view, question=question, phase="stopping" if view.phase == "stopping" else "asking")


def _answered(view: SlotView, event: Data, now: float) -> SlotView:
    if view.question is None or view.question.prompt != event["prompt"]:
        return view
    return replace(view, question=None, phase="running" if view.phase == "asking" else view.phase)


def _run_finished(view: SlotView, event: Data, now: float) -> SlotView:
    verdict: Verdict = event["verdict"]
    fingerprint = event["result"].get("fingerprint")
    left = _OUTCOMES[verdict] if verdict != "PASS" else "passed"
    steps = tuple(replace(s, state=left) if s.state == "running" else s for s in view.steps)
    return replace(
        view,
        phase="done",
        verdict=verdict,
        error=error_view(event["error"]),
        elapsed_s=float(event["elapsed_s"]),
        question=None,
        progress=None,
        inner=None,
        steps=steps,
        fingerprint=str(fingerprint) if fingerprint else view.fingerprint,
    )


_MOVES: Final[dict[str, Callable[[SlotView, Data, float], SlotView]]] = {
    "run-started": _run_started,
    "unit-began": _unit_began,
    "step-started": _step_started,
    "step-finished": _step_finished,
    "progress": _progress,
    "notice": _notice,
    "observed": _observed,
    "measured": _measured,
    "asked": _asked,
    "answered": _answered,
    "run-finished": _run_finished,
}


def _noted(view: SlotView, text: str) -> SlotView:
    return replace(view, notes=(*view.notes, text[:MAX_NOTE_CHARS])[-MAX_NOTES:])


def _with(steps: tuple[StepView, ...], index: int, step: StepView) -> tuple[StepView, ...]:
    return (*steps[:index], step, *steps[index + 1 :])
