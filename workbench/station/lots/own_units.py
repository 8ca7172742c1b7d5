"""A unit of the station's own file, as others are told of it.  Pure but for the clock of the wall."""

from __future__ import annotations

from datetime import UTC, datetime

from workbench.station.lots.local_unit import LocalUnit
from workbench.station.lots.values import Attempt, UnfinishedRun
from workbench.station.recipes.recipe import Recipe


def left_of(unit: LocalUnit, *, ending: bool) -> UnfinishedRun:
    """What a run of this station left; `ending`: its process lives, and ends."""
    return UnfinishedRun(
        serial=unit.serial,
        lot=unit.lot,
        run_id=unit.run_id,
        slot=unit.slot,
        attempt=unit.attempt,
        operator=unit.operator,
        began_at=datetime.fromtimestamp(unit.began, UTC),
        progress=unit.progress,
        ending=ending,
    )


def wish_of(unit: LocalUnit, recipe: Recipe) -> Attempt:
    """The attempt that is about to begin, as the shared database is asked for it."""
    moment = datetime.now(UTC)
    return Attempt(
        run_id=unit.run_id,
        serial=unit.serial,
        lot=unit.lot,
        verdict="STOPPED",
        started_at=moment,
        finished_at=moment,
        slot=unit.slot,
        operator=unit.operator,
        recipe=recipe.name,
        recipe_sha256=recipe.sha256,
    )
