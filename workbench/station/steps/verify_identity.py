"""Step verify-identity: an enrolled unit held against the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from workbench.station.steps.enroll import find_unit, keep_identity, verify_unit
from workbench.station.steps.material import need_file, need_identity, need_release, wanted_of
from workbench.station.steps.step import Step
from workbench.toml_file import Table

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.steps.context import StepContext


class VerifyIdentityOptions(Table):
    """`restart`: the board is switched off and on first; `image`: it must run [release] image."""

    restart: bool = Field(default=True, description="true or false")
    image: bool = Field(default=False, description="true or false")


class VerifyIdentity(Step[VerifyIdentityOptions]):
    """Reads keys, certificates and locks from the unit, challenges its key, tries what must fail."""

    name = "verify-identity"
    Options = VerifyIdentityOptions
    needs = frozenset({"identity", "power"})
    after_identity = True

    def title(self, options: VerifyIdentityOptions) -> str:
        return "verifying the unit's identity and its locks"

    def check(self, options: VerifyIdentityOptions, recipe: Recipe, target: Target) -> None:
        need_identity(recipe, self.name)
        if options.image:
            self._image(recipe)

    def run(self, ctx: StepContext, options: VerifyIdentityOptions) -> dict[str, Any]:
        wanted = wanted_of(ctx, image=self._image(ctx.recipe) if options.image else None)
        result = verify_unit(ctx, wanted, restart=options.restart)
        unit = find_unit(wanted)
        if unit is not None:
            keep_identity(ctx, unit)
        return result

    def _image(self, recipe: Recipe) -> Path:
        return need_file(recipe, self.name, need_release(recipe, self.name).image, "[release] image")
