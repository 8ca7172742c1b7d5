"""What a scan means, decided without doing anything.  Pure: text and state in, a decision out.

Whether a serial number may begin is the office's to say; here it is decided which slot, which question or
which person a scan is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from workbench.errors import WorkbenchError
from workbench.languages import _
from workbench.station.labels.errors import LabelUnreadable
from workbench.station.labels.payload import is_label, parse_label
from workbench.station.line import errors as err
from workbench.station.line.moves import BUSY
from workbench.station.line.state import LineState, Phase, SlotView

MAX_SCAN: Final = 128
"""Longest scan that is taken, in characters."""
SLOT_PREFIX: Final = "SLOT:"
BADGE_PREFIX: Final = "OP:"
_FREE: Final[tuple[Phase, ...]] = ("ready", "starting", "done")
_DONE: Final = 4


@dataclass(frozen=True, slots=True)
class ForSlot:
    """The next unit goes into this slot."""

    slot: str


@dataclass(frozen=True, slots=True)
class ForPerson:
    """Somebody's badge."""

    badge: str


@dataclass(frozen=True, slots=True)
class ForQuestion:
    """The answer to what the run in `slot` asks."""

    slot: str
    prompt: str


@dataclass(frozen=True, slots=True)
class ForUnit:
    """A unit to begin in `slot`."""

    slot: str
    serial: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be used, and why."""

    error: WorkbenchError


Decision = ForSlot | ForPerson | ForQuestion | ForUnit | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a decision rests on besides the line's state.

    focus      slot that the face points at, which beats everything else
    chosen     slot that a SLOT: scan chose for the next unit
    proposed   serial numbers that wait for a confirmation, by slot
    sign_in    whether somebody must have signed in
    """

    focus: str | None = None
    chosen: str | None = None
    proposed: dict[str, str]
    sign_in: bool = False


def split_scans(raw: str) -> tuple[str, ...]:
    """The scans in what came in one read: each ended by CR, LF or both; empty ones are dropped."""
    return tuple(part for part in re.split(r"[\r\n]+", raw) if part.strip())


def clean_scan(raw: str) -> str:
    """The text of one scan without the spaces and line ends around it.

    Raises ScanTooLong, ScanGarbled (control characters, line ends within, nothing in it).
    """
    text = raw.strip(" \t\r\n")
    if len(text) > MAX_SCAN:
        what = _("a scan of {count} characters; the longest that is taken has {most}")
        raise err.ScanTooLong(what.format(count=len(text), most=MAX_SCAN))
    if not text:
        raise err.ScanGarbled(_("a scan with nothing in it"))
    strange = [character for character in text if not character.isprintable()]
    if strange:
        what = _("a scan with characters that no label holds (the first is U+{first:04X})")
        raise err.ScanGarbled(what.format(first=ord(strange[0])))
    return text


def serial_in(text: str) -> str:
    """The serial number in a scan: of a whole label its serial number, else the scan itself."""
    if not is_label(text):
        return text
    try:
        return parse_label(text).serial
    except LabelUnreadable:
        return text


def decide_scan(text: str, serial: str, state: LineState, situation: Situation) -> Decision:
    """What `text`, cleaned, is for.  `serial`: the serial number in it, where it is a whole label."""
    upper = text.upper()
    if upper.startswith(SLOT_PREFIX):
        return _slot_choice(text[len(SLOT_PREFIX) :].strip(), state)
    if upper.startswith(BADGE_PREFIX):
        return ForPerson(text[len(BADGE_PREFIX) :].strip())
    asked = _question(serial, state, situation)
    if asked is not None:
        return asked
    working = next((s for s in state.slots if s.phase in BUSY and _same(s.serial, serial)), None)
    if working is not None:
        what = _("{serial} is being worked on in slot {slot}").format(serial=serial, slot=working.name)
        return Refused(err.UnitAtWork(what))
    return decide_slot(serial, state, situation, may_answer=True)


def decide_slot(
    serial: str, state: LineState, situation: Situation, *, may_answer: bool = False
) -> ForUnit | ForQuestion | Refused:
    """Where a unit goes; with `may_answer` a scan that finds no slot answers the one run that waits for
    one.
    """
    if situation.sign_in and state.operator is None:
        return Refused(err.NobodySignedIn(_("nobody has signed in")))
    found: ForUnit | ForQuestion | Refused | None = _slot_for(serial, state, situation)
    if found is None and may_answer:
        found = _question_for_anyone(state)
    return found or _nowhere(state)


