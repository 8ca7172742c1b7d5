"""What the pages of the technician's face say.  Pure: a Face in, lines out."""

from __future__ import annotations

from typing import Final

from workbench.languages import N_, _, ngettext, said
from workbench.station.line.state import ScanAnswer, SlotView, UnfinishedUnit
from workbench.station.steps.titles import title_words
from workbench.tui import wording
from workbench.tui.actions import action_words
from workbench.tui.drawn import Role, Spans, fitted, shortened, wrapped
from workbench.tui.face import Face, Page
from workbench.tui.keys import TABLE, Key, why_not
from workbench.tui.symbols import Symbols

TITLES: Final[dict[Page, str]] = {
    "line": N_("Line"),
    "sign-in": N_("Sign in"),
    "unfinished": N_("Unfinished"),
    "help": N_("Help"),
    "pin": N_("Engineer"),
    "leave": N_("End?"),
    "ending": N_("Ending"),
    "nobody": N_("Waiting"),
}
_FIELDS: Final[dict[Page, str]] = {
    "line": N_("Scan"),
    "sign-in": N_("Badge"),
    "unfinished": N_("Scan"),
    "help": N_("Help"),
    "pin": N_("PIN"),
    "leave": N_("End?"),
    "ending": N_("Please wait"),
    "nobody": N_("Watching"),
}
_KEYS: Final[dict[Page, tuple[str, ...]]] = {
    "sign-in": ("help", "leave", "engineer"),
    "unfinished": ("help", "yes", "leave"),
    "help": ("no",),
    "pin": ("no",),
    "leave": ("yes", "no"),
    "ending": (),
    "nobody": ("leave",),
}


def title(face: Face) -> str:
    """The page's name."""
    return _(TITLES[face.page])


def field(face: Face) -> tuple[str, str]:
    """What stands before the scan field, and what stands in it."""
    text = face.buffer.text
    return _(_FIELDS[face.page]), "•" * len(text) if face.page == "pin" else text


def keys_of(page: Page) -> list[Key]:
    """The keys that a page shows."""
    wanted = _KEYS.get(page)
    return [key for key in TABLE if wanted is None or key.act in wanted]


def label_of(key: Key, face: Face) -> str:
    """A key's short name, as it is meant just now."""
    if face.page in ("help", "pin") and key.act == "no":
        return _("Back")
    if face.page == "leave":
        return _("End the line") if key.act == "yes" else _("Go on")
    if face.page == "unfinished" and key.act == "yes":
        return _("Understood")
    if face.page == "line" and face.proposed is not None and key.act == "yes":
        return _("Begin")
    return _(key.label)


def is_idle(key: Key, face: Face, now: float) -> bool:
    """Whether a key does nothing now; yes and no do so until a question has been shown for a while."""
    asked = face.page == "leave" or (face.page == "line" and face.moment.asks)
    if key.act in ("yes", "no") and asked:
        return not (face.armed.is_armed(now) or (face.page == "leave" and key.act == "no"))
    return face.page == "line" and bool(why_not(key.act, face.moment))


def panel(face: Face, symbols: Symbols, width: int, rows: int = 3) -> list[Spans]:
    """What is asked, proposed or said, where there is room for `rows` lines; the first is a band where
    somebody must do something."""
    if face.proposed is not None:
        return _proposal(face.proposed, symbols, width)
    lines: list[Spans] = []
    question = face.question
    if question is not None:
        slot, asked = question
        head = _("{slot} asks: {text}").format(slot=slot.name, text=said(asked.text))
        room = 2 if face.message is None else 1  # its slot shows all of it
        lines += [((line, "ask-band"),) for line in shortened(f"{symbols.asking} {head}", width, room)]
        words = (
            _("F2 = yes.  Enter or Esc = no.")
            if asked.kind == "confirm"
            else _("Scan it now. F8 stops the unit.")
        )
        lines.append(((hint(face) if face.state.read_only else words, "strong"),))
    if face.message is not None:
        lines += _message(face, symbols, width, rows - len(lines))
    if not lines:
        lines.append(((hint(face), "dim"),))
        lines += [((line, "dim"),) for line in wrapped(face.notice, width)[:1]]
    return lines


