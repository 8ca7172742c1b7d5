"""What a recipe means, in words, and whether it can hold on a bench.  Touches no board.

check = check_recipe(recipe, bench)
refuse_impossible(check)             # raises RecipeImpossible with all problems
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.boards.bench import Bench, Slot
from workbench.errors import WorkbenchError
from workbench.station.recipes.errors import RecipeImpossible
from workbench.station.recipes.recipe import Recipe
from workbench.station.recipes.words import recipe_words
from workbench.toml_file import Problem

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.station.steps.plan import PlannedStep

_LABEL: Final = "label-layout-invalid"
_MAX_SLOTS: Final = 8
"""Slots of which an error tells why they do not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotFit:
    """Whether a slot can carry the recipe out; `why` says why not."""

    slot: str
    target: str
    fits: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeCheck:
    """What was found.

    words         the recipe for a person, line by line
    plan          its steps on the first kind of board that it can be planned for
    irreversible  steps of which something cannot be undone; known where `is_planned`
    problems      why it cannot hold; none: it can
    slots         every slot of the bench
    starts        "scan": a scan starts a unit at once; "confirm": somebody has to confirm it first
    """

    recipe: str
    words: tuple[str, ...]
    plan: tuple[PlannedStep, ...] = ()
    irreversible: tuple[PlannedStep, ...] = ()
    is_planned: bool = False
    problems: tuple[Problem, ...] = ()
    slots: tuple[SlotFit, ...] = ()
    starts: str = "confirm"

    @property
    def fitting(self) -> tuple[str, ...]:
        """Names of the slots that can carry it out, in the order of the bench."""
        return tuple(slot.slot for slot in self.slots if slot.fits)


@dataclass(frozen=True, slots=True)
class _OnTarget:
    """The recipe's plan on one kind of board, or why there is none."""

    target: Target | None
    plan: tuple[PlannedStep, ...] = ()
    error: WorkbenchError | None = None


def check_recipe(recipe: Recipe, bench: Bench) -> RecipeCheck:
    """Looks at recipe and bench.  Raises nothing for a recipe that cannot hold: see `problems`."""
    found = {name: _on_target(recipe, name, bench) for name in recipe.targets}
    slots = tuple(_fit(slot, recipe, found) for slot in bench.slots.values())
    plan = next((on.plan for on in found.values() if on.plan), ())
    irreversible = tuple(planned for planned in plan if planned.irreversible)
    problems = (
        *(missing := tuple(_missing(recipe))),
        *_of_plans(found, [problem.value for problem in missing]),
        *_of_label(recipe),
        *_of_printer(recipe, bench),
        *_of_permissions(recipe, irreversible),
        *_of_production(recipe),
        *_of_slots(recipe, slots, is_planned=bool(plan)),
    )
    permitted = all(recipe.permit.grants(planned.permission or "") for planned in irreversible)
    return RecipeCheck(
        recipe=recipe.name,
        words=recipe_words(recipe, plan),
        plan=plan,
        irreversible=irreversible,
        is_planned=bool(plan),
        problems=problems,
        slots=slots,
        starts="scan" if recipe.start == "scan" and permitted and not problems else "confirm",
    )


def refuse_impossible(check: RecipeCheck) -> None:
    """Raises RecipeImpossible with everything that is in the way."""
    if check.problems:
        raise RecipeImpossible(check.recipe, check.problems)


def _on_target(recipe: Recipe, name: str, bench: Bench) -> _OnTarget:
    from workbench.boards.target import load_target
    from workbench.station.steps.plan import plan_of

    target = None
    try:
        target = load_target(name, bench_folder=bench.folder)
        return _OnTarget(target, plan_of(recipe, target))
    except WorkbenchError as error:
        return _OnTarget(target, error=error)


def _fit(slot: Slot, recipe: Recipe, found: dict[str, _OnTarget]) -> SlotFit:
    from workbench.station.steps.plan import refuse_misfit

    name = slot.target.name
    if name not in found:
        why = f"it holds boards of kind {name}, the recipe is for {', '.join(recipe.targets)}"
        return SlotFit(slot=slot.name, target=name, fits=False, why=why)
    error = found[name].error
    if error is None:
        try:
            refuse_misfit(found[name].plan, slot)
        except WorkbenchError as misfit:
            error = misfit
    return SlotFit(slot=slot.name, target=name, fits=error is None, why="" if error is None else error.what)


