"""`workbench report lot`: how a lot went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import options as opt
from workbench.cli import records_filters as filters
from workbench.cli import report_options as typed
from workbench.cli import stdout
from workbench.cli.report import reporting

if TYPE_CHECKING:
    from workbench.station.reports.attempts import LotFacts
    from workbench.station.reports.statistics import Statistics


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(lot)


def lot(
    lot_id: Annotated[str, typer.Argument(metavar="LOT", help="ID of the lot, see `workbench lot list`.")],
    html: typed.Html = None,
    since: filters.Since = None,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Report on a lot: yield, first-pass yield, failures by frequency, time per step, measurements.

    \b
    Examples:
      workbench report lot LOT-7
      workbench report lot LOT-7 --html lot-7.html
    """
    from workbench.cli.records import open_records
    from workbench.station.reports import as_json
    from workbench.station.reports.attempts import lot_briefs, lot_facts
    from workbench.station.reports.page import count_lot, lot_page

    with reporting("report lot", opt.Output(json=json, plain=plain)) as report:
        with open_records(bench) as (records, folder):
            facts = lot_facts(records.engine, lot_id)
            figures, last = count_lot(lot_briefs(records.engine, lot_id, filters.moment(since)))
        maker = typed.maker_of(folder)
        report.result |= {
            "lot": as_json.value(facts),
            "statistics": as_json.figures(figures),
            "head": maker.head,
        }
        if html is not None:
            typed.write(html, [lot_page(facts, figures, last, maker, since)])
        if not json:
            _say(facts, figures, plain=plain)
            if maker.head:
                stdout.say(f"\nhead of the log of runs  {maker.head}")


def _say(facts: LotFacts, s: Statistics, *, plain: bool) -> None:
    from workbench.station.reports import words

    of = f" of {facts.quantity}" if facts.quantity is not None else ""
    stdout.say(f"lot               {facts.lot}, {facts.state}, recipe {facts.recipe or 'any'}")
    stdout.say(f"units passed      {s.passed}{of}, failed {s.failed}, not judged {s.open}")
    stdout.say(f"yield             {words.share(s.passed, s.judged)}")
    stdout.say(f"first-pass yield  {words.share(s.first_passed, s.judged)}")
    runs = ", ".join(f"{count} {verdict}" for verdict, count in s.runs.items())
    stdout.say(f"runs              {sum(s.runs.values())}: {runs}")
    if s.failures:
        stdout.say()
        rows = [
            [f.code, f.verdict, str(f.runs), str(f.units), f"{100 * f.cumulative:.1f} %"] for f in s.failures
        ]
        stdout.table(["failure", "verdict", "runs", "units", "sum"], rows, plain=plain)
    if s.steps:
        stdout.say()
        times = [
            [
                step.title,
                str(step.runs),
                str(step.not_passed),
                words.seconds(step.p50_s),
                words.seconds(step.p95_s),
            ]
            for step in s.steps
        ]
        stdout.table(["step", "runs", "not passed", "half within", "95 % within"], times, plain=plain)
    if s.measurements:
        stdout.say()
        values = [
            [
                f"{m.name}{f' ({m.unit})' if m.unit else ''}",
                str(m.count),
                str(m.failed),
                "–" if m.mean is None else f"{m.mean:.4g}",
                words.limits_of(m.low, m.high),
                "–" if m.cpk is None else f"{m.cpk:.2f}",
            ]
            for m in s.measurements
        ]
        stdout.table(["measurement", "values", "out", "mean", "limits", "Cpk"], values, plain=plain)