def hint(face: Face) -> str:
    """What to do when nothing else is said."""
    if face.waiting:
        return _("One moment …")
    if face.state.read_only:
        return _("This viewer only watches.")
    if not any(slot.phase in ("ready", "done", "starting") for slot in face.state.slots):
        return _("All slots are at work.")
    if face.hands_out:
        return _("F4 begins the next unit.")
    return _("Scan the serial number of the next unit.")


def _proposal(answer: ScanAnswer, symbols: Symbols, width: int) -> list[Spans]:
    head = _("{serial} in {slot}: F2 begins, Esc does not.").format(
        serial=answer.serial or "?", slot=answer.slot or "?"
    )
    lines: list[Spans] = [((f"{symbols.asking} {head}", "ask-band"),)]
    final = [title_words(step.title) for step in answer.steps if step.irreversible]
    if final:
        told = _("Cannot be undone: {steps}.").format(steps=", ".join(final))
        lines += [((line, "error"),) for line in wrapped(told, width)[:2]]
    steps = _("Steps: {steps}.").format(steps=", ".join(title_words(step.title) for step in answer.steps))
    lines += [((line, "plain"),) for line in wrapped(steps if answer.steps else answer.text, width)]
    return lines


def _message(face: Face, symbols: Symbols, width: int, rows: int = 3) -> list[Spans]:
    message = face.message
    assert message is not None
    if message.kind != "refused":
        sign = symbols.running if message.kind == "started" else symbols.ready
        role: Role = "run" if message.kind == "started" else "plain"
        return [((line, role),) for line in wrapped(f"{sign} {wording.sentence(said(message.text))}", width)]
    code = f" ({message.error.code})" if message.error is not None else ""
    head = _("Refused: {reason}").format(reason=wording.sentence(said(message.text)))
    told = _headline(f"{symbols.failed} {head}", code, width, 2 if rows > 1 else 1)
    lines: list[Spans] = [((line, "error-band"),) for line in told]
    if message.error is not None:
        action = _("What to do: {action}").format(action=wording.sentence(action_words(message.error)))
        lines += [((line, "strong"),) for line in wrapped(action, width)]
        cause = _("Cause: {cause}").format(cause=wording.sentence(said(message.error.cause)))
        lines += [((line, "dim"),) for line in wrapped(cause, width)]
    return lines


def _headline(text: str, code: str, width: int, rows: int) -> list[str]:
    """`text` and the code, which is never cut off, in at most `rows` lines."""
    lines = wrapped(text + code, width)
    if len(lines) <= rows:
        return lines
    spare = 12 * (rows - 1)  # lines end with whole words
    return wrapped(fitted(text, max(width * rows - len(code) - spare, 20)) + code, width)[:rows]


def page_lines(face: Face, symbols: Symbols, width: int) -> list[Spans]:
    """What a page says that is neither the line nor help."""
    told: list[Spans] = []
    for text in _sentences(face):
        told += [((line, "plain"),) for line in [*wrapped(text, width), ""]]
    if face.page == "unfinished":
        told += [line for unit in face.state.unfinished for line in _unit(unit, symbols, width)]
    if face.message is not None and face.page != "unfinished":
        told += _message(face, symbols, width)
    return told


