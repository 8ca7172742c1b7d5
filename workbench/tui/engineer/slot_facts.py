"""What is known of a slot: the bench's own facts, and its part of the line.  No widget here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workbench.boards.bench import Slot
from workbench.errors import WorkbenchError
from workbench.station.line.state import LineState, SlotView
from workbench.tui.engineer.ask import Choice

PHASE_MARKS: Final = {
    "starting": "…",
    "ready": "○",
    "running": "▶",
    "asking": "?",
    "stopping": "■",
    "done": "●",
    "broken": "✘",
    "off": "-",
}
"""A symbol beside each phase's word."""


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """A slot as the bench sees it: power, who uses it, and the chip that was seen in it last."""

    name: str
    target: str
    power: str
    user: str
    chip: str


def facts_of(slot: Slot) -> SlotFacts:
    """Looks at the slot without touching its board; what cannot be seen is said by its error's code."""
    return SlotFacts(slot.name, slot.target.name, _power(slot), _user(slot), _chip(slot))


def _power(slot: Slot) -> str:
    if slot.power is None:
        return "no switch"
    try:
        return slot.power.state()
    except WorkbenchError as error:
        return error.code


def _user(slot: Slot) -> str:
    from workbench.boards.leases import lease_status

    try:
        lease = lease_status(slot.state_dir)
    except WorkbenchError as error:
        return error.code
    if lease.state in ("free", "abandoned"):
        return "nobody"
    words = f"{lease.purpose} ({lease.owner}, process {lease.pid})"
    return words if lease.state == "leased" else f"{words}, {lease.state}"


def _chip(slot: Slot) -> str:
    from workbench.boards.sightings import last_sighting

    try:
        seen = last_sighting(slot)
    except WorkbenchError as error:
        return error.code
    return seen.chip_id if seen else "not seen yet"


def view_of(state: LineState | None, name: str) -> SlotView | None:
    """The slot's part of the line, None where the line does not use it."""
    if state is None:
        return None
    return next((slot for slot in state.slots if slot.name == name), None)


def step_words(view: SlotView | None) -> str:
    """The step that is running, and how far it is."""
    if view is None:
        return ""
    if view.question is not None:
        return f"waits: {view.question.text}"
    if view.current is None:
        done = sum(step.state in ("passed", "done-before") for step in view.steps)
        return f"{done} of {len(view.steps)} steps done" if view.steps else ""
    words = view.current.title
    if view.progress is not None and view.progress[1] > 0:
        words += f" {100 * view.progress[0] // view.progress[1]} %"
    return words


def choices(view: SlotView | None, why_not: str | None) -> list[Choice]:
    """What can be done in a slot; what cannot be done now stays, with its reason."""
    phase = view.phase if view is not None else None
    line = why_not or (None if phase is not None else "no line here")
    running = phase in ("running", "asking")
    return [
        Choice("console", "Console: see what its board prints"),
        Choice("images", "Image slots: ask its board what it holds"),
        Choice("unit", "Unit: identity and history", None if view and view.serial else "no unit"),
        Choice("cancel", "Stop after the current step", line or (None if running else "no run")),
        Choice(
            "retry",
            "Run again from the last safe step",
            line or (None if phase == "done" else "no finished unit"),
        ),
        Choice(
            "take_out",
            "Take the finished unit out",
            line or (None if phase == "done" else "no finished unit"),
        ),
        Choice(
            "acknowledge",
            "Acknowledge: somebody looked at the broken slot",
            line or (None if phase == "broken" else "it is not broken"),
        ),
    ]
