"""Whatever stations do in whatever order: no serial number twice, never over the quantity, counts true."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import Engine, func, select

from tests.lot_lab import RANGE, attempt_of, emptied, lot_engine, lot_of
from workbench.database.engine import open_engine
from workbench.errors import WorkbenchError
from workbench.events import Verdict
from workbench.station.lots.deciding import TAKES
from workbench.station.lots.errors import LotFull, NoSerialsToGive, SerialsExhausted
from workbench.station.lots.lots import Lots
from workbench.station.lots.serials import SerialRule
from workbench.station.lots.tables import LOTS, SERIALS

__all__ = ["lot_engine"]

QUANTITY = 5
LOT = lot_of(quantity=QUANTITY)
STATIONS = ("s1", "s2", "s3")


@cache
def empty_database() -> bytes:
    """A database with its tables, made once."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "r.sqlite"
        engine = open_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        return path.read_bytes()


class Stations(RuleBasedStateMachine):
    """Three stations at one database; what they are refused does no harm."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        path = Path(self.folder.name) / "r.sqlite"
        path.write_bytes(empty_database())
        self.engine = open_engine(f"sqlite:///{path}")
        self.lots = {name: Lots(self.engine, name) for name in STATIONS}
        self.lots["s1"].open_lot(LOT)
        self.held: dict[str, list[str]] = {name: [] for name in STATIONS}
        self.running: dict[str, tuple[str, str]] = {}
        self.passed: set[str] = set()

    def teardown(self) -> None:
        self.engine.dispose()
        self.folder.cleanup()

    @rule(station=st.sampled_from(STATIONS), count=st.integers(1, 4))
    def reserve(self, station: str, count: int) -> None:
        try:
            got = self.lots[station].reserve(LOT, count)
        except LotFull:
            return
        assert 1 <= len(got) <= count
        everybodys = [serial for held in self.held.values() for serial in held]
        assert not set(got) & {*everybodys, *self.running, *self.passed}
        self.held[station] += got

    @rule(station=st.sampled_from(STATIONS), reserved=st.booleans(), number=st.integers(0, 6))
    def begin(self, station: str, reserved: bool, number: int) -> None:
        serial = self.held[station][0] if reserved and self.held[station] else RANGE.serial(number)
        run_id = str(uuid4())
        try:
            self.lots[station].begin(LOT, attempt_of(serial, run_id=run_id))
        except WorkbenchError:
            return
        before = self.running.get(serial)
        assert before is None or before[0] == station
        assert serial not in self.passed
        for held in self.held.values():
            held[:] = [other for other in held if other != serial]
        self.running[serial] = (station, run_id)

    @rule(data=st.data(), verdict=st.sampled_from(["PASS", "FAIL", "ERROR", "STOPPED"]), twice=st.booleans())
    def finish(self, data: Any, verdict: Verdict, twice: bool) -> None:
        if not self.running:
            return
        serial = data.draw(st.sampled_from(sorted(self.running)))
        station, run_id = self.running.pop(serial)
        ended = attempt_of(serial, verdict, run_id=run_id)
        assert self.lots[station].finish([ended] * (1 + twice)) == []
        if verdict == "PASS":
            self.passed.add(serial)

    @rule(station=st.sampled_from(STATIONS))
    def release(self, station: str) -> None:
        assert self.lots[station].release(LOT.id, self.held[station]) == len(self.held[station])
        self.held[station] = []

    @rule(station=st.sampled_from(STATIONS))
    def withdraw(self, station: str) -> None:
        assert sorted(self.lots["s1"].withdraw(LOT.id, station)) == sorted(self.held[station])
        self.held[station] = []

    @invariant()
    def the_lot_counts_right(self) -> None:
        with self.engine.connect() as connection:
            taken = connection.execute(select(LOTS.c.taken)).scalar_one()
            query = select(func.count()).where(SERIALS.c.state.in_(list(TAKES)))
            assert taken == connection.execute(query).scalar_one() <= QUANTITY
        stats = self.lots["s1"].stats(LOT.id)
        assert (stats.passed, stats.in_work) == (len(self.passed), len(self.running))
        assert stats.reserved == sum(len(held) for held in self.held.values())


TestStations = Stations.TestCase
TestStations.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)


@pytest.fixture
def lots(lot_engine: Engine) -> Lots:
    return Lots(emptied(lot_engine), "s1")


def test_the_last_serial_number_is_the_end(lots: Lots) -> None:
    lot = lot_of(rule=SerialRule("range", prefix="A", first=1, last=3, digits=1))
    lots.open_lot(lot)
    assert lots.reserve(lot, 10) == ["A1", "A2", "A3"]
    with pytest.raises(SerialsExhausted):
        lots.reserve(lot, 1)
    assert lots.release(lot.id, ["A2"]) == 1
    assert lots.reserve(lot, 10) == ["A2"]


def test_numbers_that_another_lot_has_used_are_passed_over(lots: Lots) -> None:
    first, second = lot_of("L1", rule=RANGE), lot_of("L2", rule=RANGE)
    for lot in (first, second):
        lots.open_lot(lot)
    one, two = lots.reserve(first, 3), lots.reserve(second, 3)
    assert len({*one, *two}) == 6


def test_scanned_labels_within_a_range_are_passed_over(lots: Lots) -> None:
    lot = lot_of()
    lots.open_lot(lot)
    lots.begin(lot, attempt_of(RANGE.serial(1)))
    assert lots.reserve(lot, 2) == [RANGE.serial(0), RANGE.serial(2)]


def test_a_lot_of_scanned_labels_hands_out_nothing(lots: Lots) -> None:
    lot = lot_of(rule=SerialRule("scanned"))
    lots.open_lot(lot)
    with pytest.raises(NoSerialsToGive):
        lots.reserve(lot, 1)