def _missing(recipe: Recipe) -> Iterator[Problem]:
    """Files and folders that are named and not there; what is in them is the steps' to judge."""
    for named in recipe.files:
        if named.sha256 is None:
            yield Problem(named.role, str(named.path), f"there is no file {named.path} that can be read")
    for role, path in _folders(recipe):
        if path is not None and not path.exists():
            yield Problem(role, str(path), f"there is no {path}")


def _folders(recipe: Recipe) -> Iterator[tuple[str, Path | None]]:
    security, identity = recipe.security, recipe.identity
    if recipe.release is not None:
        yield "release.folder", recipe.release.folder
    if security is not None:
        yield "security.keys", security.keys
        yield "security.keys_credential", security.keys_credential
    if identity is not None:
        for name in ("ca", "ca_credential", "evidence", "evidence_credential"):
            yield f"identity.{name}", getattr(identity, name)


def _of_plans(found: dict[str, _OnTarget], missing: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with the plan, each thing once, and without the files that are `missing` anyhow."""
    told: set[str] = set()
    for name, on in found.items():
        if on.error is None or any(path in on.error.what for path in missing):
            continue
        if on.error.code != _LABEL and on.error.what not in told:
            told.add(on.error.what)
            key = "recipe.target" if on.target is None else "plan"
            yield Problem(key, name, f"{on.error.what} ({on.error.action})")


def _of_label(recipe: Recipe) -> Iterator[Problem]:
    """The layout, whether or not the plan prints: a person may, with `workbench label print`."""
    from workbench.station.labels.errors import LabelLayoutInvalid
    from workbench.station.labels.layout import layout_of

    try:
        layout_of(recipe.label, recipe.path)
    except LabelLayoutInvalid as error:
        yield from error.problems


def _of_printer(recipe: Recipe, bench: Bench) -> Iterator[Problem]:
    """A label that cannot be printed would be noticed when all the rest of the unit is done."""
    from workbench.station.station_file import STATION_FILE, load_station

    prints = any(entry.step == "label" for entry in recipe.plan)
    if prints and load_station(bench.folder).printer is None:
        right = f"step label needs a printer: add a [printer] table to {bench.folder / STATION_FILE}"
        yield Problem("plan", "label", right)


def _of_permissions(recipe: Recipe, irreversible: tuple[PlannedStep, ...]) -> Iterator[Problem]:
    for planned in irreversible:
        name = planned.permission or ""
        if not recipe.permit.grants(name):
            right = f"must be true, for step {planned.key} cannot be undone: {planned.title}"
            yield Problem(f"permit.{name}", "false", right)


def _of_production(recipe: Recipe) -> Iterator[Problem]:
    """What is made for tests and can be seen without a passphrase; the rest is looked at in each run."""
    if not recipe.production:
        return
    for role, is_test in _test_material(recipe):
        if is_test:
            yield Problem(role, "made for tests", "must not be made for tests in production")


def _test_material(recipe: Recipe) -> Iterator[tuple[str, bool]]:
    from workbench.identity.ca.inspect import inspect_ca
    from workbench.images import keys

    identity, security = recipe.identity, recipe.security
    try:
        if identity is not None:
            yield "identity.ca", inspect_ca(identity.ca).test
        if security is not None and security.keys is not None:
            yield "security.keys", keys.load(security.keys).is_test
    except WorkbenchError:
        return  # a folder that cannot be read is the steps' to name


def _of_slots(recipe: Recipe, slots: tuple[SlotFit, ...], *, is_planned: bool) -> Iterator[Problem]:
    if any(slot.fits for slot in slots) or not is_planned:
        return
    if not slots:
        yield Problem("recipe.target", ", ".join(recipe.targets), "the bench has no slots")
        return
    why = "; ".join(f"{slot.slot}: {slot.why}" for slot in slots[:_MAX_SLOTS])
    yield Problem("recipe.target", ", ".join(recipe.targets), f"no slot of the bench can do it: {why}")
