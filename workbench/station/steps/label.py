"""Step label: the unit's label printed, once, when its identity is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from workbench.station.steps.enroll import IDENTITY
from workbench.station.steps.errors import LabelTooEarly, PlanImpossible
from workbench.station.steps.step import NoOptions, Sight, Step

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.steps.context import StepContext

FACT: Final = "label"
"""Fact: {"payload": what stands in the symbol of the label that was printed}."""


class Label(Step[NoOptions]):
    """Prints the unit's label on the station's printer.

    Where the recipe has an [identity], only after the unit is verified.  A unit that is tried again gets no
    second label; a lost one is printed by `workbench label print`.
    """

    name = "label"
    resumable: ClassVar[Literal["repeat", "look"]] = "look"
    once = True
    after_identity = True

    def title(self, options: NoOptions) -> str:
        return "printing the label"

    def check(self, options: NoOptions, recipe: Recipe, target: Target) -> None:
        from workbench.station.labels.layout import layout_of

        layout_of(recipe.label, recipe.path)

    def look(self, ctx: StepContext, options: NoOptions) -> Sight:
        """Nothing tells whether the printer had the whole label when the run died: one too many is thrown
        away, one too few stops the unit.
        """
        return "not-done"

    def run(self, ctx: StepContext, options: NoOptions) -> dict[str, Any]:
        from workbench.station.labels.layout import layout_of
        from workbench.station.labels.payload import payload
        from workbench.station.labels.printing import print_label
        from workbench.station.station_file import load_station

        printer = load_station(ctx.bench.folder).printer
        if printer is None:
            raise PlanImpossible(
                f"step {ctx.key}: the station has no printer",
                cause="station.toml beside the bench file has no [printer] table",
                action="add a [printer] table to station.toml, with `command` or `folder`",
            )
        label = label_for(ctx)
        layout = layout_of(ctx.label if ctx.label is not None else ctx.recipe.label, ctx.recipe.path)
        printed = print_label(
            printer,
            layout,
            label,
            model=ctx.recipe.model,
            lot=ctx.lot or "",
            bench_folder=ctx.bench.folder,
        )
        text = payload(label)
        ctx.facts[FACT] = {"payload": text}
        ctx.observe("label", {"payload": text, "where": printed.where})
        return {"payload": text, "where": printed.where, "bytes": printed.size_bytes}


def label_for(ctx: StepContext) -> Any:
    """The label that this unit must have.  Raises LabelTooEarly, LabelSerialUnfit."""
    from workbench.station.labels.payload import label_of

    identity = ctx.facts.get(IDENTITY, {})
    if ctx.recipe.identity is not None and identity.get("state") != "verified":
        raise LabelTooEarly(f"unit {ctx.serial} has no verified identity that its label could name")
    return label_of(ctx.serial, identity.get("fingerprint"))
