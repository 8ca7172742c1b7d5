"""The table of the technician's keys and what they do, and why one of them does nothing just now.  Pure.

Only F-keys, Enter, Esc and the arrows: letters and digits belong to the scanner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from workbench.languages import N_, _
from workbench.station.line.state import LineState, Question, ScanAnswer, SlotView

Act = Literal[
    "help",
    "yes",
    "no",
    "next",
    "retry",
    "take-out",
    "acknowledge",
    "cancel",
    "sign-out",
    "leave",
    "engineer",
]

FOR_VIEWERS: Final[tuple[Act, ...]] = ("help", "leave", "engineer")
"""What also somebody does who only watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What the keys depend on: the line, the slot that they act on, what is proposed, who may be here."""

    state: LineState
    slot: SlotView | None
    proposed: ScanAnswer | None = None
    sign_in: bool = False
    hands_out: bool = False
    """The lot hands out serial numbers itself: no scan is needed."""
    engineer: bool = True
    question: Question | None = None
    """The question that is shown."""

    @property
    def asks(self) -> bool:
        """Whether a yes or no is wanted now."""
        confirms = self.question is not None and self.question.kind == "confirm"
        return not self.state.read_only and (self.proposed is not None or confirms)


@dataclass(frozen=True, slots=True)
class Key:
    """A key: how it is called on a keyboard, its short name on the screen, and what help says about it."""

    key: str
    act: Act
    label: str
    help: str
    why_not: Callable[[Moment], str]


def why_not(act: Act, moment: Moment) -> str:
    """Why `act` would do nothing now; empty where it does something."""
    if moment.state.read_only and act not in FOR_VIEWERS:
        return _("this viewer only watches")
    return next(key for key in TABLE if key.act == act).why_not(moment)


def key_named(name: str) -> Key | None:
    """The entry of a key as Textual names it ("f5", "escape")."""
    return next((key for key in TABLE if key.key == name), None)


def _always(_moment: Moment) -> str:
    return ""


def _asked(moment: Moment) -> str:
    return "" if moment.asks else _("nothing is asked")


def _next(moment: Moment) -> str:
    if not moment.hands_out:
        return _("units of this lot are scanned")
    if not any(slot.phase in ("starting", "ready", "done") for slot in moment.state.slots):
        return _("no slot is free")
    return ""


def _retry(moment: Moment) -> str:
    if moment.slot is None or moment.slot.phase != "done":
        return _("no finished unit is in this slot")
    if moment.slot.verdict == "PASS":
        return _("the unit has passed")
    return ""


def _take_out(moment: Moment) -> str:
    if moment.slot is None or moment.slot.phase != "done":
        return _("no finished unit is in this slot")
    return ""


def _acknowledge(moment: Moment) -> str:
    if moment.slot is None or moment.slot.phase != "broken":
        return _("this slot is not out of order")
    return ""


def _cancel(moment: Moment) -> str:
    if moment.slot is None or moment.slot.phase not in ("running", "asking"):
        return _("no unit is at work in this slot")
    return ""


def _sign_out(moment: Moment) -> str:
    return "" if moment.sign_in else _("nobody signs in at this station")


def _engineer(moment: Moment) -> str:
    return "" if moment.engineer else _("no engineer has a PIN at this station")


TABLE: Final[tuple[Key, ...]] = (
    Key("f1", "help", N_("Help"), N_("Shows this page."), _always),
    Key("f2", "yes", N_("Yes"), N_("Begins what a scan proposed, or answers a question with yes."), _asked),
    Key(
        "escape",
        "no",
        N_("No"),
        N_("Forgets what a scan proposed, answers a question with no, clears field and remarks."),
        _asked,
    ),
    Key("f4", "next", N_("Next"), N_("Begins the next unit of a lot that hands out serial numbers."), _next),
    Key("f5", "retry", N_("Again"), N_("Works on the unit again, from the last safe step."), _retry),
    Key("f6", "take-out", N_("Taken out"), N_("Says that the finished unit was taken out."), _take_out),
    Key(
        "f7",
        "acknowledge",
        N_("In order"),
        N_("Says that you have looked at a slot that is out of order."),
        _acknowledge,
    ),
    Key("f8", "cancel", N_("Stop"), N_("Stops the unit after its current step, never within one."), _cancel),
    Key("f9", "sign-out", N_("Sign out"), N_("The next person signs in."), _sign_out),
    Key("f10", "leave", N_("End"), N_("Ends the line; units at work end after their current step."), _always),
    Key("f12", "engineer", N_("Engineer"), N_("Opens the engineer's screens, with a PIN."), _engineer),
)

ARROWS: Final = ("up", "down", "left", "right", "tab", "shift+tab", "home", "end")
"""Keys that choose another slot."""
