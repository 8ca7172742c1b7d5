"""One hundred thousand units in the database: looking up one of them, and the statistics of their lot."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import Engine, insert

from benchmarks import moments
from benchmarks.bench import Place
from benchmarks.moments import Took
from benchmarks.postgres import postgres_url
from benchmarks.ratios import Goal, Row, milliseconds, timed
from workbench.database.engine import open_engine, writing
from workbench.identity.labels import compared
from workbench.station.lots.lot_file import Lot
from workbench.station.lots.lots import Lots
from workbench.station.lots.serials import SerialRule
from workbench.station.lots.tables import ATTEMPTS, LOTS, SERIALS

UNITS: Final = 100_000
UNIT_GOAL: Final = Goal("at most", 0.020)
LOT_GOAL: Final = Goal("at most", 0.200)
_LOOKUPS: Final = 50
_CHUNK: Final = 5000
RULE: Final = SerialRule("range", prefix="SN-", first=1, last=UNITS + 1000, digits=7, check="damm")
LOT: Final = Lot(id="BIG", quantity=UNITS + 1000, rule=RULE)
_STEPS: Final = [
    {"step": name, "outcome": "PASS", "elapsed_s": 1.5} for name in ("flash", "verify", "enroll", "update")
]
_MEASURED: Final = [
    {"step": "expect", "name": "voltage", "value": 3.31, "unit": "V", "low": 3.2, "high": 3.4, "passed": True}
]


def measure(_place: Place, rounds: int) -> list[Row]:
    """Both databases, each filled once; a unit is another one each time."""
    rows: list[Row] = []
    with TemporaryDirectory(prefix="workbench-benchmark-") as name:
        rows += _measured("SQLite", f"sqlite:///{Path(name) / 'records.sqlite'}", rounds)
    with postgres_url() as url:
        if url is not None:
            rows += _measured("PostgreSQL", url, rounds)
    return rows


def _measured(kind: str, url: str, rounds: int) -> list[Row]:
    with _filled(url) as lots:
        lots.stats("BIG")
        chosen = random.Random(1).sample(range(UNITS), rounds * _LOOKUPS + 1)
        lots.unit(RULE.serial(chosen.pop()))
        units = [
            _lookup(lots, chosen[number * _LOOKUPS : (number + 1) * _LOOKUPS]) for number in range(rounds)
        ]
        stats = [timed(lambda: lots.stats("BIG")) for _ in range(rounds)]
        reserve = [timed(lambda: lots.reserve(LOT, 10)) for _ in range(rounds)]
    own = tuple(moments.most(taken, ours=True) for taken in units)
    title = f"{UNITS // 1000} 000 units in {kind}"
    return [
        Row(f"{title}: one unit with its history", own, "s", UNIT_GOAL, moments.words(units)),
        Row(f"{title}: statistics of their lot", tuple(stats), "s", LOT_GOAL, milliseconds(stats)),
        Row(f"{title}: ten serial numbers reserved", tuple(reserve), "s", None, milliseconds(reserve)),
    ]


def _lookup(lots: Lots, positions: list[int]) -> list[Took]:
    """Lookups of one unit each."""
    return [moments.watched(partial(lots.unit, RULE.serial(position))) for position in positions]


@contextmanager
def _filled(url: str) -> Iterator[Lots]:
    engine = open_engine(url)
    lots = Lots(engine, "benchmark")
    try:
        lots.open_lot(LOT)
        for first in range(0, UNITS, _CHUNK):
            _fill(engine, range(first, first + _CHUNK))
        with writing(engine) as connection:
            connection.execute(LOTS.update().values(taken=UNITS, next_position=UNITS))
        _settle(engine)
        yield lots
    finally:
        lots.close()


def _fill(engine: Engine, positions: range) -> None:
    """Units of which one in ten failed once, and one in a hundred failed for good."""
    units: list[dict[str, Any]] = []
    tries: list[dict[str, Any]] = []
    for position in positions:
        verdicts = (
            ["FAIL", "FAIL"] if position % 100 == 7 else ["FAIL", "PASS"] if position % 10 == 7 else ["PASS"]
        )
        units.append(_unit(position, verdicts))
        tries += [_attempt(position, number, verdict) for number, verdict in enumerate(verdicts, 1)]
    with writing(engine) as connection:
        connection.execute(insert(SERIALS), units)
        connection.execute(insert(ATTEMPTS), tries)


def _unit(position: int, verdicts: list[str]) -> dict[str, Any]:
    serial = RULE.serial(position)
    return {
        "serial_key": compared(serial),
        "serial": serial,
        "lot_id": "BIG",
        "position": position,
        "state": "passed" if verdicts[-1] == "PASS" else "failed",
        "station": f"line-{position % 4}",
        "holder": f"h{position % 4}",
        "attempts": len(verdicts),
        "first_verdict": verdicts[0],
        "chip_id": f"{position:016x}",
        "fingerprint": f"{position:064x}",
        "changed_at": _time(position),
    }


def _attempt(position: int, number: int, verdict: str) -> dict[str, Any]:
    serial = RULE.serial(position)
    return {
        "run_id": f"{position:08x}-0000-4000-8000-{number:012x}",
        "serial_key": compared(serial),
        "serial": serial,
        "lot_id": "BIG",
        "number": number,
        "station": f"line-{position % 4}",
        "slot": f"v{position % 8}",
        "operator": "kim",
        "recipe": "sensor",
        "recipe_sha256": "0" * 64,
        "verdict": verdict,
        "error_code": None if verdict == "PASS" else f"code-{position % 5}",
        "started_at": _time(position),
        "finished_at": _time(position + 1),
        "elapsed_s": 30.0,
        "first_pass": verdict == "PASS" and number == 1,
        "steps": _STEPS,
        "measurements": _MEASURED,
        "chip_id": f"{position:016x}",
        "fingerprint": f"{position:064x}",
        "conflict": None,
    }


def _time(position: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=30 * position)


def _settle(engine: Engine) -> None:
    """What a database does by itself sooner or later."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_sqlite = engine.dialect.name == "sqlite"
        for statement in ("ANALYZE",) if is_sqlite else ("VACUUM ANALYZE", "CHECKPOINT"):
            connection.exec_driver_sql(statement)
