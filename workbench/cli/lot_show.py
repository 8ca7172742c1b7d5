"""`workbench lot list` and `show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import lot_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting

if TYPE_CHECKING:
    from workbench.station.lots.values import LotStats

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many.")]


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.command("list")(list_)
    app.command()(show)


def list_(
    limit: Limit = 20, bench: opt.Bench = None, json: opt.Json = False, plain: opt.Plain = False
) -> None:
    """List the lots, the newest first, with how far each is.

    \b
    Example:
      workbench lot list
    """
    with reporting("lot list", opt.Output(json=json, plain=plain)) as report:
        with typed.open_lots(bench) as lots:
            found = [(lot, lots.stats(lot.lot)) for lot in lots.lots(limit)]
        for lot, stats in found:
            report.observe("lot", typed.lot_value(lot) | _stats_value(stats))
        report.result["lots"] = len(found)
        if not json:
            rows = [
                [lot.lot, lot.state, lot.recipe or "any", _of(stats), _percent(stats.yield_of_units)]
                for lot, stats in found
            ]
            stdout.table(["lot", "state", "recipe", "passed", "yield"], rows, plain=plain)


def show(
    lot: typed.LotName,
    units: Annotated[bool, typer.Option("--units", help="Its units too, the last changed first.")] = False,
    limit: Limit = 100,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Show how far a lot is over all stations: passed, failed, in work, reserved, yield.

    \b
    Examples:
      workbench lot show LOT-7
      workbench lot show LOT-7 --units --json
    """
    with reporting("lot show", opt.Output(json=json, plain=plain)) as report:
        with typed.open_lots(bench) as lots:
            row, stats = lots.lot(lot), lots.stats(lot)
            found = lots.units(lot, limit=limit) if units else []
        report.result |= typed.lot_value(row) | _stats_value(stats)
        for unit in found:
            report.observe("unit", typed.unit_value(unit))
        if json:
            return
        stdout.say(f"lot {row.lot}, {row.state}, for recipe {row.recipe or 'any'}")
        stdout.say(f"serial numbers: {row.rule_words}")
        for line in _lines(stats):
            stdout.say(line)
        if found:
            rows = [[u.serial, u.state, u.station or "-", str(u.attempts), u.note or ""] for u in found]
            stdout.table(["unit", "state", "station", "tries", "remark"], rows, plain=plain)


def _lines(stats: LotStats) -> list[str]:
    names = ("failed", "in_work", "unfinished", "reserved", "shipped", "scrapped")
    counts = [(name.replace("_", " "), getattr(stats, name)) for name in names]
    return [
        f"passed {_of(stats)}" + ("" if stats.remaining is None else f", {stats.remaining} remaining"),
        ", ".join(f"{name} {count}" for name, count in counts),
        f"yield {_percent(stats.yield_of_units)}, first-pass yield {_percent(stats.first_pass_yield)} "
        f"of {stats.attempted} judged",
    ]


def _of(stats: LotStats) -> str:
    return str(stats.passed) if stats.quantity is None else f"{stats.passed} of {stats.quantity}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f} %"


def _stats_value(stats: LotStats) -> dict[str, Any]:
    names = ("passed", "failed", "in_work", "unfinished", "reserved", "shipped", "scrapped", "remaining")
    return {
        **{name: getattr(stats, name) for name in names},
        "first_pass": stats.first_pass,
        "judged": stats.attempted,
        "yield": stats.yield_of_units,
        "first_pass_yield": stats.first_pass_yield,
    }
