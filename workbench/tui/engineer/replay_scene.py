"""A recorded run, seen at any moment of it.  Pure: events in, what stood on the screen out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from workbench.tui.engineer import texts
from workbench.wires.clean import clean_line

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 20.0, 100.0)
NORMAL: Final = SPEEDS.index(1.0)


@dataclass(frozen=True, slots=True)
class Moment:
    """An event, and how long after the run's beginning it came."""

    at_s: float
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StepScene:
    """A step at a moment: waiting, running, done-before, or its outcome."""

    step: str
    title: str
    state: str = "waiting"
    began_s: float | None = None
    elapsed_s: float | None = None
    progress: tuple[int, int, str] | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """A run at a moment."""

    steps: tuple[StepScene, ...] = ()
    question: str | None = None
    verdict: str | None = None
    error: Mapping[str, Any] | None = None
    serial: str | None = None


def script_of(events: Iterable[Mapping[str, Any]]) -> tuple[Moment, ...]:
    """The events with their times; a clock that was set back in the middle stands still."""
    moments: list[Moment] = []
    began: datetime | None = None
    last_s = 0.0
    for event in events:
        time = _time(event)
        if time is not None:
            began = began or time
            last_s = max(last_s, (time - began).total_seconds())
        moments.append(Moment(last_s, event))
    return tuple(moments)


def _time(event: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(event.get("time")))
    except ValueError:
        return None


def scene_after(script: Iterable[Moment]) -> Scene:
    """How the run looked after these events."""
    scene = Scene()
    for moment in script:
        scene = _after(scene, moment)
    return scene


def _after(scene: Scene, moment: Moment) -> Scene:
    event = moment.event
    match event.get("event"):
        case "unit-began":
            steps = tuple(_planned(step) for step in event.get("steps") or () if isinstance(step, Mapping))
            return replace(scene, steps=steps, serial=_text(event.get("serial")))
        case "step-started":
            return _with_step(scene, event, state="running", began_s=moment.at_s)
        case "progress":
            told = int(event.get("done") or 0), int(event.get("total") or 0), _text(event.get("unit"))
            return _with_step(scene, event, progress=told)
        case "step-finished":
            outcome, elapsed_s = _text(event.get("outcome")), float(event.get("elapsed_s") or 0.0)
            return _with_step(scene, event, state=outcome, elapsed_s=elapsed_s, progress=None)
        case "asked":
            return replace(scene, question=_text(event.get("text")))
        case "answered":
            return replace(scene, question=None)
        case "run-finished":
            error = event.get("error")
            error = error if isinstance(error, Mapping) else None
            return replace(scene, verdict=_text(event.get("verdict")), error=error, question=None)
        case _:
            return scene


def _planned(step: Mapping[str, Any]) -> StepScene:
    state = "done-before" if step.get("done") else "waiting"
    return StepScene(_text(step.get("step")), _text(step.get("title")), state)


def _with_step(scene: Scene, event: Mapping[str, Any], **changes: Any) -> Scene:
    """The scene with that step changed; one that no plan named comes at the end."""
    name = _text(event.get("step"))
    at = next((i for i in reversed(range(len(scene.steps))) if scene.steps[i].step == name), None)
    starts = event.get("event") == "step-started"
    if at is None and not starts:
        return scene  # progress of something that is no step of its own
    if at is None or (starts and scene.steps[at].state not in ("waiting", "running")):
        found = StepScene(name, _text(event.get("title")) or name)
        return replace(scene, steps=(*scene.steps, replace(found, **changes)))
    steps = list(scene.steps)
    steps[at] = replace(steps[at], **changes)
    return replace(scene, steps=tuple(steps))


def _text(value: object) -> str:
    return clean_line("" if value is None else str(value), max_chars=200)


def event_words(event: Mapping[str, Any]) -> str:
    """An event in a line."""
    match event.get("event"):
        case "run-started":
            return f"run begins: {_text(event.get('verb'))} in {_text(event.get('slot')) or 'no slot'}"
        case "unit-began":
            return f"unit {_text(event.get('serial'))}, attempt {event.get('attempt')}"
        case "step-started":
            return f"begins   {_text(event.get('title'))}"
        case "step-finished":
            took = texts.seconds(float(event.get("elapsed_s") or 0.0))
            return f"ends     {_text(event.get('step'))}: {_text(event.get('outcome'))} after {took}"
        case "progress":
            done, total = int(event.get("done") or 0), int(event.get("total") or 0)
            return f"         {_text(event.get('step'))} {texts.bar(done, total)}"
        case "observed":
            return f"observed {_text(event.get('what'))}: {_text(event.get('value'))}"
        case "measured":
            return f"measured {_measured(event)}"
        case "asked":
            return f"asks     {_text(event.get('text'))}"
        case "answered":
            return f"answered {_text(event.get('prompt'))}"
        case "notice":
            return f"{_text(event.get('level')):<8} {_text(event.get('text'))}"
        case "run-finished":
            return f"run ends {_text(event.get('verdict'))}"
        case other:
            return _text(other)


def _measured(event: Mapping[str, Any]) -> str:
    low, high = event.get("low"), event.get("high")
    limits = f", limits {'-' if low is None else low} to {'-' if high is None else high}"
    verdict = "within" if event.get("passed") else "OUTSIDE"
    told = f"{_text(event.get('name'))} = {_text(event.get('value'))} {_text(event.get('unit'))}".rstrip()
    return told if low is None and high is None else f"{told} {verdict}{limits}"


@dataclass(frozen=True, slots=True)
class Player:
    """Where a replay is; each method gives the player after it."""

    script: tuple[Moment, ...]
    at_s: float = 0.0
    index: int = 0
    """How many events have come."""
    speed: int = NORMAL
    playing: bool = True

    @property
    def length_s(self) -> float:
        """How long the run took."""
        return self.script[-1].at_s if self.script else 0.0

    @property
    def ended(self) -> bool:
        """Whether all events have come."""
        return self.index >= len(self.script)

    @property
    def seen(self) -> tuple[Moment, ...]:
        """The events that have come."""
        return self.script[: self.index]

    def after(self, passed_s: float) -> Player:
        """When so much time of the viewer has passed."""
        if not self.playing or self.ended:
            return self
        return self.moved_to(self.at_s + passed_s * SPEEDS[self.speed])

    def moved_to(self, at_s: float) -> Player:
        """At that time of the run."""
        at_s = min(max(0.0, at_s), self.length_s)
        return replace(self, at_s=at_s, index=bisect_right(self.script, at_s, key=lambda m: m.at_s))

    def stepped(self, by: int) -> Player:
        """Halted, `by` events further or back."""
        index = min(max(0, self.index + by), len(self.script))
        at_s = self.script[index - 1].at_s if index else 0.0
        return replace(self, at_s=at_s, index=index, playing=False)

    def toggled(self) -> Player:
        """Halted, or going on; from the beginning where it had ended."""
        if self.ended:
            return replace(self.moved_to(0.0), playing=True)
        return replace(self, playing=not self.playing)

    def with_speed(self, by: int) -> Player:
        """Quicker or slower."""
        return replace(self, speed=min(max(0, self.speed + by), len(SPEEDS) - 1))