def _sentences(face: Face) -> list[str]:
    busy = sum(slot.phase in ("running", "asking", "stopping") for slot in face.state.slots)
    if face.page == "sign-in":
        return [_("Scan your badge.")]
    if face.page == "unfinished":
        return [
            _("The station was interrupted. These units were at work:"),
        ]
    if face.page == "pin":
        return [_("Type the engineer's PIN and press Enter. Units at work go on.")]
    if face.page == "leave":
        told = _("F2 ends the line, Esc goes on.")
        if not busy:
            return [_("No unit is at work."), told]
        count = ngettext("{count} unit is at work.", "{count} units are at work.", busy).format(count=busy)
        return [count, _("They stop after their current step and are not finished then."), told]
    if face.page == "ending":
        return [_("Every unit stops after its current step. The line then ends.")]
    return [_("Nobody works the line of this bench now. It is shown as soon as somebody does.")]


def _unit(unit: UnfinishedUnit, symbols: Symbols, width: int) -> list[Spans]:
    where = _("{serial} in {slot}").format(serial=unit.serial, slot=unit.slot) if unit.slot else unit.serial
    lines: list[Spans] = [((f"{symbols.error} {where}", "error"), (f"  {_step_words(unit)}", "dim"))]
    lines += [((f"  {line}", "plain"),) for line in wrapped(wording.sentence(said(unit.state)), width - 2)]
    action = _("What to do: {action}").format(action=wording.sentence(said(unit.action)))
    lines += [((f"  {line}", "strong"),) for line in wrapped(action, width - 2)]
    return [*lines, ()]


def _step_words(unit: UnfinishedUnit) -> str:
    if unit.verdict in ("PASS", "FAIL"):
        return wording.verdict_word(unit.verdict)
    if unit.during_step:
        told = _("interrupted during '{step}'").format(step=said(unit.during_step))
        return f"{told}, {_('which cannot be undone')}" if unit.irreversible else told
    if unit.after_step:
        return _("interrupted after '{step}'").format(step=said(unit.after_step))
    return _("interrupted before the first step")


def help_lines(face: Face, width: int) -> list[Spans]:
    """F1: about the slot that has the focus, its plan, and every key with what it does or why not now."""
    lines: list[Spans] = []
    slot = face.slot
    if slot is not None:
        lines += [
            ((line, "strong"),)
            for text in _about(slot, hands_out=face.hands_out)
            for line in wrapped(text, width)
        ]
        lines += [(("  " + wording.step_line(step), "plain"),) for step in slot.steps]
        lines.append(())
    lines += [((line, "plain"),) for text in _how() for line in wrapped(text, width)]
    lines.append(())
    for key in TABLE:
        name = "Esc" if key.key == "escape" else key.key.upper()
        reason = why_not(key.act, face.moment)
        lines.append(((f" {name:>4} ", "key"), (f" {_(key.label)}: ", "strong"), (_(key.help), "plain")))
        if reason:
            lines.append(((f"       {_('Not now: {reason}.').format(reason=reason)}", "dim"),))
    return lines


def _about(slot: SlotView, *, hands_out: bool) -> list[str]:
    told = [_("Slot {slot}: {state}.").format(slot=slot.name, state=wording.phase_word(slot))]
    if slot.serial:
        told.append(
            _("Unit {serial}, attempt {number}.").format(serial=slot.serial, number=max(slot.attempt, 1))
        )
    if slot.verdict is not None and slot.phase == "done":
        told.append(_(wording.VERDICT_MEANS[slot.verdict]))
    if slot.error is not None:
        told += [
            f"{slot.error.code}: {wording.sentence(said(slot.error.what))}",
            _("Cause: {cause}").format(cause=wording.sentence(said(slot.error.cause))),
        ]
    if slot.phase in ("done", "broken"):
        told.append(_("What to do: {action}").format(action=wording.next_action(slot)))
    elif slot.phase in ("ready", "starting", "off"):
        told.append(wording.idle_line(slot, hands_out=hands_out))
    return told


def _how() -> list[str]:
    return [
        _("Put a unit in and scan its serial number. The screen says where it is and what happens to it."),
        _("Arrows choose a slot for the keys and for the next scan. Esc lets the line choose again."),
        _("PASS: good. FAIL: faulty unit. ERROR: the station failed. STOPPED: not finished."),
    ]
