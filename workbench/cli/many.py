"""A verb in several slots at once: a process for each, one line of progress for each, a table at the end."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from workbench.boards.bench import Bench, Slot
from workbench.cli import signals, stderr, stdout, words
from workbench.cli.faces import new_bars
from workbench.cli.job import Verb, carry_out
from workbench.cli.options import Choice
from workbench.cli.report import tell_alone
from workbench.errors import EXIT_CODES, Blame, WorkbenchError
from workbench.station.side_by_side import Ending, Tell, side_by_side

if TYPE_CHECKING:
    from rich.progress import TaskID

PRELOAD: Final = (
    "workbench.station.filing",
    "workbench.station.records",
    "workbench.station.orphans",
    "workbench.probes.preload",
)
_WORST_FIRST: Final = (Blame.BUG, Blame.STOPPED, Blame.STATION, Blame.TRUST, Blame.UNIT, Blame.INPUT)


def perform_many(verb: Verb, bench: Bench, slots: Sequence[Slot], choice: Choice) -> int:
    """The verb in all `slots`; returns the exit code of the gravest error."""
    if not choice.output.json:
        stderr.say(
            f"{verb.name} in {words.count(len(slots), 'slot')}: {', '.join(slot.name for slot in slots)}"
        )
    for name in (*PRELOAD, *verb.preload):
        importlib.import_module(name)
    by_name = {slot.name: slot for slot in slots}

    def work(name: str, tell: Tell) -> int:
        signals.install()
        try:
            return carry_out(verb, bench, by_name[name], choice, tell)
        except WorkbenchError as error:  # no run could begin, and so none has told it
            tell_alone(verb.name, error, tell)
            return error.exit_code

    face = json_line if choice.output.json else screen(choice, list(by_name))
    try:
        endings = side_by_side(by_name, work, face, log_dir=lambda name: by_name[name].state_dir)
    finally:
        if isinstance(face, Lines):
            face.close()
    if not choice.output.json:
        _summary(verb, endings, choice)
    return exit_code(endings.values())


def exit_code(endings: Any) -> int:
    """Of several endings, that of the gravest."""
    blames = {ending.error["blame"] for ending in endings if ending.error is not None}
    return next((EXIT_CODES[blame] for blame in _WORST_FIRST if blame in blames), 0)


def json_line(name: str, data: dict[str, Any]) -> None:
    stdout.say_json({**data, "slot": name})


def screen(choice: Choice, names: list[str]) -> Lines:
    return Lines() if choice.output.plain or not stderr.is_terminal() else ManyBars(names)


class Lines:
    """A line for each thing that happens, beginning with its slot."""

    def __init__(self) -> None:
        self._steps: dict[str, str] = {}

    def __call__(self, name: str, data: dict[str, Any]) -> None:
        match data["event"]:
            case "step-started":
                self.say(name, data["title"])
            case "progress":
                self.progress(name, data)
            case "notice":
                self.say(name, data["text"])
            case "run-finished":
                self.ended(name, data)

    def say(self, name: str, text: str) -> None:
        """A line about one slot."""
        stderr.say(f"{name}: {text}")

    def progress(self, name: str, data: dict[str, Any]) -> None:
        """The beginning of each part."""
        if self._steps.get(name) != data["step"]:
            self._steps[name] = data["step"]
            self.say(name, words.STEPS.get(data["step"], data["step"]))

    def ended(self, name: str, data: dict[str, Any]) -> None:
        """How one slot ended."""
        self.say(name, f"{data['verdict']} in {words.seconds(data['elapsed_s'])}")

    def close(self) -> None:
        """Leaves the screen tidy."""


class ManyBars(Lines):
    """One bar for each slot, which shows what goes on there."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._bars = new_bars()
        self._width = max(map(len, names))
        self._tasks: dict[str, TaskID] = {
            name: self._bars.add_task(f"{name:<{self._width}} begins", total=None, amount="")
            for name in names
        }
        self._started = False

    def __call__(self, name: str, data: dict[str, Any]) -> None:
        if not self._started:  # only now, for it starts a thread, and the processes are there now
            self._started = True
            self._bars.start()
        super().__call__(name, data)

    def say(self, name: str, text: str) -> None:
        """What goes on in a slot, on its bar; remarks wait for the end."""
        self._bars.update(self._tasks[name], description=stderr.cleaned(f"{name:<{self._width}} {text}"[:40]))

    def progress(self, name: str, data: dict[str, Any]) -> None:
        """Moves the slot's bar."""
        super().progress(name, data)
        amount = words.amount(data["done"], data["unit"])
        total = data["total"] or None
        self._bars.update(self._tasks[name], completed=data["done"], total=total, amount=amount)

    def ended(self, name: str, data: dict[str, Any]) -> None:
        """The bar is full where all went well, and says the verdict."""
        self._bars.update(
            self._tasks[name], description=f"{name:<{self._width}} {data['verdict']}", amount=""
        )
        if data["verdict"] == "PASS":
            self._bars.update(self._tasks[name], completed=1, total=1)

    def close(self) -> None:
        """Stops drawing."""
        self._bars.stop()


def _summary(verb: Verb, endings: dict[str, Ending], choice: Choice) -> None:
    for ending in endings.values():
        if ending.error is not None:
            stderr.say_error(ending.error)
    rows = [
        [
            name,
            ending.verdict,
            words.seconds(ending.elapsed_s),
            ending.error["code"] if ending.error else verb.brief(ending.result),
        ]
        for name, ending in endings.items()
    ]
    stdout.table(["slot", "verdict", "time", "result"], rows, plain=choice.output.plain)
    passed = sum(ending.verdict == "PASS" for ending in endings.values())
    stdout.say(f"{verb.name}: {passed} of {words.count(len(endings), 'slot')} passed")
