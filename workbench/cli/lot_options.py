"""What the verbs of `workbench lot` share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from workbench.station.lots.lots import Lots
    from workbench.station.lots.values import LotRow, UnitRow

LotName = Annotated[str, typer.Argument(metavar="LOT", help="Name of the lot, see `workbench lot list`.")]
Serials = Annotated[list[str], typer.Argument(metavar="SERIAL...", help="Serial numbers of units.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the unit.")]


@contextmanager
def open_lots(bench: Path | None) -> Iterator[Lots]:
    """The lots of the bench's database, or of the one that WORKBENCH_DATABASE names."""
    from workbench.cli.job import bench_of
    from workbench.database.engine import open_engine
    from workbench.station.lots.lots import Lots
    from workbench.station.places import database_url

    named = os.environ.get("WORKBENCH_DATABASE")
    url = named if named and bench is None else database_url(bench_of(bench).folder)
    lots = Lots(open_engine(url), station=os.uname().nodename)
    try:
        yield lots
    finally:
        lots.close()


def lot_value(lot: LotRow) -> dict[str, Any]:
    """As an event has it."""
    return {
        "lot": lot.lot,
        "recipe": lot.recipe,
        "quantity": lot.quantity,
        "state": lot.state,
        "serials": lot.rule_words,
        "opened_at": lot.opened_at.isoformat(),
        "opened_by": lot.opened_by,
    }


def unit_value(unit: UnitRow) -> dict[str, Any]:
    """As an event has it."""
    return {
        "serial": unit.serial,
        "lot": unit.lot,
        "state": unit.state,
        "station": unit.station,
        "attempts": unit.attempts,
        "chip_id": unit.chip_id,
        "fingerprint": unit.fingerprint,
        "changed_at": unit.changed_at.isoformat(),
        "note": unit.note,
    }
