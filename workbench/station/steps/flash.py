"""Step flash: firmware onto the board, every byte read back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from workbench.station.steps.material import load_firmware
from workbench.station.steps.step import Sight, Step
from workbench.toml_file import Table

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.steps.context import StepContext

PARTLY = "the chip may hold a part of the firmware; flashing it again makes it whole"


class FlashOptions(Table):
    """`erase` chip: everything on the chip is erased first; `start`: the firmware runs afterwards."""

    erase: Literal["sector", "chip"] = "sector"
    start: bool = Field(default=True, description="true or false")
    replace_identity: bool = Field(default=False, alias="replace-identity", description="true or false")


class Flash(Step[FlashOptions]):
    """Writes [release] firmware, reads it back, and starts it."""

    name = "flash"
    Options = FlashOptions
    needs = frozenset({"debug", "flash"})
    resumable: ClassVar[Literal["repeat", "look"]] = "look"
    writes = True

    def title(self, options: FlashOptions) -> str:
        return "writing the firmware and reading it back"

    def irreversible(self, options: FlashOptions, recipe: Recipe) -> str | None:
        if options.replace_identity:
            return "replace-identity"
        return "erase" if options.erase == "chip" else None

    def check(self, options: FlashOptions, recipe: Recipe, target: Target) -> None:
        load_firmware(recipe, self.name, target, permit_identity=options.replace_identity)

    def look(self, ctx: StepContext, options: FlashOptions) -> Sight:
        """Done where the chip holds every byte already; a part of it is written again."""
        from workbench.probes.errors import FlashVerifyFailed
        from workbench.probes.start import start_image
        from workbench.probes.verify import verify_image
        from workbench.station.slots import debugging

        image = load_firmware(ctx.recipe, ctx.key, ctx.slot.target, permit_identity=True)
        with debugging(ctx.held, emit=ctx.emit) as debug:
            try:
                verify_image(debug, image, emit=ctx.emit, check=ctx.check)
            except FlashVerifyFailed:
                return "not-done"
            if options.start:
                start_image(debug, image)
        return "done"

    def run(self, ctx: StepContext, options: FlashOptions) -> dict[str, Any]:
        from workbench.probes.flash import flash
        from workbench.probes.start import start_image
        from workbench.station.slots import debugging

        permit = options.replace_identity
        image = load_firmware(ctx.recipe, ctx.key, ctx.slot.target, permit_identity=permit)
        with debugging(ctx.held, emit=ctx.emit) as debug:
            ctx.commit()
            ctx.state = PARTLY
            result = flash(
                debug,
                image,
                erase=options.erase,
                permit_identity=permit,
                emit=ctx.emit,
                check=ctx.check,
            )
            ctx.state = "the firmware is written and was read back"
            if options.start:
                start_image(debug, image)
        return asdict(result) | {"kib_per_s": round(result.kib_per_s, 1), "started": options.start}
