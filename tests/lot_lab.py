"""Lots, recipes and attempts for tests of lots, without boards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import pytest
from sqlalchemy import Engine, delete

from tests.fixtures_postgres import PostgresServer
from workbench.database.engine import open_engine, writing
from workbench.events import Verdict
from workbench.station.lots.lot_file import Lot
from workbench.station.lots.office import Office
from workbench.station.lots.serials import SerialRule
from workbench.station.lots.tables import ATTEMPTS, LOTS, SERIALS, STATIONS
from workbench.station.lots.values import Attempt
from workbench.station.recipes.recipe import DatabasePolicy, PlanEntry, Recipe

RANGE = SerialRule("range", prefix="SN-", first=1, last=9000, digits=4, check="damm")
SCANNED = SerialRule("scanned")


def lot_of(name: str = "L1", *, quantity: int | None = None, rule: SerialRule = RANGE) -> Lot:
    """A lot for any recipe."""
    return Lot(id=name, quantity=quantity, rule=rule)


def recipe_of(folder: Path, *, on_loss: Literal["stop", "continue"] = "stop", reserve: int = 3) -> Recipe:
    """A recipe that nobody carries out."""
    return Recipe(
        path=folder / "r.toml",
        name="r",
        title="r",
        model="r",
        targets=("microbit-v1",),
        plan=(PlanEntry(step="flash"),),
        database=DatabasePolicy(on_loss=on_loss, reserve=reserve),
        sha256="0" * 64,
    )


def attempt_of(serial: str, verdict: Verdict = "PASS", *, lot: str = "L1", **more: Any) -> Attempt:
    """A run that has ended."""
    moment = datetime.now(UTC)
    values: dict[str, Any] = {"run_id": str(uuid4()), "slot": "v1", "recipe": "r", "recipe_sha256": "0" * 64}
    values |= {"serial": serial, "lot": lot, "verdict": verdict}
    return Attempt(**{**values, "started_at": moment, "finished_at": moment, **more})


def office_of(
    folder: Path,
    url: str,
    lot: Lot,
    *,
    station: str = "s1",
    on_loss: Literal["stop", "continue"] = "stop",
    reserve: int = 3,
) -> Office:
    """The office of a bench in that folder."""
    recipe = recipe_of(folder, on_loss=on_loss, reserve=reserve)
    return Office.open(folder, recipe, lot, station=station, url=url)


def make_unit(office: Office, serial: str, verdict: Verdict = "PASS", *, lot: str = "L1") -> str:
    """Begins and ends a unit; its run's ID."""
    run_id = str(uuid4())
    begun = office.begin(serial, run_id=run_id, slot="v1")
    office.finish(attempt_of(begun.serial, verdict, lot=lot, run_id=run_id))
    return run_id


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lot_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database for all tests of a module, once for each engine; `emptied` makes it new."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('lots') / 'records.sqlite'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    engine = open_engine(url)
    yield engine
    engine.dispose()


def emptied(engine: Engine) -> Engine:
    """The database without lots."""
    with writing(engine) as connection:
        for table in (ATTEMPTS, SERIALS, LOTS, STATIONS):
            connection.execute(delete(table))
    return engine
