"""Step erase: a range of flash, or all of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from workbench.station.steps.step import Step
from workbench.station.steps.titles import ERASING
from workbench.toml_file import Table

if TYPE_CHECKING:
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.steps.context import StepContext


class EraseOptions(Table):
    """`start` and `size` of a range of whole sectors, or neither: all flash."""

    start: int | None = Field(default=None, ge=0, description="an address")
    size: int | None = Field(default=None, gt=0, description="a number of bytes")
    replace_identity: bool = Field(default=False, alias="replace-identity", description="true or false")

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.start is None) != (self.size is None):
            raise ValueError("needs start and size together, or neither for all flash")
        return self


class Erase(Step[EraseOptions]):
    """Erases flash, and reads back that it is blank."""

    name = "erase"
    Options = EraseOptions
    needs = frozenset({"debug", "flash"})
    resumable: ClassVar[Literal["repeat", "look"]] = "look"
    writes = True

    def title(self, options: EraseOptions) -> str:
        if options.start is not None:
            return ERASING.format(address=f"{options.start:#x}")
        return "erasing all flash"

    def irreversible(self, options: EraseOptions, recipe: Recipe) -> str | None:
        return "replace-identity" if options.replace_identity else "erase"

    def run(self, ctx: StepContext, options: EraseOptions) -> dict[str, Any]:
        from workbench.probes.erase import erase_chip, erase_range
        from workbench.station.slots import debugging

        permit = options.replace_identity
        with debugging(ctx.held, emit=ctx.emit) as debug:
            ctx.commit()
            ctx.state = "what was to be erased may be erased in part"
            if options.start is None or options.size is None:
                result = erase_chip(debug, permit_identity=permit, emit=ctx.emit, check=ctx.check)
            else:
                span = (options.start, options.size)
                result = erase_range(debug, *span, permit_identity=permit, emit=ctx.emit, check=ctx.check)
            ctx.state = "the erase was complete"
        return asdict(result)
