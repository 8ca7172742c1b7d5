"""What a step works with: the unit's slot, its recipe, and the ways to say, measure and ask something."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from workbench.events import Answered, Asked, Event, Measured, Notice, Observed
from workbench.station.plain import plain
from workbench.station.steps.clock import Limit
from workbench.station.steps.errors import (
    AnswerMissing,
    MeasurementInvalid,
    MeasurementOutOfLimits,
    StepMisbehaved,
)
from workbench.wires.clean import clean_line

if TYPE_CHECKING:
    from workbench.boards.bench import Bench, Slot
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.run import Run
    from workbench.station.slots import Held

UNTOUCHED: Final = "nothing of the unit was changed by this step"
MAX_TEXT: Final = 1000
"""Characters kept of a text that is measured or shown."""
MAX_FACTS: Final = 64 << 10
"""Bytes of JSON that the facts of a unit may have."""
MAX_MEASUREMENTS: Final = 1000


class Answers(Protocol):
    """The technician, as a run sees one.  The line's worker and headless runs each have their own."""

    def scan(self, prompt: str, text: str) -> str:
        """Waits for a scan; the run has told `Asked` already.  Raises Stopped when the run is to end, and
        AnswerImpossible where there is nobody to ask.
        """
        ...

    def confirm(self, prompt: str, text: str) -> bool:
        """Waits for yes or no; what is no clear yes is no.  Raises as `scan`."""
        ...

    def stop_asked(self) -> str | None:
        """Why the run is to end after its current step, None where it is not.  Cheap."""
        ...


