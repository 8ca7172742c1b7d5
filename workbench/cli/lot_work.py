"""`workbench lot open`, `close` and `withdraw`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli import lot_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout, words
from workbench.cli.report import reporting


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.command("open")(open_)
    app.command()(close)
    app.command()(withdraw)


def open_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Lot file, see docs/lots.md.")],
    amend: Annotated[
        bool,
        typer.Option("--amend", help="The lot is known: take over its new quantity, and open it again."),
    ] = False,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Open a lot for all stations. A line opens its lot itself; this is for looking at the file before.

    \b
    Examples:
      workbench lot open lot-7.toml
      workbench lot open lot-7.toml --amend
    """
    from workbench.station.labels.layout import layout_of
    from workbench.station.lots.lot_file import load_lot

    with reporting("lot open", opt.Output(json=json, plain=plain)) as report:
        lot = load_lot(file)
        layout_of(lot.label, file)
        with typed.open_lots(bench) as lots:
            opened = lots.open_lot(lot, amend=amend)
        report.result |= typed.lot_value(opened)
        if not json:
            many = "any number of units" if opened.quantity is None else words.count(opened.quantity, "unit")
            stdout.say(f"lot {opened.lot} is open: {many}, serial numbers {opened.rule_words}")


def close(
    lot: typed.LotName, bench: opt.Bench = None, json: opt.Json = False, plain: opt.Plain = False
) -> None:
    """Close a lot: no further unit begins in it. Units that are in work end as they do.

    \b
    Example:
      workbench lot close LOT-7
    """
    with reporting("lot close", opt.Output(json=json, plain=plain)) as report:
        with typed.open_lots(bench) as lots:
            closed = lots.close_lot(lot)
        report.result |= typed.lot_value(closed)
        if not json:
            stdout.say(f"lot {closed.lot} is closed")


def withdraw(
    lot: typed.LotName,
    station: Annotated[
        str, typer.Option("--station", metavar="NAME", help="The station that will not come back.")
    ],
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Take the reserved serial numbers of a station that will not come back.

    They are never handed out again, because that station may have used them; their places in the lot's
    quantity are free for others.

    \b
    Example:
      workbench lot withdraw LOT-7 --station line-2
    """
    with reporting("lot withdraw", opt.Output(json=json, plain=plain)) as report:
        with typed.open_lots(bench) as lots:
            gone = lots.withdraw(lot, station)
        report.result |= {"lot": lot, "station": station, "serials": gone}
        if not json:
            stdout.say(f"{words.count(len(gone), 'serial number')} of station {station} withdrawn")
            for serial in gone:
                stdout.say(f"  {serial}")
