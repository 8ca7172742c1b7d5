"""Step update: a release over the wire, as it reaches a unit in the field."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import Field

from workbench.station.steps.material import load_keys, load_release
from workbench.station.steps.step import Step
from workbench.toml_file import Table

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.steps.context import StepContext


class UpdateOptions(Table):
    """`boot_s`: how long installing may take; `grant`: the workbench agrees in the place of the user."""

    boot_s: float = Field(default=120.0, ge=1, le=3600, strict=False, description="seconds, 1 to 3600")
    grant: bool = Field(default=False, description="true or false")


class Update(Step[UpdateOptions]):
    """Delivers [release] image, tries it, confirms it once it runs, and verifies what the unit then says.

    Done again it continues: a unit that runs the release already is only verified.
    """

    name = "update"
    Options = UpdateOptions
    needs = frozenset({"console"})

    def title(self, options: UpdateOptions) -> str:
        return "updating the unit over its serial line"

    def check(self, options: UpdateOptions, recipe: Recipe, target: Target) -> None:
        load_release(recipe, self.name)

    def run(self, ctx: StepContext, options: UpdateOptions) -> dict[str, Any]:
        from workbench.station.update import update_slot
        from workbench.updates.consent import Policy
        from workbench.updates.deliver import How

        security = ctx.recipe.security
        keys = load_keys(ctx.recipe, ctx.key) if security is not None and security.keys is not None else None
        how = How(consent=Policy.GRANT if options.grant else Policy.RESPECT, boot_s=options.boot_s, keys=keys)

        def commit() -> None:
            ctx.commit()
            ctx.state = "the unit keeps what it ran, unless it had been told to install the image"

        done = update_slot(
            ctx.held,
            load_release(ctx.recipe, ctx.key),
            how,
            step=ctx.step,
            emit=ctx.emit,
            check=ctx.check,
            commit=commit,
        )
        ctx.state = "the unit was updated"
        return asdict(done)
