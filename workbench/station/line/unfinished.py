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
    after = progress.finished[-1] if progress.finished else None
    return UnfinishedUnit(
        serial=run.serial,
        slot=run.slot,
        after_step=after,
        during_step=progress.during,
        irreversible=progress.irreversible,
        state=_state(after, progress.during, irreversible=progress.irreversible),
        action=_action(progress.during, irreversible=progress.irreversible),
    )


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
        return _("put the unit into its slot and scan it: the unit is looked at before anything is done")
    return _("put the unit into its slot and scan it: it goes on from there")
