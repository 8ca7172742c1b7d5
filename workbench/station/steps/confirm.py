"""Step confirm: a person looks at the unit and says yes or no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from workbench.station.steps.errors import NotConfirmed, RefusedByPerson
from workbench.station.steps.step import Step
from workbench.toml_file import Table

if TYPE_CHECKING:
    from workbench.station.steps.context import StepContext


def _printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ValueError("must be one line of text, without control characters")
    return text.strip()


Words = Annotated[
    str,
    Field(min_length=1, max_length=200, description="a text of 1 to 200 characters"),
    AfterValidator(_printable),
]
Wait = Annotated[
    float, Field(gt=0, le=86_400, strict=False, description="seconds, more than 0, at most a day")
]


class ConfirmOptions(Table):
    """`text`: the question, to be answered with yes where all is well; `no`: what another answer means."""

    text: Words
    no: Literal["fail", "stop"] = "fail"
    wait_s: Wait | None = None


class Confirm(Step[ConfirmOptions]):
    """Asks a person; what is no clear yes is no."""

    name = "confirm"
    Options = ConfirmOptions
    waits = True

    def title(self, options: ConfirmOptions) -> str:
        return options.text

    def run(self, ctx: StepContext, options: ConfirmOptions) -> dict[str, Any]:
        if not ctx.ask_confirm(options.text, wait_s=options.wait_s):
            error = NotConfirmed if options.no == "fail" else RefusedByPerson
            raise error(f"{ctx.key}: answered with no: {options.text}")
        return {"answer": True}
