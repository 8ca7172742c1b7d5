"""`workbench report export`: runs as files for other programs."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import options as opt
from workbench.cli import records_filters as filters
from workbench.cli import report_options as typed
from workbench.cli import stdout
from workbench.cli.report import reporting
from workbench.errors import InputError
from workbench.wires.clean import clean

if TYPE_CHECKING:
    from workbench.station.records import Records
    from workbench.station.reports.unit_run import UnitRun


class Format(StrEnum):
    """Formats of files."""

    CSV = "csv"
    CSV_STEPS = "csv-steps"
    CSV_MEASUREMENTS = "csv-measurements"
    JSON = "json"
    JUNIT = "junit"
    OPENHTF = "openhtf"


class ExportUnclear(InputError):
    """It is not clear which runs are to be exported, or into which file."""

    code = "report-export-unclear"
    default_cause = "none, or more than one, of LOT, SERIAL and RUN was named"
    default_action = "name one: `--lot LOT`, `--serial SERIAL` or `--run RUN`"


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(export)


def export(
    format_: Annotated[Format, typer.Option("--format", "-f", help="Format of the file.")],
    lot: Annotated[
        str | None, typer.Option("--lot", metavar="LOT", help="The runs of a lot.", show_default=False)
    ] = None,
    serial: Annotated[
        str | None, typer.Option("--serial", metavar="SERIAL", help="The runs of a unit.", show_default=False)
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="One run, by its ID.", show_default=False)
    ] = None,
    since: filters.Since = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write. Default: standard output.",
            show_default=False,
        ),
    ] = None,
    bench: opt.Bench = None,
) -> None:
    """Write the runs of a lot, a unit, or one run, as CSV, JSON, JUnit XML or OpenHTF records.

    csv has a row for each run, csv-steps for each step, csv-measurements for each measured value. openhtf has
    one record on each line. docs/reports.md describes the formats.

    \b
    Examples:
      workbench report export --lot LOT-7 --format csv --output lot-7.csv
      workbench report export --serial A-0042 --format openhtf
      workbench report export --run 1a2b3c4d --format junit --output result.xml
    """
    from workbench.cli.records import open_records

    with reporting("report export", opt.Output()):
        if sum(1 for named in (lot, serial, run) if named is not None) != 1:
            raise ExportUnclear("which runs are to be exported?")
        with open_records(bench) as (records, _folder):
            runs = _runs(records, lot, serial, run, since)
            parts = _parts(format_, runs, str(lot or serial or run))
            if output is not None:
                typed.write(output, parts)
                return
            for part in parts:
                stdout.say_raw(clean(part, max_chars=1 << 24) if stdout.is_terminal() else part)


def _runs(
    records: Records, lot: str | None, serial: str | None, run: str | None, since: str | None
) -> Iterator[UnitRun]:
    from workbench.station.reports.attempts import lot_facts, lot_runs, unit_facts

    begin = filters.moment(since)
    if lot is not None:
        lot_facts(records.engine, lot)
        yield from lot_runs(records.engine, lot, begin)
        return
    found = [records.unit_run(run)] if run is not None else unit_facts(records.engine, str(serial)).runs
    yield from (told for told in found if begin is None or told.started_at >= begin)


def _parts(format_: Format, runs: Iterator[UnitRun], name: str) -> Iterator[str]:
    from workbench.station.reports import as_json, junit, openhtf, statistics, tables

    match format_:
        case Format.CSV:
            yield from tables.csv_lines(runs)
        case Format.CSV_STEPS:
            yield from tables.csv_lines(runs, "steps")
        case Format.CSV_MEASUREMENTS:
            yield from tables.csv_lines(runs, "measurements")
        case Format.JUNIT:
            yield junit.junit(runs, name).decode()
        case Format.OPENHTF:
            for told in runs:
                yield json_module.dumps(openhtf.record_of(told), allow_nan=False) + "\n"
        case Format.JSON:
            listed = list(runs)
            document = as_json.report(statistics.statistics(listed), listed, about=name)
            yield json_module.dumps(document, allow_nan=False, indent=1) + "\n"
