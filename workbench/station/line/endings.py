"""What follows from a unit's end and from a process's end.  Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import uuid4

from workbench.errors import WorkbenchError
from workbench.events import Event, RunFinished, RunStarted
from workbench.languages import N_
from workbench.station.journal import utc_now
from workbench.station.line.desk import MAX_DEATHS, Desk, Unit
from workbench.station.line.errors import (
    BoardUnknown,
    SlotCannotStart,
    SlotKeepsDying,
    StepHangs,
    UnitTakesTooLong,
)
from workbench.station.line.state import SlotView
from workbench.station.side_by_side import SlotProcessDied
from workbench.station.throttle import Stamped

_HANGS: Final = (StepHangs, UnitTakesTooLong)


@dataclass(frozen=True, slots=True)
class Ending:
    """A unit's end.  `died`: its run did not tell it, so that the line must."""

    view: SlotView
    unit: Unit
    died: bool


def after_run(view: SlotView) -> WorkbenchError | None:
    """Why nothing may begin in the slot after this run; None where the next unit may."""
    halfway = next((s for s in view.steps if s.irreversible and s.state == "error"), None)
    if view.verdict != "ERROR" or halfway is None:
        return None
    what = N_("slot {slot}: it is not known how far the step '{step}' came with {serial}")
    error = view.error
    return BoardUnknown(
        what.format(slot=view.name, step=halfway.title, serial=view.serial),
        cause=None if error is None else f"{error.code}: {error.what}",
    )


def after_death(view: SlotView, desk: Desk) -> WorkbenchError | None:
    """The same after the death of the slot's process."""
    if desk.killed is not None and isinstance(desk.killed, _HANGS):
        return desk.killed
    if desk.failure is not None:
        return failure(desk)
    if desk.deaths >= MAX_DEATHS:
        what = N_("slot {slot}: its process died {count} times in a row")
        return SlotKeepsDying(what.format(slot=view.name, count=desk.deaths))
    return after_run(view)


def death_of(desk: Desk, status: int | None, what: str | None) -> WorkbenchError:
    """What is said of a process that is gone: why the line killed it, or how it ended."""
    name = desk.slot.name
    if desk.killed is not None:
        return desk.killed
    if desk.failure is not None:
        return failure(desk)
    if what is not None:
        return too_slow(desk, what)
    how = N_("was ended by signal {number}") if (status or 0) < 0 else N_("ended with {number}")
    told = how.format(number=abs(status) if status is not None else "?")
    words = (
        N_("slot {slot}: its process {how}, without a verdict")
        if desk.unit
        else N_("slot {slot}: its process {how}")
    )
    return SlotProcessDied(
        words.format(slot=name, how=told), action=N_("run the unit again: it goes on where it was")
    )


def last_words(view: SlotView, unit: Unit) -> list[dict[str, Any]]:
    """The end of a run that could not tell it, as events for listeners; with its beginning where it had
    none.
    """
    run_id = unit.run_id or str(uuid4())
    error = None if view.error is None else asdict(view.error)
    begin = RunStarted(run_id=run_id, verb="unit", slot=view.name, target=view.target)
    end = RunFinished(
        run_id=run_id,
        verdict="ERROR",
        elapsed_s=round(view.elapsed_s or 0.0, 6),
        result={"serial": unit.serial},
        error=error,
    )
    events: list[Event] = [end] if unit.run_id is not None else [begin, end]
    return [Stamped(event, unit.seq + 1 + n, utc_now()).as_json() for n, event in enumerate(events)]


def failure(desk: Desk) -> WorkbenchError:
    """Why the process could not start, in its own words."""
    told = desk.failure or {}
    what = N_("slot {slot} cannot start: {what}").format(slot=desk.slot.name, what=told.get("what", ""))
    return SlotCannotStart(what, cause=told.get("cause"), action=told.get("action"))


def too_slow(desk: Desk, what: str) -> WorkbenchError:
    """Of a process that could not be started, or was not ready in time."""
    return SlotCannotStart(N_("slot {slot}: {what}").format(slot=desk.slot.name, what=what))


def not_closed(desk: Desk) -> WorkbenchError:
    """Of a process that went on when the line was closed."""
    what = N_("slot {slot}: its process did not end when the line was closed, and was killed")
    return SlotProcessDied(
        what.format(slot=desk.slot.name), action=N_("run the unit again: it goes on where it was")
    )
