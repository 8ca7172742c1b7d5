"""A station that loses PostgreSQL goes on with its reserve or stops clearly, as the recipe says, and tells
everything later, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from tests.fixtures_postgres import PostgresServer
from tests.lot_lab import RANGE, SCANNED, attempt_of, lot_of, make_unit, office_of
from workbench.station.lots import errors, local_unit
from workbench.station.lots.local_unit import boot_moment

LOT = lot_of(quantity=6)


@contextmanager
def down(postgres: PostgresServer) -> Iterator[None]:
    postgres.stop()
    try:
        yield
    finally:
        postgres.start()


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


def test_a_station_goes_on_with_its_reserve_and_tells_later(
    tmp_path: Path, url: str, postgres: PostgresServer
) -> None:
    office = office_of(tmp_path, url, LOT, on_loss="continue")
    assert (office.reserved, office.database) == (3, "ok")
    with down(postgres):
        serials = [office.next_serial() for _ in range(3)]
        for serial in serials:
            begun = office.begin(serial, run_id=str(uuid4()), slot="v1")
            assert (begun.offline, begun.attempt) == (True, 1)
        assert office.database == "lost"
        make_unit(office, serials[0], "FAIL")
        make_unit(office, serials[0])
        make_unit(office, serials[1])
        with pytest.raises(errors.SerialDuplicate):
            office.admit(serials[1])
        with pytest.raises(errors.ReserveEmpty) as caught:
            office.next_serial()
        assert "PostgreSQL" in caught.value.cause or "database" in caught.value.cause
        assert (office.sync().left, office.stats()) == (3, None)
    report = office.sync()
    assert (report.sent, report.left, report.conflicts) == (3, 0, ())
    assert office.sync().sent == 0
    stats = office.stats()
    assert stats is not None
    assert (stats.passed, stats.first_pass, stats.attempted, office.database) == (2, 1, 2, "ok")
    tried = office._central.ask(lambda lots: lots.unit(serials[0])).attempts
    assert [(one.number, one.verdict) for one in tried] == [(1, "FAIL"), (2, "PASS")]
    make_unit(office, serials[2])
    office.close()


def test_a_station_that_must_not_go_on_says_so_and_ends_what_runs(
    tmp_path: Path, url: str, postgres: PostgresServer
) -> None:
    office = office_of(tmp_path, url, LOT)
    serial, run_id = office.next_serial(), str(uuid4())
    office.begin(serial, run_id=run_id, slot="v1")
    with down(postgres):
        office.finish(attempt_of(serial, run_id=run_id))
        for refused in (office.next_serial, lambda: office.begin(RANGE.serial(3), run_id="r", slot="v1")):
            with pytest.raises(errors.LineStopsWithoutDatabase) as caught:
                refused()
            assert caught.value.blame == "station"
            assert "go on when the database is back" in caught.value.action
        with pytest.raises(errors.LineStopsWithoutDatabase):
            office_of(tmp_path, url, LOT)
        assert office.unfinished() == ()
    assert office.sync().sent == 1
    make_unit(office, office.next_serial())
    office.close()


def test_a_line_that_is_opened_without_the_database_needs_to_know_the_lot(
    tmp_path: Path, url: str, postgres: PostgresServer
) -> None:
    office_of(tmp_path, url, LOT, on_loss="continue").close()
    with down(postgres):
        office = office_of(tmp_path, url, LOT, on_loss="continue")
        assert office.give_back() == 0  # nobody could be told: it stays this station's
        make_unit(office, office.next_serial())
        office.close()
        for unknown in (replace(LOT, id="L9"), lot_of(rule=SCANNED)):
            with pytest.raises(errors.LineStopsWithoutDatabase):
                office_of(tmp_path, url, unknown, on_loss="continue")


def test_without_the_database_only_what_nobody_else_can_have_is_begun(
    tmp_path: Path, url: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = office_of(tmp_path, url, LOT, on_loss="continue")
    failed, running = office.next_serial(), office.next_serial()
    make_unit(office, failed, "FAIL")  # told: its place in the quantity is free for others
    office.begin(running, run_id=str(uuid4()), slot="v1")
    with down(postgres):
        for serial in (failed, RANGE.serial(5)):
            with pytest.raises(errors.SerialNotReserved):
                office.begin(serial, run_id=str(uuid4()), slot="v1")
        assert office.begin(running, run_id=str(uuid4()), slot="v1").offline  # its own, for a while
        later = boot_moment()
        much_later = replace(later, seconds=later.seconds + 1e5)
        monkeypatch.setattr("workbench.station.lots.office.boot_moment", lambda: much_later)
        with pytest.raises(errors.SerialNotReserved):
            office.begin(running, run_id=str(uuid4()), slot="v1")
    assert local_unit.boot_moment().epoch == later.epoch
    office.close()


def test_numbers_that_were_reserved_in_a_crash_are_found_again(
    tmp_path: Path, url: str, postgres: PostgresServer
) -> None:
    """As if the process had died between the database's commit and its own file."""
    office = office_of(tmp_path, url, LOT, on_loss="continue", reserve=2)
    lost = office._central.ask(lambda lots: lots.reserve(LOT, 4))
    office.close()
    again = office_of(tmp_path, url, LOT, on_loss="continue", reserve=6)
    found = {again.next_serial() for _ in range(6)}
    assert set(lost) <= found
    with pytest.raises(errors.LotFull):
        again.next_serial()
    again.close()


def test_what_was_withdrawn_from_a_station_is_told_as_a_conflict(
    tmp_path: Path, url: str, postgres: PostgresServer
) -> None:
    office = office_of(tmp_path, url, LOT, on_loss="continue")
    with down(postgres):
        serial = office.next_serial()
        make_unit(office, serial)
    gone = office._central.ask(lambda lots: lots.withdraw("L1", "s1"))
    assert serial in gone
    assert "withdrawn" in office.sync().conflicts[0]
    unit = office._central.ask(lambda lots: lots.unit(serial))
    assert (unit.unit.state, unit.attempts[0].conflict) == ("passed", "it was withdrawn from the station")
    office.close()
