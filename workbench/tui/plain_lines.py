"""What the plain face says, line by line: the difference between two states of a line in words.  Pure."""

from __future__ import annotations

import re
from typing import Final

from workbench.languages import N_, _, said
from workbench.station.line.state import LineState, SlotView
from workbench.station.steps.titles import title_words
from workbench.tui import wording
from workbench.tui.actions import action_words
from workbench.tui.face import Face, Message
from workbench.tui.keys import TABLE, Act

COMMANDS: Final[dict[str, Act]] = {
    "help": "help",
    "yes": "yes",
    "no": "no",
    "next": "next",
    "again": "retry",
    "out": "take-out",
    "fixed": "acknowledge",
    "stop": "cancel",
    "signout": "sign-out",
    "end": "leave",
}
"""Words after a slash and the keys they stand for."""
STATE_HELP: Final = N_("Says how every slot is.")
SLOT_HELP: Final = N_("/slot NAME chooses the slot of the other words and of the next scan.")

_WORDS: Final = {
    key.key.upper(): f"/{word}" for word, act in COMMANDS.items() for key in TABLE if key.act == act
}


def keys_as_words(text: str) -> str:
    """`text` with the words that are typed here in place of the keys of the screen: /again, not F5."""
    return re.sub(r"\bF\d+\b", lambda found: _WORDS.get(found[0], found[0]), text)


def command_help() -> list[str]:
    """Every word that can be typed."""
    acts = {key.act: key for key in TABLE}
    told = [f"/{word:<8} {_(acts[act].help)}" for word, act in COMMANDS.items()]
    return [*told, f"/state    {_(STATE_HELP)}", f"          {_(SLOT_HELP)}"]


def changes(old: LineState, new: LineState) -> list[str]:
    """What to say when the line went from `old` to `new`."""
    before = {slot.name: slot for slot in old.slots}
    told = [line for slot in new.slots for line in _slot_changes(before.get(slot.name), slot)]
    told += [_("Remark: {text}").format(text=said(text)) for text in new.notices if text not in old.notices]
    if new.database != old.database and old.slots:
        told.append(wording.sentence(wording.database_words(new) or _("the database answers again")))
    if new.lot is not None and old.lot is not None and _counts(new) != _counts(old):
        told.append(lot_line(new))
    return told


def _counts(state: LineState) -> tuple[int, int]:
    return (state.lot.passed, state.lot.failed) if state.lot is not None else (0, 0)


def everything(state: LineState, now: float) -> list[str]:
    """How everything is now."""
    head = " · ".join(word for word in (state.station, state.title or state.recipe, state.operator) if word)
    told = [head] if head else []
    if state.lot is not None:
        told.append(lot_line(state))
    for slot in state.slots:
        told += slot_lines(slot, now)
    return told


def lot_line(state: LineState) -> str:
    """The lot in one sentence."""
    assert state.lot is not None
    return _("Lot {lot}: {words}.").format(lot=state.lot.lot, words=", ".join(wording.lot_words(state.lot)))


def slot_lines(slot: SlotView, now: float) -> list[str]:
    """A slot now, in one to three lines."""
    words = [wording.phase_word(slot)]
    if slot.serial:
        words.append(slot.serial)
    if slot.current is not None:
        words.append(f"{wording.step_count(slot)}: {title_words(slot.current.title)}")
        words.append(wording.time_words(slot, now))
    told = [f"{slot.name}: {', '.join(word for word in words if word)}."]
    if slot.phase in ("done", "broken"):
        told += _explained(slot)
    elif slot.question is not None:
        told.append(_question(slot))
    return told


def unfinished_lines(state: LineState) -> list[str]:
    """What a crash or a power cut left."""
    told = [_("The station was interrupted. These units were at work:")]
    for unit in state.unfinished:
        where = f" ({unit.slot})" if unit.slot else ""
        told.append(f"{unit.serial}{where}: {wording.sentence(said(unit.state))}")
        told.append("  " + _("What to do: {action}").format(action=wording.sentence(said(unit.action))))
    return told


def message_lines(message: Message) -> list[str]:
    """What the last scan or word came to."""
    if message.kind != "refused":
        return [wording.sentence(said(message.text))]
    code = f" ({message.error.code})" if message.error is not None else ""
    told = [_("Refused: {reason}").format(reason=wording.sentence(said(message.text))) + code]
    if message.error is not None:
        told.append("  " + _("Cause: {cause}").format(cause=wording.sentence(said(message.error.cause))))
        action = keys_as_words(wording.sentence(action_words(message.error)))
        told.append("  " + _("What to do: {action}").format(action=action))
    return told


def proposal_lines(face: Face) -> list[str]:
    """What a scan would begin."""
    answer = face.proposed
    if answer is None:
        return []
    told = [
        _("{serial} in {slot}: /yes begins, /no does not.").format(
            serial=answer.serial or "?", slot=answer.slot
        )
    ]
    final = [title_words(step.title) for step in answer.steps if step.irreversible]
    if final:
        told.append("  " + _("Cannot be undone: {steps}.").format(steps=", ".join(final)))
    if answer.steps:
        steps = ", ".join(title_words(step.title) for step in answer.steps)
        told.append("  " + _("Steps: {steps}.").format(steps=steps))
    return told


def _slot_changes(old: SlotView | None, new: SlotView) -> list[str]:
    if old is None or old == new:
        return [] if old is not None or new.phase == "starting" else slot_lines(new, 0.0)
    told: list[str] = []
    if new.generation > old.generation:
        told.append(_("{slot}: its process died and was started again.").format(slot=new.name))
    if new.phase in ("done", "broken") and (old.phase, old.run_id) != (new.phase, new.run_id):
        return told + slot_lines(new, 0.0)
    if new.question is not None and new.question != old.question:
        told.append(_question(new))
    step, before = new.current, old.current
    if step is not None and (before is None or before.step != step.step or old.serial != new.serial):
        limit = (
            "" if step.limit_s is None else _(", at most {limit}").format(limit=wording.clock(step.limit_s))
        )
        told.append(f"{new.name}: {new.serial}, {wording.step_count(new)}: {title_words(step.title)}{limit}.")
    elif new.phase != old.phase and new.question is None and new.phase != "running":
        told.append(f"{new.name}: {wording.phase_word(new)}.")
    return told


def _explained(slot: SlotView) -> list[str]:
    told = []
    if slot.error is not None:
        told.append(f"  {slot.error.code}: {wording.sentence(said(slot.error.what))}")
        told.append("  " + _("Cause: {cause}").format(cause=wording.sentence(said(slot.error.cause))))
    told.append("  " + _("What to do: {action}").format(action=keys_as_words(wording.next_action(slot))))
    return told


def _question(slot: SlotView) -> str:
    assert slot.question is not None
    told = _("{slot} asks: {text}").format(slot=slot.name, text=said(slot.question.text))
    return told if slot.question.kind == "scan" else f"{told} {_('/yes or /no; Enter alone is no.')}"
