"""Where a run begins with a unit that an earlier run worked on.  Pure.

A run that died goes on where it was.  A unit that failed is tried again from its last safe step: everything
since the last irreversible step is done anew, and nothing before it, for that would undo or repeat it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.station.steps.plan import PlannedStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an earlier run came with a unit; what an office keeps on the disk.

    finished      keys of the steps that ended in PASS, in order
    during        key of the step that was begun and did not end in PASS, None where a run ended between steps
    irreversible  whether `during` was such a step
    failed        `during` ended in a verdict (FAIL, ERROR, STOPPED); False where its process died in it
    facts         `Notebook.facts` when they were last kept
    chip_id       the unit, as it was identified when it began
    """

    finished: tuple[str, ...] = ()
    during: str | None = None
    irreversible: bool = False
    failed: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    chip_id: str | None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """`done`: keys of steps that are not done again.  `look`: the step that is looked for first."""

    done: frozenset[str] = frozenset()
    look: str | None = None


def where_to_begin(plan: Sequence[PlannedStep], progress: Progress | None) -> Beginning:
    """What of the plan is done already, by an earlier run's progress."""
    if progress is None:
        return Beginning()
    keys = [planned.key for planned in plan]
    finished = [planned for planned in plan if planned.key in progress.finished]
    look = progress.during if _must_look(plan, progress) else None
    if not progress.failed:
        return Beginning(frozenset(planned.key for planned in finished), look)
    safe = max((keys.index(planned.key) + 1 for planned in finished if planned.irreversible), default=0)
    if look is not None:
        safe = max(safe, keys.index(look))
    kept = {planned.key for planned in finished if planned.step.once or keys.index(planned.key) < safe}
    return Beginning(frozenset(kept), look)


def _must_look(plan: Sequence[PlannedStep], progress: Progress) -> bool:
    """Whether the step that was begun may have happened although nobody saw it end."""
    begun = next((planned for planned in plan if planned.key == progress.during), None)
    if begun is None:
        return False
    return progress.irreversible or begun.irreversible or begun.step.resumable == "look"
