"""What narrows a list of runs, as it is typed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import typer

from workbench.cli.complete import slot_names
from workbench.errors import InputError


def _option(metavar: str, words: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, metavar=metavar, help=words, show_default=False, **more)


Serial = Annotated[str | None, _option("SERIAL", "Only this unit.", "--serial")]
Lot = Annotated[str | None, _option("LOT", "Only units of this lot.", "--lot")]
Operator = Annotated[str | None, _option("NAME", "Only runs of this operator.", "--operator")]
Slot = Annotated[str | None, _option("SLOT", "Only this slot.", "--slot", "-s", autocompletion=slot_names)]
Verb = Annotated[str | None, _option("VERB", "Only runs of this verb: flash, unit, …", "--verb")]
Verdict = Annotated[
    Literal["PASS", "FAIL", "ERROR", "STOPPED"] | None,
    typer.Option(help="Only this verdict.", show_default=False),
]
Code = Annotated[str | None, _option("CODE", "Only runs that ended with this error.", "--code")]
Since = Annotated[str | None, _option("TIME", "Only since then: 2026-01-31, 2026-01-31T12:00.", "--since")]
Until = Annotated[str | None, _option("TIME", "Only before then.", "--until")]
Text = Annotated[
    str | None, _option("TEXT", "Only runs in whose error, result or unit this text stands.", "--text")
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many.")]


def moment(text: str | None) -> datetime | None:
    """A time that was typed; without a zone it is this machine's."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise InputError(
            f"'{text[:80]}' is no time", action="write it as 2026-01-31 or 2026-01-31T12:00"
        ) from None
