"""A unit that an earlier process left in the middle, in words.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.languages import _
from workbench.station.line.state import UnfinishedUnit

if TYPE_CHECKING:
    from workbench.station.lots.values import UnfinishedRun


def unfinished_view(run: UnfinishedRun) -> UnfinishedUnit:
    """What is known of the unit, and what to do with it now."""
    progress = run.progress
    state, action = _now(run)
    after = progress.finished[-1] if progress.finished else None
    return UnfinishedUnit(
        serial=run.serial,
        slot=run.slot,
        after_step=after,
        during_step=progress.during,
        irreversible=progress.irreversible,
        state=state,
        action=action,
        verdict=run.verdict,
    )


def _now(run: UnfinishedRun) -> tuple[str, str]:
    """Its state, and what to do."""
    progress = run.progress
    after = progress.finished[-1] if progress.finished else None
    if run.ending:
        return (
            _("the program that was ended still does its step"),
            _("wait: it stops by itself after this step"),
        )
    if run.verdict == "PASS":
        return _("it passed while no screen showed it"), _("take the unit out")
    if run.verdict == "FAIL":
        told = _("it failed while no screen showed it ({code})").format(code=run.error_code or "?")
        return told, _("take the unit out, and put it where faulty units go")
    state = _state(after, progress.during, irreversible=progress.irreversible)
    if run.verdict == "ERROR":
        told = _("the station failed while no screen showed it ({code})").format(code=run.error_code or "?")
        state = f"{told}; {state}"
    return state, _action(progress.during, irreversible=progress.irreversible)


def _state(after: str | None, during: str | None, *, irreversible: bool) -> str:
    if during is None:
        if after is None:
            return _("begun; no step was begun yet")
        return _("finished up to step {step}, and nothing was going on").format(step=after)
    known = _("the run ended in the middle of step {step}").format(step=during)
    if irreversible:
        return known + "; " + _("this step cannot be undone, and it is not known whether it happened")
    return known + "; " + _("this step can be done again")


def _action(during: str | None, *, irreversible: bool) -> str:
    if during is not None and irreversible:
        return _(
            "put the unit into its slot, scan or type its number: it is looked at before anything is done"
        )
    return _("put the unit into its slot, scan or type its number: it goes on from there")
