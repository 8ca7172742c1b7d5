"""`workbench report unit`: everything that was done with a unit."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import options as opt
from workbench.cli import report_options as typed
from workbench.cli import stdout
from workbench.cli.report import reporting


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(unit)


def unit(
    serial: Annotated[str, typer.Argument(metavar="SERIAL", help="Serial number of the unit.")],
    html: typed.Html = None,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Report on a unit: its runs in all lots and repairs, and other runs that saw its chip.

    \b
    Examples:
      workbench report unit A-0042
      workbench report unit A-0042 --html unit.html
    """
    from workbench.cli.records import open_records
    from workbench.station.reports import as_json
    from workbench.station.reports.attempts import unit_facts
    from workbench.station.reports.page import unit_page

    with reporting("report unit", opt.Output(json=json, plain=plain)) as report:
        with open_records(bench) as (records, folder):
            facts = unit_facts(records.engine, serial)
        report.result["unit"] = as_json.value(facts)
        if html is not None:
            typed.write(html, [unit_page(facts, typed.maker_of(folder))])
        if json:
            return
        stdout.say(f"unit  {facts.serial}, {facts.state}, lot {facts.lot}")
        stdout.say(f"chip  {facts.chip_id or 'unknown'}, key {facts.fingerprint or 'unknown'}")
        if facts.note:
            stdout.say(f"note  {facts.note}")
        for run in (*facts.runs, *facts.others):
            typed.say_run(run)