def slot_refusal(view: SlotView) -> WorkbenchError | None:
    """Why a unit cannot begin in that slot now; None where it can."""
    if view.phase in _FREE:
        return None
    if view.phase in BUSY:
        what = _("slot {slot} is working on {serial}").format(slot=view.name, serial=view.serial or "?")
        if view.question is not None:
            what = _("slot {slot} waits for an answer about {serial}").format(
                slot=view.name, serial=view.serial or "?"
            )
        return err.SlotRunning(what)
    if view.phase == "broken":
        what = _("slot {slot} waits for somebody to look at it").format(slot=view.name)
        return err.SlotBroken(what, cause=view.error.what if view.error is not None else None)
    return err.SlotNotReady(_("slot {slot} is not used").format(slot=view.name))


def _slot_choice(name: str, state: LineState) -> Decision:
    view = next((s for s in state.slots if s.name.casefold() == name.casefold()), None)
    if view is None:
        return Refused(err.ScanOfNoSlot(_("this line has no slot {slot}").format(slot=name)))
    refusal = slot_refusal(view)
    return ForSlot(view.name) if refusal is None else Refused(refusal)


def _question(serial: str, state: LineState, situation: Situation) -> ForQuestion | None:
    """The run that this scan answers for certain: in the slot that was meant, or asking about this very
    unit.
    """
    asking = list(_asking(state))
    for view in asking:
        if view.name == situation.focus and view.question is not None:
            return ForQuestion(view.name, view.question.prompt)
    for view in asking:
        if _same(view.serial, serial) and situation.focus is None and view.question is not None:
            return ForQuestion(view.name, view.question.prompt)
    return None


def _question_for_anyone(state: LineState) -> ForQuestion | None:
    """No slot can take a unit: a scan then is meant for the one run that waits for one."""
    asking = list(_asking(state))
    if len(asking) == 1 and asking[0].question is not None:
        return ForQuestion(asking[0].name, asking[0].question.prompt)
    return None


def _asking(state: LineState) -> Iterable[SlotView]:
    return (
        s for s in state.slots if s.question is not None and s.question.kind == "scan" and s.phase == "asking"
    )


def _slot_for(serial: str, state: LineState, situation: Situation) -> ForUnit | Refused | None:
    meant = situation.focus or situation.chosen
    if meant is not None:
        view = next((s for s in state.slots if s.name == meant), None)
        if view is None:
            return Refused(err.ScanOfNoSlot(_("this line has no slot {slot}").format(slot=meant)))
        refusal = slot_refusal(view)
        return ForUnit(meant, serial) if refusal is None else Refused(refusal)
    left = _slot_left_in(serial, state)
    if left is not None:
        refusal = slot_refusal(left)
        return ForUnit(left.name, serial) if refusal is None else Refused(refusal)
    free = [s for s in state.slots if s.phase in _FREE and not _elsewhere_proposed(s, serial, situation)]
    lie_in = {unit.slot for unit in state.unfinished}
    ranked = sorted(free, key=lambda view: (view.name in lie_in, _rank(view, serial, situation)))
    if not ranked:
        return None
    first = _rank(ranked[0], serial, situation)
    if first == _DONE and sum(_rank(view, serial, situation) == _DONE for view in ranked) > 1:
        names = ", ".join(view.name for view in ranked)
        what = _("slots {slots} hold finished units, and it is not clear which one was taken out")
        return Refused(err.SlotUnclear(what.format(slots=names)))
    return ForUnit(ranked[0].name, serial)


def _slot_left_in(serial: str, state: LineState) -> SlotView | None:
    """Where an earlier run left this unit; None where it was finished, or its slot is not of this line."""
    name = next((u.slot for u in state.unfinished if _same(u.serial, serial)), None)
    return next((s for s in state.slots if s.name == name and s.phase != "off"), None)


def _elsewhere_proposed(view: SlotView, serial: str, situation: Situation) -> bool:
    proposed = situation.proposed.get(view.name)
    return proposed is not None and not _same(proposed, serial)


def _rank(view: SlotView, serial: str, situation: Situation) -> int:
    """Where the unit was proposed or finished already, then ready slots, then such as hold a finished
    unit.
    """
    if _same(situation.proposed.get(view.name), serial):
        return 0
    if view.phase == "done":
        return 1 if _same(view.serial, serial) else _DONE
    return 2 if view.phase == "ready" else 3


def _nowhere(state: LineState) -> Refused:
    if len(state.slots) == 1:
        refusal = slot_refusal(state.slots[0])
        if refusal is not None:
            return Refused(refusal)
    return Refused(err.NoSlotFree(_("no slot can take a unit now")))


def _same(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one.casefold() == other.casefold()
