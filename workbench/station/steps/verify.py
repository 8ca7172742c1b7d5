"""Step verify: the board's memory compared with the firmware."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.station.steps.material import load_firmware
from workbench.station.steps.step import NoOptions, Step

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.steps.context import StepContext


class Verify(Step[NoOptions]):
    """Reads every byte of [release] firmware from the chip and compares it; writes nothing."""

    name = "verify"
    needs = frozenset({"debug", "flash"})

    def title(self, options: NoOptions) -> str:
        return "comparing the chip with the firmware"

    def check(self, options: NoOptions, recipe: Recipe, target: Target) -> None:
        load_firmware(recipe, self.name, target, permit_identity=True)

    def run(self, ctx: StepContext, options: NoOptions) -> dict[str, Any]:
        from workbench.probes.verify import verify_image
        from workbench.station.slots import debugging

        image = load_firmware(ctx.recipe, ctx.key, ctx.slot.target, permit_identity=True)
        with debugging(ctx.held, emit=ctx.emit) as debug:
            result = verify_image(debug, image, emit=ctx.emit, check=ctx.check)
        return {"image_bytes": image.size_bytes, "image_sha256": image.sha256} | asdict(result)
