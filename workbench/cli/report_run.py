"""`workbench report run`: one run as a report."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import options as opt
from workbench.cli import report_options as typed
from workbench.cli.report import reporting


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(run)


def run(
    run_id: Annotated[
        str, typer.Argument(metavar="RUN", help="ID of a run; its first characters are enough.")
    ],
    html: typed.Html = None,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Report on one run: its steps, measurements and outcome. `records show` has all its events.

    \b
    Example:
      workbench report run 1a2b3c4d --html run.html
    """
    from workbench.cli.records import open_records
    from workbench.station.reports import as_json
    from workbench.station.reports.page import run_page

    with reporting("report run", opt.Output(json=json, plain=plain)) as report:
        with open_records(bench) as (records, folder):
            told = records.unit_run(run_id)
        report.result["run"] = as_json.value(told)
        if html is not None:
            typed.write(html, [run_page(told, typed.maker_of(folder))])
        if not json:
            typed.say_run(told)
