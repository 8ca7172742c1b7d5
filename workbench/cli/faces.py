"""How a run is shown: as JSON, as plain lines, or with progress bars.

A face hears every event of its run, in order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from workbench.cli import stderr, stdout, words
from workbench.cli.options import Output
from workbench.errors import Stopped
from workbench.events import Notice, Observed, Progress, RunFinished, RunStarted, StepFinished, StepStarted
from workbench.station.throttle import Stamped

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

Words = Callable[[dict[str, Any]], list[str]]
"""The result of a verb in lines for a person."""

PLAIN_EVERY_S: Final = 5.0
"""How often plain lines tell how far a long step is."""


class Face(Protocol):
    """Shows one run."""

    def __call__(self, stamped: Stamped) -> None:
        """Hears an event."""

    def close(self) -> None:
        """Leaves the screen tidy."""


def make_face(output: Output, result_words: Words) -> Face:
    """The face that fits what was asked for and where the output goes."""
    if output.json:
        return JsonFace()
    if output.plain or not stderr.is_terminal():
        return PlainFace(result_words)
    return BarFace(result_words)


class JsonFace:
    """One event on each line."""

    def __call__(self, stamped: Stamped) -> None:
        try:
            stdout.say_json(stamped.as_json())
        except BrokenPipeError:
            raise Stopped(
                "nobody reads the output any more", cause="the program that read it has ended"
            ) from None

    def close(self) -> None:
        pass


@dataclass(slots=True)
class Context:
    """What the run's first event said."""

    verb: str = ""
    slot: str | None = None
    run_id: str = ""


class PlainFace:
    """Lines: what begins, now and then how far it is, and what came out."""

    def __init__(self, result_words: Words) -> None:
        self._words = result_words
        self._run = Context()
        self._step = ""
        self._said_at = 0.0
        self._complete = False

    def __call__(self, stamped: Stamped) -> None:
        match stamped.event:
            case RunStarted(verb=verb, slot=slot, run_id=run_id):
                self._run = Context(verb, slot, run_id)
            case Progress() as progress:
                self.progress(progress)
            case StepStarted(title=title):
                self.say(title)
            case Observed(what="chip-id", value=value):
                self.say(f"chip ID {value}")
            case Observed(what="power", value=value):
                self.say(f"power {value}")
            case Notice(level=level, text=text):
                self.say(text if level == "info" else f"warning: {text}")
            case StepFinished():
                self.step_ended()
            case RunFinished() as end:
                self.finished(end)

    def close(self) -> None:
        """Nothing is left on the screen."""

    def say(self, text: str) -> None:
        """A line about what goes on."""
        where = f"{self._run.slot}: " if self._run.slot else ""
        stderr.say(where + text)

    def step_ended(self) -> None:
        """After a step."""

    def progress(self, event: Progress) -> None:
        """The end of each part, and before it a line every few seconds."""
        now = time.monotonic()
        name = words.STEPS.get(event.step, event.step)
        if event.step != self._step:
            self._step, self._said_at, self._complete = event.step, now, False
        if 0 < event.total <= event.done:
            if not self._complete:
                self._complete = True
                self.say(f"{name}: {words.amount(event.done, event.unit)}, done")
        elif now - self._said_at >= PLAIN_EVERY_S:
            self._said_at = now
            self.say(f"{name}: {words.percent(event.done, event.total)}")

    def finished(self, end: RunFinished) -> None:
        """Results on standard output, errors on standard error."""
        last = words.of_verdict(end.verdict, self._run.verb, self._run.slot, end.elapsed_s, end.run_id)
        if end.error is not None:
            stderr.say_error(end.error)
            stderr.say(last)
            return
        for line in (*self._words(end.result), last):
            stdout.say_wrapped(line)


class BarFace(PlainFace):
    """As plain lines, with a progress bar where those tell how far a step is."""

    def __init__(self, result_words: Words) -> None:
        super().__init__(result_words)
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    def progress(self, event: Progress) -> None:
        """Moves the bar of that part."""
        if self._bars is None:
            self._bars = new_bars()
            self._bars.start()
        if event.step not in self._tasks:
            self._tasks[event.step] = self._bars.add_task(words.STEPS.get(event.step, event.step), amount="")
        amount = words.amount(event.done, event.unit)
        total = event.total or None
        self._bars.update(self._tasks[event.step], completed=event.done, total=total, amount=amount)

    def say(self, text: str) -> None:
        """A line above the bars."""
        if self._bars is None:
            super().say(text)
        else:
            where = f"{self._run.slot}: " if self._run.slot else ""
            self._bars.console.print(stderr.cleaned(where + text))

    def step_ended(self) -> None:
        """Leaves the bars where they are; what follows comes below."""
        self.close()

    def finished(self, end: RunFinished) -> None:
        """Ends the bars first."""
        self.close()
        super().finished(end)

    def close(self) -> None:
        """Stops drawing."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
            self._tasks = {}


def new_bars() -> Bars:
    """Bars with words before, and how much and how long after."""
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description:<12}", markup=False),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f} %", markup=False),
        TextColumn("{task.fields[amount]:>10}", markup=False),
        TimeElapsedColumn(),
        console=stderr.console(),
        expand=True,
    )
