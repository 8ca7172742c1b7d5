"""One unit in a slot's process: a run that is journaled and recorded, in which the plan is carried out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from workbench.boards.bench import Bench, Slot, load_bench
from workbench.errors import WorkbenchError
from workbench.events import Verdict
from workbench.station.line.answers import LineAnswers
from workbench.station.line.process import Place
from workbench.station.line.progress_filter import ProgressFilter
from workbench.station.line.protocol import UnitOrder
from workbench.station.lots.lot_file import Lot, load_lot, lot_without_file
from workbench.station.lots.office import Office
from workbench.station.lots.values import Attempt, Begun
from workbench.station.places import database_url, journal_dir
from workbench.station.recipes.errors import RecipeChanged
from workbench.station.recipes.recipe import Recipe, load_recipe
from workbench.station.run import Run
from workbench.station.steps.resume import Progress
from workbench.station.steps.run_plan import run_plan
from workbench.station.throttle import Stamped

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a slot's process works with, from one unit to the next."""

    bench: Bench
    slot: Slot
    recipe: Recipe
    lot: Lot
    office: Office
    station: str
    ended: list[tuple[Attempt, bool]] = field(default_factory=list)
    """Runs that have ended, until the office has taken them in; with whether somebody saw the verdict."""

    @classmethod
    def open(cls, place: Place) -> Self:
        """Raises what bench, recipe, lot and office have to say, RecipeChanged."""
        bench = load_bench(Path(place.bench))
        recipe = load_recipe(Path(place.recipe))
        if recipe.sha256 != place.recipe_sha256:
            raise RecipeChanged(f"{recipe.path} is not what it was when the line was opened")
        lot = lot_without_file(recipe) if place.lot is None else load_lot(Path(place.lot))
        office = Office.open(bench.folder, recipe, lot, station=place.station)
        return cls(bench, bench.slot(place.slot), recipe, lot, office, place.station)

    def carry_out(
        self, order: UnitOrder, answers: LineAnswers, tell: Tell, is_seen: Callable[[Verdict], bool]
    ) -> None:
        """The unit, from the run's first event to its verdict.  Raises only where no run could begin.

        `is_seen`: whether somebody works the line who learns of that verdict.
        """
        self.recipe.refuse_changed()
        told = _Teller(tell)
        run = Run.begin(
            "unit",
            self.slot.name,
            self.slot.target.name,
            journal_dir=journal_dir(self.bench.folder),
            records=database_url(self.bench.folder),
            listeners=[told],
        )
        began, clock = datetime.now(UTC), time.monotonic()
        begun: Begun | None = None
        try:
            with run:
                progress = self.office.progress(order.serial)
                begun = self.office.begin(
                    order.serial, run_id=run.run_id, slot=self.slot.name, operator=order.operator
                )
                self._plan(order, answers, run, begun, progress)
        except (WorkbenchError, KeyboardInterrupt):
            if run.verdict is None:
                raise
        finally:
            try:
                if begun is not None and run.verdict is not None:
                    attempt = self._attempt(run, begun, order, began, time.monotonic() - clock)
                    self.ended.append((attempt, is_seen(run.verdict)))
                    self._settle()
            finally:
                told.end()

    def owes(self) -> bool:
        """Tries to have the office take in what it could not yet, as after a full disk; whether any is left.

        Until then the unit counts as in work here, and nobody could begin it again.
        """
        try:
            self._settle()
        except WorkbenchError:
            return True
        return False

    def _settle(self) -> None:
        while self.ended:
            attempt, seen = self.ended[0]
            self.office.finish(attempt, seen=seen)
            del self.ended[0]

    def _plan(
        self, order: UnitOrder, answers: LineAnswers, run: Run, begun: Begun, progress: Progress | None
    ) -> None:
        run_plan(
            self.recipe,
            begun.lot,
            begun.serial,
            self.slot,
            bench=self.bench,
            run=run,
            office=self.office,
            answers=answers,
            resume=progress,
            operator=order.operator,
            attempt=begun.attempt,
            station=self.station,
            label=self.lot.label,
            rma=order.rma,
        )

    def _attempt(
        self, run: Run, begun: Begun, order: UnitOrder, began: datetime, elapsed_s: float
    ) -> Attempt:
        result, ended = run.result, datetime.now(UTC)
        assert run.verdict is not None
        return Attempt(
            run_id=run.run_id,
            serial=begun.serial,
            lot=begun.lot,
            verdict=run.verdict,
            started_at=began,
            finished_at=max(began, ended),
            elapsed_s=round(elapsed_s, 6),
            slot=self.slot.name,
            operator=order.operator,
            recipe=self.recipe.name,
            recipe_sha256=self.recipe.sha256,
            error_code=run.error.code if run.error else None,
            steps=tuple(result.get("steps", ())),
            measurements=tuple(result.get("measurements", ())),
            chip_id=result.get("chip_id"),
            fingerprint=result.get("fingerprint"),
        )


class _Teller:
    """Tells a run's events to the line, in their public form; the last one only when the office has taken the
    result in, so that a unit whose verdict is seen can be scanned again.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._progress = ProgressFilter()
        self._last: dict[str, Any] | None = None

    def __call__(self, stamped: Stamped) -> None:
        """Hears an event."""
        event = stamped.as_json()
        if event["event"] == "run-finished":
            self._last = event
        elif self._progress.tells(event):
            self._tell(event)

    def end(self) -> None:
        """The result was taken in, or cannot be."""
        if self._last is not None:
            self._tell(self._last)
