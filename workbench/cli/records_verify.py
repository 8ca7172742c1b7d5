"""`workbench records verify`: whether runs were changed, removed or added after they were recorded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import options as opt
from workbench.cli import stdout, words
from workbench.cli.report import reporting
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.station.run_log_check import Checked, Head

SHOWN = 20
"""Findings that are listed; --json has all."""


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(verify)


def verify(
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            metavar="LINE:SHA256",
            help="A line that was kept elsewhere: the log must have it.",
            show_default=False,
        ),
    ] = None,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Verify that no run of this station was changed, removed or added after it was recorded.

    Compares the station's log of runs, all journals and the database. Exit code 4 where something does
    not fit. Keep the head that is printed: with --head a later check also finds that everything was
    made anew. See docs/records.md.

    \b
    Examples:
      workbench records verify
      workbench records verify --head 217:9c1e…
    """
    from workbench.cli.records import open_records
    from workbench.station.places import journal_dir
    from workbench.station.run_log_check import RecordsAltered

    with reporting("records verify", opt.Output(json=json, plain=plain)) as report:
        anchor = _head(head)
        with open_records(bench) as (records, folder):
            checked = records.verify(journal_dir(folder), anchor)
        for found in checked.altered:
            report.observe("altered", {"kind": found.kind, "what": found.what, "run_id": found.run_id})
        report.result |= {
            "lines": checked.lines,
            "runs": checked.runs,
            "earlier": checked.earlier,
            "altered": len(checked.altered),
            "head": str(checked.head) if checked.head else None,
        }
        if not json:
            _say(checked, plain=plain)
        if checked.altered:
            raise RecordsAltered(f"{words.count(len(checked.altered), 'finding')} in the records")


def _say(checked: Checked, *, plain: bool) -> None:
    if checked.altered:
        rows = [[f.kind, (f.run_id or "")[:8], f.what] for f in checked.altered[:SHOWN]]
        stdout.table(["finding", "run", "what"], rows, plain=plain)
        if len(checked.altered) > SHOWN:
            stdout.say(f"and {len(checked.altered) - SHOWN} more; --json lists all")
    else:
        stdout.say(f"{words.count(checked.runs, 'run')}, and all of it fits")
    if checked.earlier:
        stdout.say(f"{words.count(checked.earlier, 'run')} from before the log was begun, not judged")
    if checked.head:
        stdout.say(f"head {checked.head}")


def _head(text: str | None) -> Head | None:
    from workbench.station.run_log_check import Head

    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,9}):([0-9a-f]{64})", text.strip(), re.ASCII)
    if found is None:
        raise InputError(
            f"'{text[:80]}' is no head of a log", action="give it as it was printed, LINE:SHA256, with --head"
        )
    return Head(int(found[1]), found[2])
