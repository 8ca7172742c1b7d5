"""The words of both faces of the technician: for phases, verdicts, steps and times.  Pure.

Everything here is translated when it is asked for.  Whoever draws adds signs and colours; nothing is lost
without them.
"""

from __future__ import annotations

from typing import Final

from workbench.events import Verdict
from workbench.languages import N_, _, said
from workbench.station.line.state import LineState, LotView, Phase, ScanAnswer, SlotView, StepView
from workbench.station.steps.titles import title_words
from workbench.tui.actions import action_words

PHASES: Final[dict[Phase, str]] = {
    "starting": N_("starting"),
    "ready": N_("ready"),
    "running": N_("running"),
    "asking": N_("waits for you"),
    "stopping": N_("stopping after this step"),
    "done": N_("done"),
    "broken": N_("out of order"),
    "off": N_("off"),
}
VERDICTS: Final[dict[Verdict, str]] = {
    "PASS": N_("PASS"),
    "FAIL": N_("FAIL"),
    "ERROR": N_("ERROR"),
    "STOPPED": N_("STOPPED"),
}
VERDICT_MEANS: Final[dict[Verdict, str]] = {
    "PASS": N_("The unit is good."),
    "FAIL": N_("The unit is faulty."),
    "ERROR": N_("The station failed. This says nothing about the unit."),
    "STOPPED": N_("The run was stopped. The unit is not finished."),
}
STEP_STATES: Final[dict[str, str]] = {
    "waiting": N_("waiting"),
    "running": N_("running"),
    "passed": N_("passed"),
    "failed": N_("failed"),
    "error": N_("error"),
    "stopped": N_("stopped"),
    "done-before": N_("done before"),
    "skipped": N_("left out"),
}


def phase_word(slot: SlotView) -> str:
    """What the slot is doing, or the verdict that stands there."""
    if slot.phase == "done" and slot.verdict is not None:
        return verdict_word(slot.verdict)
    return _(PHASES[slot.phase])


def verdict_word(verdict: Verdict) -> str:
    """The verdict in the technician's language."""
    return _(VERDICTS[verdict])


def idle_line(slot: SlotView, *, hands_out: bool = False) -> str:
    """What a slot without a unit at work waits for."""
    if slot.phase == "starting":
        return _("The slot is being made ready.")
    if slot.phase == "off":
        return _("This slot is not used.")
    if slot.present is False:
        return _("Empty. Put a unit in.")
    if hands_out:
        return _("Put a unit in and press F4.")
    if slot.present:
        return _("A unit is in. Scan its serial number.")
    return _("Put a unit in and scan its serial number.")


def next_action(slot: SlotView) -> str:
    """The next thing that the technician does here, once a verdict stands or the slot is out of order."""
    if slot.verdict == "PASS" and slot.phase == "done":
        return _("Take the unit out.")
    if slot.error is not None and slot.error.action:
        told = sentence(action_words(slot.error, slot))
        return f"{told} {_('Then press F7.')}" if slot.phase == "broken" and "F7" not in told else told
    if slot.phase == "broken":
        return _("Look at the slot, then press F7.")
    if slot.verdict == "STOPPED":
        return _("Press F5 to go on, or take the unit out.")
    return _("Take the unit out, and put it where faulty units go.")


def sentence(text: str) -> str:
    """`text` with a capital at the beginning and a full stop at the end; a name such as v1 stays as it is."""
    text = text.strip()
    if not text:
        return ""
    first = text.split(maxsplit=1)[0]
    name = ("-" in first and first.endswith(":")) or any(char.isdigit() or char == "@" for char in first)
    return (text if name else capital(text)) + ("" if text[-1] in ".!?…" else ".")


def between(slot: SlotView) -> str:
    """What a unit's run does where none of its steps is running."""
    if any(step.state not in ("waiting", "done-before") for step in slot.steps):
        return _("Going on …")
    return _("Beginning …")


