"""Step trial: attacks on the unit that must fail, over its own wires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from workbench.station.steps.material import firmware_of, load_keys, load_profile_of
from workbench.station.steps.step import Step
from workbench.station.steps.titles import ATTACKING
from workbench.toml_file import Table

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.steps.context import StepContext

Name = Annotated[str, Field(min_length=1, max_length=100, description="a name, pattern or group of trials")]


class TrialOptions(Table):
    """`only`: names, patterns such as "flip-*", or the groups image, update, line, power."""

    only: tuple[Name, ...] = Field(
        default=("image",), strict=False, max_length=50, description="a list of names"
    )
    seed: int = Field(default=1, ge=0, description="a number")


class Trial(Step[TrialOptions]):
    """Attacks bootloader and application of a unit that this plan provisioned."""

    name = "trial"
    Options = TrialOptions
    needs = frozenset({"console"})

    def title(self, options: TrialOptions) -> str:
        return ATTACKING.format(trials=", ".join(options.only)[:60])

    def check(self, options: TrialOptions, recipe: Recipe, target: Target) -> None:
        from workbench.station.trials import listed
        from workbench.updates.trials.matrix import chosen

        profile = load_profile_of(recipe, self.name)
        chosen(listed(target.name, profile, load_keys(recipe, self.name)), options.only)

    def run(self, ctx: StepContext, options: TrialOptions) -> dict[str, Any]:
        from workbench.station.trials import Plan, run_trials
        from workbench.updates.trials.matrix import summary
        from workbench.updates.trials.model import TrialsBroken

        profile = load_profile_of(ctx.recipe, ctx.key, ctx.bench.folder)
        plan = Plan(
            profile=profile,
            keys=load_keys(ctx.recipe, ctx.key),
            firmware=firmware_of(ctx.recipe, ctx.key, ctx.slot.target, profile),
            only=options.only,
            seed=options.seed,
        )
        ctx.commit()
        ctx.state = "trials were under way: the board may hold any image"
        rows = run_trials(ctx.held, plan, step=ctx.step, emit=ctx.emit, check=ctx.check)
        ctx.state = "the trials were over"
        told = summary(rows)
        if told["broken"]:
            broken = ", ".join(told["broken"][:8])
            raise TrialsBroken(f"{len(told['broken'])} of {len(rows)} trials BROKEN: {broken}")
        return told
