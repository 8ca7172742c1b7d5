"""From a recipe to the steps that are done: names found, options checked, limits and permissions worked out.

Touches no board; loads the modules of the steps that the plan names, and of engineers' packages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from workbench.errors import WorkbenchError
from workbench.station.steps.errors import (
    PermissionMissing,
    PlanImpossible,
    StepNotLoadable,
    StepOptionsInvalid,
)
from workbench.station.steps.registry import NAME, step_named
from workbench.toml_file import WHOLE, Problem, Table, problems_of, shown_text

if TYPE_CHECKING:
    from workbench.boards.bench import Slot
    from workbench.boards.target import Target
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.steps.step import Step

MAX_STEPS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step of a plan.

    key         unique in the plan and stable: the entry's `name`, or the step's name, with -2, -3 … where it
                comes again.  Events, progress and records name the step by it.
    limit_s     seconds that it may take, people's time not counted; None for a step that waits for a person
    retries     how often it is done again after an error, within the same run
    permission  name in [permit] without which it must not be done; None: nothing of it is irreversible
    """

    key: str
    step: Step[Any]
    options: Table
    title: str
    limit_s: float | None
    retries: int = 0
    permission: str | None = None

    @property
    def irreversible(self) -> bool:
        """Whether something of it cannot be undone."""
        return self.permission is not None

    def as_json(self, *, done: bool = False) -> dict[str, Any]:
        """As `UnitBegan.steps` has it."""
        return {
            "step": self.key,
            "title": self.title,
            "limit_s": self.limit_s,
            "irreversible": self.irreversible,
            "done": done,
        }


def check_options(name: str, options: dict[str, Any], path: Path) -> Table:
    """The options of a step as its own model; `path` is only named in errors.

    Raises StepUnknown, StepNotLoadable, StepOptionsInvalid.
    """
    model = step_named(name).Options
    try:
        return model.model_validate(options)
    except ValidationError as failure:
        known = ", ".join(field.alias or key for key, field in model.model_fields.items())
        raise StepOptionsInvalid(
            f"{path}: step {name}: {'; '.join(_told(problem) for problem in problems_of(model, failure))}",
            action=f"correct the recipe's [[plan]]; options of step {name} are: {known}"
            if known
            else f"leave it out: step {name} has no options",
        ) from None


def _told(problem: Problem) -> str:
    """A problem of the options together has no key."""
    return problem.right if problem.key == WHOLE else str(problem)


def plan_of(recipe: Recipe, target: Target) -> tuple[PlannedStep, ...]:
    """The steps of the recipe on boards of that kind.

    Raises StepUnknown, StepOptionsInvalid, StepNotLoadable, PlanImpossible, and what a step says against
    recipe or target.
    """
    if not 0 < len(recipe.plan) <= MAX_STEPS:
        raise PlanImpossible(f"recipe {recipe.name}: a plan has 1 to {MAX_STEPS} steps")
    keys = _keys([entry.name or entry.step for entry in recipe.plan])
    plan = tuple(_entry(recipe, number, key) for number, key in enumerate(keys))
    for planned in plan:
        with _own_mistakes(planned.key):
            planned.step.check(planned.options, recipe, target)
    _refuse_order(recipe, plan, target)
    return plan


def refuse_unpermitted(recipe: Recipe, plan: Sequence[PlannedStep]) -> None:
    """Raises PermissionMissing with all permissions that the recipe does not give."""
    lacking = [p for p in plan if p.permission is not None and not recipe.permit.grants(p.permission)]
    if lacking:
        told = ", ".join(f"step {p.key} needs '{p.permission}'" for p in lacking)
        names = ", ".join(dict.fromkeys(f"{p.permission} = true" for p in lacking))
        raise PermissionMissing(
            f"recipe {recipe.name} does not permit what cannot be undone: {told}",
            action=f"if that is meant, set {names} in the recipe's [permit] table",
        )


def refuse_misfit(plan: Sequence[PlannedStep], slot: Slot) -> None:
    """Raises PlanImpossible where the slot lacks what a step needs."""
    there = slot.capabilities
    lacking = [(p.key, sorted(p.step.needs - there)) for p in plan]
    told = [f"step {key} needs {', '.join(needs)}" for key, needs in lacking if needs]
    if told:
        raise PlanImpossible(
            f"slot {slot.name} ({slot.target.name}) cannot do this plan: {'; '.join(told)}",
            cause="the bench file does not bind these to the slot, or its target has them not",
            action="use another slot, or complete the slot in the bench file",
        )


