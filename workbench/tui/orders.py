"""What a face wants of the line, and what became of it.  `carry_out` is the one place that calls the line.

Nothing that goes wrong leaves here as an exception: a technician gets words, a log file gets the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from workbench.errors import WorkbenchError
from workbench.languages import _
from workbench.station.line.state import ErrorView, LineState, ScanAnswer
from workbench.tui.crash import keep_crash
from workbench.tui.people import People

OrderAct = Literal[
    "scan",
    "confirm",
    "refuse",
    "next",
    "answer",
    "retry",
    "take-out",
    "acknowledge",
    "cancel",
    "sign-in",
    "sign-out",
    "pin",
    "leave",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One thing to do.  `text`: what was scanned or typed; `value`: an answer to `prompt`."""

    act: OrderAct
    slot: str | None = None
    text: str = ""
    prompt: str = ""
    value: str | bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What became of an order.  `answer` where the line gave one; `error` where it could not be done."""

    order: Order
    answer: ScanAnswer | None = None
    error: ErrorView | None = None
    text: str = ""


class Working(Protocol):
    """The line, as a face works it; `Line` is one."""

    def state(self) -> LineState: ...
    def scan(self, text: str, slot: str | None = None) -> ScanAnswer: ...
    def confirm(self, slot: str) -> ScanAnswer: ...
    def refuse(self, slot: str) -> object: ...
    def next_unit(self, slot: str | None = None) -> ScanAnswer: ...
    def answer(self, slot: str, prompt: str, value: str | bool) -> ScanAnswer: ...
    def cancel(self, slot: str) -> bool: ...
    def take_out(self, slot: str) -> bool: ...
    def retry(self, slot: str) -> ScanAnswer: ...
    def acknowledge(self, slot: str) -> bool: ...
    def sign_in(self, operator: str | None) -> None: ...
    def close(self, timeout_s: float = 60.0) -> None: ...


def carry_out(order: Order, line: Working | None, people: People) -> Reply:
    """Does it, and says what became of it; may take as long as the line's database does.

    A viewer has no line: it opens the engineer's screens and nothing else.
    """
    try:
        return _carry_out(order, line, people)
    except WorkbenchError as error:
        return Reply(order=order, error=view_of(error))
    except Exception as error:
        return Reply(order=order, error=view_of(keep_crash(error)))


def view_of(error: WorkbenchError) -> ErrorView:
    """An error as faces show it."""
    return ErrorView(**error.as_dict())


def _carry_out(order: Order, line: Working | None, people: People) -> Reply:
    if order.act == "pin":
        return Reply(order=order, text=people.engineer(order.text))
    if line is None:
        return Reply(order=order, text=_("This viewer only watches."))
    if order.act == "leave":
        line.close()
        return Reply(order=order)
    if order.act in ("sign-in", "sign-out"):
        return _about_people(order, line, people)
    slot = order.slot or ""
    if order.act in ("refuse", "cancel", "take-out", "acknowledge"):
        return _to_slot(order, slot, line)
    if order.act == "scan":
        answer = line.scan(order.text, order.slot)
        if answer.kind == "operator":
            return _about_people(order, line, people)
    elif order.act == "next":
        answer = line.next_unit(order.slot)
    elif order.act == "answer":
        answer = line.answer(slot, order.prompt, order.value)
    else:
        answer = line.confirm(slot) if order.act == "confirm" else line.retry(slot)
    return Reply(order=order, answer=answer, error=answer.error, text=answer.text)


def _to_slot(order: Order, slot: str, line: Working) -> Reply:
    if order.act == "refuse":
        line.refuse(slot)
        return Reply(order=order, text=_("Nothing was begun."))
    acts = {"cancel": line.cancel, "take-out": line.take_out, "acknowledge": line.acknowledge}
    words = {
        "cancel": _("{slot} stops after its current step."),
        "take-out": _("{slot} is free for the next unit."),
        "acknowledge": _("{slot} is being made ready again."),
    }
    serial = next((view.serial for view in line.state().slots if view.name == slot), None)
    if order.act == "acknowledge" and serial:  # its slot does not show it any more
        words["acknowledge"] += " " + _("To go on with {serial}, scan or type its number.")
    done = acts[order.act](slot)
    text = words[order.act] if done else _("{slot}: nothing to do, it has gone on meanwhile.")
    return Reply(order=order, text=text.format(slot=slot, serial=serial))


def _about_people(order: Order, line: Working, people: People) -> Reply:
    if order.act == "sign-out":
        line.sign_in(None)
        return Reply(order=order, text=_("Signed out."))
    name = people.badge(order.text)
    line.sign_in(name)
    return Reply(order=order, text=_("Good day, {name}.").format(name=name))
