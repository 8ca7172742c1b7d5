"""`workbench explain`: what an error code means."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.station.reports.error_catalogue import Entry


class CodeUnknown(InputError):
    """There is no error with that code."""

    code = "code-unknown"
    default_cause = "a misspelt code, or one of another version of the workbench"
    default_action = "see `workbench explain` for all codes"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(explain)


def explain(
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="[CODE]", help="Code of an error. Default: list all codes.", show_default=False
        ),
    ] = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Say what an error code means and what to do.

    The same is on a page for each code in docs/errors.

    \b
    Examples:
      workbench explain probe-missing
      workbench explain
    """
    from workbench.station.reports.error_catalogue import codes, find

    with reporting("explain", opt.Output(json=json, plain=plain)) as report:
        if code is None:
            report.result["codes"] = codes()
            if not json:
                stdout.say("\n".join(codes()))
            return
        entry = find(code.strip().lower())
        if entry is None:
            raise _unknown(code, codes())
        report.result |= _value(entry)
        if not json:
            for line in _lines(entry):
                stdout.say_wrapped(line)


def _unknown(code: str, known: list[str]) -> CodeUnknown:
    near = difflib.get_close_matches(code.lower(), known, n=3)
    action = f"did you mean {' or '.join(near)}?" if near else None
    return CodeUnknown(f"no error has the code '{code[:80]}'", action=action)


def _value(entry: Entry) -> dict[str, object]:
    return {
        "code": entry.code,
        "title": entry.title,
        "blame": str(entry.blame),
        "verdict": entry.verdict,
        "exit_code": entry.exit_code,
        "cause": entry.cause,
        "action": entry.action,
        "reasons": dict(entry.reasons),
    }


def _lines(entry: Entry) -> list[str]:
    reasons = [f"  {word}: {said}" for word, said in entry.reasons.items()]
    return [
        f"{entry.code}: {entry.title}",
        *([entry.more] if entry.more else []),
        f"verdict       {entry.verdict}, exit code {entry.exit_code}, blame {entry.blame}",
        f"likely cause  {entry.cause}",
        f"what to do    {entry.action}",
        *(["reasons", *reasons] if reasons else []),
    ]
