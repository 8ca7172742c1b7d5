"""Step power-cycle: the board off and on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from workbench.station.steps.step import Step
from workbench.toml_file import Table

if TYPE_CHECKING:
    from workbench.station.steps.context import StepContext


class PowerCycleOptions(Table):
    """`off_s`: how long the board is without power."""

    off_s: float = Field(default=0.5, ge=0, le=60, strict=False, description="seconds from 0 to 60")


class PowerCycle(Step[PowerCycleOptions]):
    """Switches the board off and on, and sees that it has power."""

    name = "power-cycle"
    Options = PowerCycleOptions
    needs = frozenset({"power"})

    def title(self, options: PowerCycleOptions) -> str:
        return "switching the board off and on"

    def run(self, ctx: StepContext, options: PowerCycleOptions) -> dict[str, Any]:
        power = ctx.slot.need_power()
        ctx.state = "the board may be without power"
        power.cycle(options.off_s)
        state = power.state()
        ctx.state = f"the board's power is {state}"
        ctx.observe("power", state)
        return {"off_s": options.off_s, "power": state}
