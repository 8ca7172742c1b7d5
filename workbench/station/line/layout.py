"""What a line begins with: who may work it, which slots it has, and what each shows at first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from workbench.boards.bench import Bench, Slot
from workbench.boards.lease_record import MAX_TEXT
from workbench.boards.leases import SlotLeased, default_owner, lease
from workbench.languages import _
from workbench.station.labels.layout import layout_of
from workbench.station.line.desk import Desk
from workbench.station.line.errors import LineBusy
from workbench.station.line.latch import latched
from workbench.station.line.process import Place
from workbench.station.line.state import LineState, LotView, SlotView, StepView
from workbench.station.lots.lot_file import Lot, lot_without_file, refuse_foreign_lot
from workbench.station.recipes.check import RecipeCheck, check_recipe, refuse_impossible
from workbench.station.recipes.errors import RecipeImpossible
from workbench.station.recipes.recipe import Recipe
from workbench.station.station_file import load_station
from workbench.station.steps.plan import plan_of
from workbench.toml_file import Problem

FOLDER: Final = "line"
"""In the bench's state folder: the lease of whoever works the line."""
_LEASE_S: Final = 30 * 24 * 3600.0

Heard = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A line before anything happened.

    steps      what the plan is in each slot
    proposes   units wait for a confirmation
    sign_in    units begin only when somebody has signed in
    attended   somebody is there to answer what a run asks
    rma        ID of the RMA by which the one unit of this line takes over label or chip of another one
    """

    bench: Bench
    recipe: Recipe
    lot: Lot
    station: str
    slots: tuple[Slot, ...]
    steps: dict[str, tuple[StepView, ...]]
    proposes: bool
    sign_in: bool
    operator: str | None
    attended: bool = True
    rma: str | None = None
    title: str | None = None
    """What people call the station; records know it by `station`."""

    def desks(self) -> list[Desk]:
        """A desk for each slot, without a process."""
        return [Desk(slot, self._place(slot)) for slot in self.slots]

    def state(self) -> LineState:
        """What is shown at first."""
        return LineState(
            station=self.title or self.station,
            recipe=self.recipe.name,
            title=self.recipe.title,
            operator=self.operator,
            slots=tuple(_view(slot) for slot in self.slots),
            lot=LotView(lot=self.lot.id, recipe=self.recipe.name, quantity=self.lot.quantity),
        )

    def _place(self, slot: Slot) -> Place:
        return Place(
            bench=str(self.bench.path),
            slot=slot.name,
            state_dir=str(slot.state_dir),
            recipe=str(self.recipe.path),
            recipe_sha256=self.recipe.sha256,
            lot=None if self.lot.path is None else str(self.lot.path),
            station=self.station,
        )


def lay_out(
    bench: Bench,
    recipe: Recipe,
    lot: Lot | None,
    *,
    slots: Sequence[str] | None,
    operator: str | None,
    station: str | None,
    sign_in: bool | None,
    attended: bool,
    rma: str | None = None,
) -> Layout:
    """Raises SlotUnknown, RecipeImpossible, LotForOtherRecipe, LabelLayoutInvalid,
    StationFileInvalid.
    """
    lot = lot_without_file(recipe) if lot is None else lot
    refuse_foreign_lot(lot, recipe)
    if lot.path is not None:
        layout_of(lot.label, lot.path)
    check = check_recipe(recipe, bench)
    refuse_impossible(check)
    file = load_station(bench.folder).station
    used = _slots(bench, check, slots)
    return Layout(
        bench=bench,
        recipe=recipe,
        lot=lot,
        station=station or file.id,
        slots=used,
        steps={slot.name: _steps(recipe, slot) for slot in used},
        proposes=check.starts != "scan",
        sign_in=file.sign_in if sign_in is None else sign_in,
        operator=operator,
        attended=attended,
        rma=rma,
        title=None if station else file.name,
    )


def take_line(bench: Bench, purpose: str, stack: ExitStack) -> None:
    """The bench's line for this process, until `stack` ends; others are told for what `purpose`.

    Raises LineBusy, LeaseFolderUnusable."""
    held = lease(bench.state_dir / FOLDER, default_owner(), purpose[:MAX_TEXT], _LEASE_S)
    try:
        stack.enter_context(held)
    except SlotLeased as error:
        who = error.status
        what = _("the line of {bench} is worked by {owner} (process {pid} on {host}): {purpose}")
        told = what.format(bench=bench.path, owner=who.owner, pid=who.pid, host=who.host, purpose=who.purpose)
        raise LineBusy(told) from None


def _slots(bench: Bench, check: RecipeCheck, names: Sequence[str] | None) -> tuple[Slot, ...]:
    if names is None:
        return tuple(bench.slot(name) for name in check.fitting)
    chosen = tuple(bench.slot(name) for name in dict.fromkeys(names))
    unfit = [fit for fit in check.slots if not fit.fits and fit.slot in {slot.name for slot in chosen}]
    if unfit:
        raise RecipeImpossible(
            check.recipe, [Problem(f"slot {fit.slot}", fit.target, fit.why) for fit in unfit]
        )
    return chosen


def _steps(recipe: Recipe, slot: Slot) -> tuple[StepView, ...]:
    return tuple(
        StepView(step=p.key, title=p.title, limit_s=p.limit_s, irreversible=p.irreversible)
        for p in plan_of(recipe, slot.target)
    )


def _view(slot: Slot) -> SlotView:
    broken = latched(slot.state_dir)
    if broken is None:
        return SlotView(name=slot.name, target=slot.target.name)
    error, serial = broken
    return SlotView(
        name=slot.name, target=slot.target.name, phase="broken", error=error, serial=serial, verdict="ERROR"
    )