@dataclass(slots=True, kw_only=True)
class Notebook:
    """What the steps of one run have in common, and what is kept of them.

    `facts` is what steps of this unit found out, kept for a later run: plain JSON.  A step writes below its
    own name; names that several steps read are listed in docs/steps.md.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    measurements: list[dict[str, Any]] = field(default_factory=list)
    questions: int = 0
    waited_s: float = 0.0
    """How long people were waited for; counts towards no limit."""


@dataclass(slots=True, kw_only=True)
class StepContext:
    """What a step is given.

    held        the slot, which this run holds until its last step is done
    chip_id     who the unit is, as it was identified when the run began; None where the slot cannot tell
    station     this station's ID, label: the lot's [label] table, None for the recipe's
    rma         ID of the RMA by which the unit takes over the label or chip of another one
    resumed     an earlier run ended in the middle of this very step
    state       what is known of the unit, in words, said where the step is cut short: a step sets it before
                and after it changes the unit
    """

    key: str
    recipe: Recipe
    lot: str | None
    serial: str
    slot: Slot
    held: Held
    bench: Bench
    run: Run
    answers: Answers
    notebook: Notebook
    limit: Limit
    chip_id: str | None = None
    operator: str | None = None
    station: str = ""
    label: Mapping[str, Any] | None = None
    rma: str | None = None
    resumed: bool = False
    state: str = UNTOUCHED
    keep: Callable[[], None] = lambda: None

    @property
    def facts(self) -> dict[str, Any]:
        """See `Notebook.facts`; `commit` puts them on the disk."""
        return self.notebook.facts

    def emit(self, event: Event) -> None:
        """Tells an event; text in it that comes from a board must be cleaned, see workbench.wires.clean."""
        self.run.emit(event)

    def observe(self, what: str, value: Any) -> None:
        """Something was read from the unit; text is cleaned."""
        self.emit(Observed(what=what, value=clean_value(value)))

    def note(self, text: str) -> None:
        """A remark for a person; cleaned."""
        self.emit(Notice(level="info", text=clean_text(text)))

    def step(self, part: str, title: str) -> AbstractContextManager[None]:
        """A part of this step, told as the step STEP/PART: what provision and enrol take as `step`."""
        return self.run.step(f"{self.key}/{part}", title)

    def check(self) -> None:
        """Raises what must end the step at once: LeaseLost, JournalUnwritable, Stopped.  Give it to verbs as
        `check`; asking for a run's end after its current step is something else.
        """
        self.run.check()
        self.held.check()

    def commit(self) -> None:
        """Returns when everything told so far, and the facts, are on the disk: before an irreversible act."""
        self.keep()
        self.run.commit()

    def measure(
        self,
        name: str,
        value: float | int | str | bool,
        unit: str = "",
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        """Keeps a measured value, and holds it against its limits, which belong to it.

        Raises MeasurementOutOfLimits with name, value and limits; MeasurementInvalid where limits are given
        for what is no number.
        """
        name, unit = clean_text(name)[:80], clean_text(unit)[:20]
        if isinstance(value, str):
            value = clean_text(value)
        passed = within(name, value, low, high)
        told = Measured(
            step=self.key, name=name, value=_finite(value), unit=unit, low=low, high=high, passed=passed
        )
        if len(self.notebook.measurements) >= MAX_MEASUREMENTS:
            raise MeasurementInvalid(f"{self.key}: a unit has over {MAX_MEASUREMENTS} measurements")
        self.notebook.measurements.append(
            {
                "step": told.step,
                "name": told.name,
                "value": told.value,
                "unit": told.unit,
                "low": low,
                "high": high,
                "passed": passed,
            }
        )
        self.emit(told)
        if not passed:
            shown = f"{value} {unit}".strip()
            raise MeasurementOutOfLimits(
                f"{self.key}: {name} is {shown}, and must be {limits_words(low, high, unit)}"
            )

    def ask_scan(self, text: str, *, wait_s: float | None = None) -> str:
        """Waits for a scan, at most `wait_s`.  Raises Stopped, AnswerImpossible, AnswerMissing."""
        prompt = self._asked("scan", text)
        with self._waiting(wait_s):
            answer = self.answers.scan(prompt, clean_text(text))
        self.emit(Answered(step=self.key, prompt=prompt))
        return answer

    def ask_confirm(self, text: str, *, wait_s: float | None = None) -> bool:
        """Waits for yes or no, at most `wait_s`.  Raises as `ask_scan`."""
        prompt = self._asked("confirm", text)
        with self._waiting(wait_s):
            answer = self.answers.confirm(prompt, clean_text(text))
        self.emit(Answered(step=self.key, prompt=prompt))
        return answer is True

    def _asked(self, kind: Any, text: str) -> str:
        self.notebook.questions += 1
        prompt = f"{self.key}-{self.notebook.questions}"
        self.emit(Asked(step=self.key, prompt=prompt, kind=kind, text=clean_text(text)))
        return prompt

    @contextmanager
    def _waiting(self, wait_s: float | None) -> Iterator[None]:
        """A person's time does not count towards the step's limit; it has its own."""

        def missing() -> AnswerMissing:
            return AnswerMissing(f"{self.key}: nobody answered within {wait_s:g} s")

        began_s = time.monotonic()
        try:
            with self.limit.paused(), Limit(wait_s, missing):
                yield
        finally:
            self.notebook.waited_s += time.monotonic() - began_s


def within(name: str, value: object, low: float | None, high: float | None) -> bool:
    """Whether a value keeps its limits; not a number (NaN) keeps none.  Raises MeasurementInvalid."""
    if low is None and high is None:
        return not (isinstance(value, float) and math.isnan(value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MeasurementInvalid(
            f"{name} has limits, and its value {clean_text(repr(value))[:80]} is no number"
        )
    return (low is None or value >= low) and (high is None or value <= high) and not math.isnan(value)


def limits_words(low: float | None, high: float | None, unit: str = "") -> str:
    """ "1 to 3 V", "at least 1 V", "at most 3 V"."""
    after = f" {unit}" if unit else ""
    if low is not None and high is not None:
        return f"{low:g} to {high:g}{after}"
    if low is not None:
        return f"at least {low:g}{after}"
    return f"at most {high:g}{after}" if high is not None else "a number"


def clean_text(text: str) -> str:
    """One line that no terminal obeys."""
    return clean_line(text, max_chars=MAX_TEXT)


def clean_value(value: Any) -> Any:
    """A JSON value with all its texts cleaned."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {clean_text(str(key)): clean_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean_value(item) for item in value]
    return _finite(value)


def plain_result(key: str, value: Any) -> dict[str, Any]:
    """What a step gave back, cleaned and as JSON carries it; None is nothing.  Raises StepMisbehaved."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise StepMisbehaved(f"step {key} gave back no table but {type(value).__name__}")
    return {str(name): plain(item) for name, item in clean_value(value).items()}


def plain_facts(key: str, facts: dict[str, Any]) -> dict[str, Any]:
    """The facts as they are kept.  Raises StepMisbehaved where they cannot be."""
    try:
        text = json.dumps(facts, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise StepMisbehaved(
            f"step {key} left facts that JSON cannot carry: {clean_text(str(error))}"
        ) from error
    if len(text) > MAX_FACTS:
        raise StepMisbehaved(f"after step {key} the unit's facts have over {MAX_FACTS} bytes")
    kept: dict[str, Any] = json.loads(text)
    return kept


def _finite(value: Any) -> Any:
    """Infinities and NaN as text: JSON has none."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
