"""Step expect: a line from the board, and what it says as a measurement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from workbench.errors import Blame, WorkbenchError
from workbench.station.steps.errors import MeasurementInvalid
from workbench.station.steps.step import Step
from workbench.station.steps.titles import MEASURING
from workbench.toml_file import Table

if TYPE_CHECKING:
    from workbench.station.steps.context import StepContext
    from workbench.wires.console import Console

MAX_PATTERN: Final = 500
VALUE: Final = "value"


class BoardSilent(WorkbenchError):
    """A board did not say what a step expects of it."""

    code = "board-silent"
    blame = Blame.UNIT
    default_cause = "the firmware does not run or says something else, or the unit is faulty"
    default_action = "try the unit once more; put it aside if it stays silent"


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"must be a regular expression: {error}") from None
    return text


class ExpectOptions(Table):
    """`pattern`: regular expression over what the board prints; its group `value` (or its only group) is
    measured under the name `measure` in `unit`, and must lie within `low` and `high`.  `send`: a line that is
    sent first.  `restart`: how the board is started before.
    """

    pattern: Annotated[
        str,
        Field(min_length=1, max_length=MAX_PATTERN, description="a regular expression, in quotes"),
        AfterValidator(_regex),
    ]
    within_s: float = Field(default=10.0, gt=0, le=3600, strict=False, description="seconds, at most an hour")
    send: str | None = Field(default=None, max_length=500, description="a text, in quotes")
    restart: Literal["none", "reset", "power"] = "none"
    off_s: float = Field(default=0.5, ge=0, le=60, strict=False, description="seconds from 0 to 60")
    measure: str | None = Field(default=None, min_length=1, max_length=80, description="a measurement's name")
    unit: str = Field(default="", max_length=20, description='a unit such as "V", in quotes')
    low: float | None = Field(default=None, strict=False, allow_inf_nan=False, description="a number")
    high: float | None = Field(default=None, strict=False, allow_inf_nan=False, description="a number")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        groups = re.compile(self.pattern)
        if self.measure is None and (self.low is not None or self.high is not None or self.unit):
            raise ValueError("unit, low and high belong to a measurement: give it a name with `measure`")
        if self.measure is not None and VALUE not in groups.groupindex and groups.groups != 1:
            raise ValueError("pattern needs one group, or one called value: (?P<value>…), for `measure`")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low must not be above high")
        return self


class Expect(Step[ExpectOptions]):
    """Waits for what the board prints.  Silence is the unit's fault, a lost port the station's."""

    name = "expect"
    Options = ExpectOptions
    needs = frozenset({"console"})

    def title(self, options: ExpectOptions) -> str:
        if options.measure:
            return MEASURING.format(name=options.measure)
        return "waiting for what the board says"

    def run(self, ctx: StepContext, options: ExpectOptions) -> dict[str, Any]:
        from workbench.station.update import settings_of
        from workbench.wires.console import CONNECT_S, Console
        from workbench.wires.errors import ConsoleTimeout

        log = ctx.slot.state_dir / "console.log"
        port = ctx.slot.need_serial()
        how: dict[str, Any] = {"settings": settings_of(ctx.slot), "log_path": log, "emit": ctx.emit}
        wait_s = min(CONNECT_S, max(options.within_s, 1.0))
        with Console(port, connect_timeout_s=wait_s, **how) as console:
            self._start(ctx, options, console)
            if options.send is not None:
                console.send_line(options.send)
            try:
                match = console.expect(re.compile(options.pattern.encode()), options.within_s)
            except ConsoleTimeout as error:
                raise BoardSilent(error.what) from error
        ctx.observe("console-match", match.text)
        if options.measure is not None:
            value = _number(options, match.group(VALUE if VALUE in match.named else 1))
            ctx.measure(options.measure, value, options.unit, options.low, options.high)
        return {"text": match.text}

    @staticmethod
    def _start(ctx: StepContext, options: ExpectOptions, console: Console) -> None:
        from workbench.station.slots import debugging

        if options.restart == "reset":
            with debugging(ctx.held, emit=ctx.emit, connect="attach") as debug:
                console.clear()
                debug.reset()
        elif options.restart == "power":
            power = ctx.slot.need_power()
            console.clear()
            power.cycle(options.off_s)
            console.wait_connected()


def _number(options: ExpectOptions, text: str) -> float | int | str:
    """The group as a number where it is one; limits need one.  Raises MeasurementInvalid."""
    for kind in (int, float):
        try:
            return kind(text.strip())
        except ValueError:
            continue
    if options.low is not None or options.high is not None:
        raise MeasurementInvalid(f"{options.measure}: the board says '{text[:60]}', which is no number")
    return text
