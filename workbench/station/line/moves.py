"""What the line itself does to a slot's view, apart from what a run tells.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from workbench.errors import WorkbenchError
from workbench.station.line.state import ErrorView, LineState, Phase, SlotView, StepView

FREE: Final[tuple[Phase, ...]] = ("ready", "done")
"""Phases in which a unit may begin: what stands of the last one is replaced by it."""
BUSY: Final[tuple[Phase, ...]] = ("running", "asking", "stopping")
"""Phases of a run that goes on."""


def begun(
    view: SlotView, serial: str, steps: tuple[StepView, ...], limit_s: float | None, now: float
) -> SlotView:
    """A unit begins: nothing of the last one is left."""
    return replace(
        _bare(view),
        phase="running",
        serial=serial,
        steps=steps,
        limit_s=limit_s,
        began=now,
        present=view.present,
    )


def stopping(view: SlotView) -> SlotView:
    """The run was asked to end after its current step."""
    return replace(view, phase="stopping") if view.phase in BUSY else view


def ready(view: SlotView) -> SlotView:
    """The slot's process can take a unit."""
    return replace(view, phase="ready") if view.phase == "starting" else view


def answered(view: SlotView) -> SlotView:
    """The question has got its answer, so that it cannot get a second one."""
    return replace(view, question=None, phase="running" if view.phase == "asking" else view.phase)


def cleared(view: SlotView, *, ready: bool = True) -> SlotView:
    """The finished unit is out; the slot's process may still have to start."""
    if view.phase != "done":
        return view
    return replace(_bare(view), phase="ready" if ready else "starting")


def mended(view: SlotView, *, alive: bool) -> SlotView:
    """A person has looked at the broken slot."""
    return replace(_bare(view), phase="ready" if alive else "starting") if view.phase == "broken" else view


def ended(view: SlotView, error: ErrorView, now: float) -> SlotView:
    """The run ended without a word of its own: an ERROR of the station, never a FAIL."""
    steps = tuple(replace(step, state="error") if step.state == "running" else step for step in view.steps)
    elapsed_s = None if view.began is None else max(0.0, now - view.began)
    return replace(
        view,
        phase="done",
        verdict="ERROR",
        error=error,
        elapsed_s=elapsed_s,
        question=None,
        progress=None,
        inner=None,
        steps=steps,
    )


def broken(view: SlotView, error: ErrorView) -> SlotView:
    """Nothing begins here until a person has looked; verdict and serial number stay to be seen."""
    return replace(view, phase="broken", error=error, question=None, progress=None, inner=None)


def restarted(view: SlotView) -> SlotView:
    """A new process was made for the slot; a verdict that stands goes on standing."""
    phase: Phase = "starting" if view.phase == "ready" else view.phase
    return replace(view, phase=phase, generation=view.generation + 1)


def view_of(error: WorkbenchError) -> ErrorView:
    """An error as faces get it; they translate it."""
    return ErrorView(
        code=error.code, blame=str(error.blame), what=error.what, cause=error.cause, action=error.action
    )


def with_slot(state: LineState, view: SlotView) -> LineState:
    """The line with this view of its slot; the revision grows where it is another one."""
    if state.slot(view.name) == view:
        return state
    slots = tuple(view if old.name == view.name else old for old in state.slots)
    return replace(state, slots=slots, revision=state.revision + 1)


def _bare(view: SlotView) -> SlotView:
    return SlotView(
        name=view.name,
        target=view.target,
        phase=view.phase,
        present=view.present,
        generation=view.generation,
    )