def step_count(slot: SlotView) -> str:
    """Which step of how many; empty where no plan is known."""
    total = len(slot.steps)
    if not total:
        return ""
    done = sum(step.state not in ("waiting", "running") for step in slot.steps)
    number = min(done + 1, total)
    return _("step {number} of {total}").format(number=number, total=total)


def title_of(step: StepView) -> str:
    """A step's words, with a capital at the beginning."""
    return capital(title_words(step.title))


def capital(text: str) -> str:
    """`text` with a capital at the beginning."""
    return text[:1].upper() + text[1:]


def step_line(step: StepView) -> str:
    """A step of a plan with what is known of it, as a line of words."""
    words = [title_of(step), _(STEP_STATES[step.state])]
    if step.elapsed_s is not None:
        words.append(clock(step.elapsed_s))
    if step.irreversible:
        words.append(_("cannot be undone"))
    return ", ".join(words)


def clock(seconds: float) -> str:
    """Minutes and seconds, 1:05; with hours from one hour on."""
    whole = max(int(seconds), 0)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def elapsed(slot: SlotView, now: float) -> float | None:
    """Seconds of the unit's run: until now, or until it ended."""
    if slot.phase in ("running", "asking", "stopping") and slot.began is not None:
        return now - slot.began
    return slot.elapsed_s


def step_elapsed(step: StepView, now: float) -> float | None:
    """Seconds of a step: until now, or until it ended."""
    if step.state == "running" and step.began is not None:
        return now - step.began
    return step.elapsed_s


def time_words(slot: SlotView, now: float) -> str:
    """Elapsed time of the step and its limit, or of the whole run."""
    step = slot.current
    spent = step_elapsed(step, now) if step is not None else elapsed(slot, now)
    limit = step.limit_s if step is not None else slot.limit_s
    if spent is None:
        return ""
    if limit is None:
        return clock(spent)
    return _("{elapsed} of {limit}").format(elapsed=clock(spent), limit=clock(limit))


def fraction(slot: SlotView) -> float | None:
    """How much of the running step is done, 0 to 1; None where that is not known."""
    if slot.progress is None or slot.progress[1] <= 0:
        return None
    return min(max(slot.progress[0] / slot.progress[1], 0.0), 1.0)


def lot_words(lot: LotView) -> list[str]:
    """The lot in short phrases, the most important first."""
    words = []
    if lot.quantity is not None:
        words.append(_("{passed} of {quantity} passed").format(passed=lot.passed, quantity=lot.quantity))
    else:
        words.append(_("{passed} passed").format(passed=lot.passed))
    if lot.remaining is not None:
        words.append(_("{remaining} left").format(remaining=lot.remaining))
    judged = lot.passed + lot.failed
    if judged:
        words.append(_("yield {percent} %").format(percent=percent(lot.passed, judged)))
    if lot.units_per_hour is not None:
        words.append(_("{rate} units/h").format(rate=f"{lot.units_per_hour:.0f}"))
    if lot.failed:
        words.append(_("{failed} failed").format(failed=lot.failed))
    if lot.attempted:
        words.append(_("first pass {percent} %").format(percent=percent(lot.first_pass, lot.attempted)))
    return words


def percent(part: int, whole: int) -> str:
    """Whole percents; 100 only where all of it is."""
    return str(part * 100 // whole) if whole else "0"


def answer_words(answer: ScanAnswer) -> str:
    """What a scan came to, where it was not refused."""
    sentences = {
        "started": _("{serial} begins in {slot}."),
        "resumed": _("{serial} goes on in {slot}, from the last safe step."),
        "answered": _("{slot} has the answer."),
        "slot-chosen": _("The next unit goes into {slot}."),
    }
    told = sentences.get(answer.kind)
    if told is None:
        return sentence(said(answer.text))
    return told.format(serial=answer.serial or answer.text, slot=answer.slot or "?")


def database_words(state: LineState) -> str:
    """What to know about the database; empty where it works as it should."""
    if state.database != "lost":
        return ""
    if state.reserved:
        return _("database lost: {count} serial numbers in reserve").format(count=state.reserved)
    return _("database lost")
