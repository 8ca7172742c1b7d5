"""`workbench lot ship`, `scrap` and `readmit`: units that leave a lot, and come back."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import lot_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.command()(ship)
    app.command()(scrap)
    app.command()(readmit)


def ship(
    serials: typed.Serials, bench: opt.Bench = None, json: opt.Json = False, plain: opt.Plain = False
) -> None:
    """Say that units have left: a line refuses them from then on. Only units that have passed can.

    \b
    Example:
      workbench lot ship SN-00018 SN-00026
    """
    with reporting("lot ship", opt.Output(json=json, plain=plain)) as report, typed.open_lots(bench) as lots:
        for serial in serials:
            unit = lots.ship(serial)
            report.observe("unit", typed.unit_value(unit))
            if not json:
                stdout.say(f"{unit.serial} of lot {unit.lot} is shipped")
        report.result["units"] = len(serials)


def scrap(
    serial: Annotated[str, typer.Argument(metavar="SERIAL", help="Serial number of the unit.")],
    reason: typed.Reason,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Say that a unit is thrown away. Its serial number is used up, its place in the lot is free.

    \b
    Example:
      workbench lot scrap SN-00018 --reason "broken housing"
    """
    with reporting("lot scrap", opt.Output(json=json, plain=plain)) as report:
        with typed.open_lots(bench) as lots:
            unit = lots.scrap(serial, reason)
        report.result |= typed.unit_value(unit)
        if not json:
            stdout.say(f"{unit.serial} of lot {unit.lot} is scrapped")


def readmit(
    serial: Annotated[str, typer.Argument(metavar="SERIAL", help="Serial number of the unit.")],
    reason: typed.Reason,
    lot: Annotated[
        str | None,
        typer.Option(
            "--lot", metavar="LOT", help="The lot to go on in. Default: its own.", show_default=False
        ),
    ] = None,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Let a unit that was done with be begun again: a repair, or a return.

    \b
    Examples:
      workbench lot readmit SN-00018 --reason "new antenna"
      workbench lot readmit SN-00018 --reason "field return" --lot REPAIR-3
    """
    with reporting("lot readmit", opt.Output(json=json, plain=plain)) as report:
        with typed.open_lots(bench) as lots:
            unit = lots.readmit(serial, reason, lot_id=lot)
        report.result |= typed.unit_value(unit)
        if not json:
            stdout.say(f"{unit.serial} may be begun again in lot {unit.lot}")