def dry_run_words(recipe: Recipe, plan: Sequence[PlannedStep]) -> tuple[str, ...]:
    """What would be done, numbered, and which of it cannot be undone."""
    lines: list[str] = []
    for number, planned in enumerate(plan, 1):
        limit = "" if planned.limit_s is None else f", at most {planned.limit_s:g} s"
        again = f", again up to {planned.retries} times" if planned.retries else ""
        mark = ""
        if planned.permission is not None:
            given = "permitted" if recipe.permit.grants(planned.permission) else "NOT PERMITTED"
            mark = f"   [CANNOT BE UNDONE; {planned.permission}: {given}]"
        lines.append(f"{number}. {planned.key}: {planned.title}{limit}{again}{mark}")
        with _own_mistakes(planned.key):
            lines += [f"     {line}" for line in planned.step.explain(planned.options, recipe)]
    return tuple(lines)


def _keys(names: list[str]) -> list[str]:
    """Each name once: the second of a name gets -2, which must not be another entry's name."""
    seen: Counter[str] = Counter()
    keys = []
    for name in names:
        seen[name] += 1
        keys.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise PlanImpossible(f"two steps of the plan are called {shown_text(twice)}")
    return keys


def _entry(recipe: Recipe, number: int, key: str) -> PlannedStep:
    """One entry; its mistakes say which one it is."""
    try:
        return _planned(recipe, key, recipe.plan[number])
    except WorkbenchError as error:
        error.what = f"plan[{number}], step {number + 1}: {error.what}"
        raise


def _planned(recipe: Recipe, key: str, entry: Any) -> PlannedStep:
    if not NAME.fullmatch(key):
        raise PlanImpossible(f"'{shown_text(key)}' is no name of a step: lower-case words joined by hyphens")
    step = step_named(entry.step)
    options = check_options(entry.step, dict(entry.options), recipe.path)
    limit_s = entry.limit_s if entry.limit_s is not None or step.waits else recipe.limits.step_s
    with _own_mistakes(entry.step):
        permission = step.irreversible(options, recipe)
        title = str(step.title(options))[:200]
    if permission is not None and step.resumable != "look":
        raise PlanImpossible(f"step {entry.step} is irreversible and cannot look whether it happened")
    if entry.retries and permission is not None:
        raise PlanImpossible(
            f"step {key} cannot be undone, and retries = {entry.retries} would do it again",
            action=f"leave `retries` out of step {key}; the unit itself can be tried again",
        )
    return PlannedStep(
        key=key,
        step=step,
        options=options,
        title=shown_text(title, 200),
        limit_s=limit_s,
        retries=entry.retries,
        permission=permission,
    )


@contextmanager
def _own_mistakes(name: str) -> Iterator[None]:
    """What an engineer's step raises by mistake while it is only asked, as an error that names it."""
    try:
        yield
    except WorkbenchError:
        raise
    except Exception as error:
        raise StepNotLoadable(f"step {name}: {type(error).__name__}: {shown_text(str(error))}") from error


def _refuse_order(recipe: Recipe, plan: Sequence[PlannedStep], target: Target) -> None:
    """Steps in an order that cannot work: nothing is written through the probe once the chip is locked, and
    no label is printed before the certificate is issued.
    """
    names = [planned.step.name for planned in plan]
    if "enroll" not in names:
        return
    enrolled = names.index("enroll")
    for planned in plan[:enrolled]:
        if planned.step.after_identity:
            raise PlanImpossible(
                f"recipe {recipe.name}: step {planned.key} comes before the unit has its identity",
                action=f"move step {planned.key} behind step {plan[enrolled].key}",
            )
    for planned in plan[enrolled + 1 :]:
        if planned.step.writes and target.lock is not None:
            raise PlanImpossible(
                f"recipe {recipe.name}: step {planned.key} writes to the chip after "
                f"step {plan[enrolled].key} has locked it",
                action=f"move step {planned.key} before step {plan[enrolled].key}",
            )
