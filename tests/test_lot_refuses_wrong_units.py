"""A unit that must not be begun is refused with the reason, on both databases; what may be begun is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from tests.lot_lab import SCANNED, attempt_of, emptied, lot_engine, lot_of
from workbench.errors import Blame, WorkbenchError
from workbench.events import Verdict
from workbench.station.lots import errors, lease_clock
from workbench.station.lots.lease_clock import Moment
from workbench.station.lots.lots import Lots

__all__ = ["lot_engine"]

LOT = lot_of(quantity=3, rule=SCANNED)


@pytest.fixture
def lots(lot_engine: Engine) -> Lots:
    opened = Lots(emptied(lot_engine), "s1")
    opened.open_lot(LOT)
    return opened


@pytest.fixture
def other(lots: Lots) -> Lots:
    """Another station at the same database."""
    return Lots(lots._engine, "s2")


def made(lots: Lots, serial: str, verdict: Verdict = "PASS") -> None:
    run_id = str(uuid4())
    lots.begin(LOT, attempt_of(serial, run_id=run_id))
    assert lots.finish([attempt_of(serial, verdict, run_id=run_id)]) == []


def shipped(lots: Lots) -> None:
    made(lots, "A1")
    lots.ship("a1")


def scrapped(lots: Lots) -> None:
    made(lots, "A1", "FAIL")
    lots.scrap("A1", "burnt")


def in_other_lot(lots: Lots) -> None:
    second = replace(LOT, id="L2")
    lots.open_lot(second)
    lots.begin(second, attempt_of("A1", lot="L2"))


def full(lots: Lots) -> None:
    for number in range(3):
        made(lots, f"B{number}")


def at_other_station(lots: Lots) -> None:
    Lots(lots._engine, "s2").begin(LOT, attempt_of("A1"))


REFUSED: dict[str, tuple[Callable[[Lots], object], type[WorkbenchError]]] = {
    "passed": (lambda lots: made(lots, "A1"), errors.SerialDuplicate),
    "shipped": (shipped, errors.UnitShipped),
    "scrapped": (scrapped, errors.UnitScrapped),
    "of another lot": (in_other_lot, errors.SerialWrongLot),
    "in work elsewhere": (at_other_station, errors.SerialInWork),
    "in a full lot": (full, errors.LotFull),
    "in a closed lot": (lambda lots: lots.close_lot("L1"), errors.LotClosed),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_unit_is_refused_with_the_reason(lots: Lots, why: str) -> None:
    prepare, error = REFUSED[why]
    prepare(lots)
    for serial in ("A1", "a1"):
        with pytest.raises(error) as caught:
            lots.begin(LOT, attempt_of(serial))
        with pytest.raises(error):
            lots.admit(LOT, serial)
        assert caught.value.blame == Blame.INPUT
        assert caught.value.cause
        assert caught.value.action
    assert lots.stats("L1").in_work == (1 if why == "in work elsewhere" else 0)


@pytest.mark.parametrize("verdict", ["FAIL", "ERROR", "STOPPED"])
def test_a_unit_that_did_not_pass_is_tried_again(lots: Lots, other: Lots, verdict: Verdict) -> None:
    made(lots, "A1", verdict)
    assert other.begin(LOT, attempt_of("A1")).attempt == 2


def test_a_reserved_number_is_its_stations_own(lots: Lots, other: Lots) -> None:
    ranged = lot_of("L2")
    lots.open_lot(ranged)
    (serial,) = lots.reserve(ranged, 1)
    with pytest.raises(errors.SerialReserved, match="s1"):
        other.begin(ranged, attempt_of(serial, lot="L2"))
    lots.begin(ranged, attempt_of(serial, lot="L2"))


def test_a_failed_unit_gives_its_place_free_and_needs_one_again(lots: Lots) -> None:
    made(lots, "A1", "FAIL")
    full(lots)
    with pytest.raises(errors.LotFull):
        lots.begin(LOT, attempt_of("A1"))


def test_a_unit_in_work_keeps_its_place_through_errors(lots: Lots) -> None:
    made(lots, "A1", "ERROR")
    for serial in ("B1", "B2"):
        lots.begin(LOT, attempt_of(serial))
    with pytest.raises(errors.LotFull):
        lots.begin(LOT, attempt_of("B3"))
    lots.begin(LOT, attempt_of("A1"))


def test_begin_and_finish_are_idempotent_by_run(lots: Lots) -> None:
    wish = attempt_of("A1")
    assert lots.begin(LOT, wish).attempt == lots.begin(LOT, wish).attempt == 1
    assert lots.finish([wish, wish]) == lots.finish([wish]) == []
    changed = replace(wish, verdict="FAIL")
    assert lots.finish([changed]) == []
    history = lots.unit("a1")
    assert [(tried.number, tried.verdict) for tried in history.attempts] == [(1, "PASS")]
    assert (history.unit.state, lots.stats("L1").passed) == ("passed", 1)


def test_a_run_that_died_is_told_as_such_when_the_next_begins(lots: Lots) -> None:
    lots.begin(LOT, attempt_of("A1"))
    lots.begin(LOT, attempt_of("A1"))
    tried = lots.unit("A1").attempts
    assert [(one.verdict, one.error_code) for one in tried] == [("ERROR", "station-died"), (None, None)]


def test_a_late_end_does_not_touch_the_run_that_took_over(lots: Lots) -> None:
    first, second = attempt_of("A1", "FAIL"), attempt_of("A1")
    lots.begin(LOT, first)
    lots.begin(LOT, second)
    assert "meanwhile" in lots.finish([first])[0]
    assert lots.unit("A1").unit.state == "in-work"
    assert lots.finish([second]) == []
    assert [one.verdict for one in lots.unit("A1").attempts] == ["FAIL", "PASS"]


def test_another_station_takes_over_when_the_time_is_over(
    lots: Lots, other: Lots, monkeypatch: pytest.MonkeyPatch
) -> None:
    lots.begin(LOT, attempt_of("A1"), lease_s=100)
    real = lease_clock.now
    for later_s, may in ((99.0, False), (101.0, True)):
        with monkeypatch.context() as patch:
            patch.setattr(
                lease_clock, "now", lambda c, s=later_s: replace(real(c), seconds=real(c).seconds + s)
            )
            if may:
                assert other.begin(LOT, attempt_of("A1")).attempt == 2
            else:
                with pytest.raises(errors.SerialInWork):
                    other.begin(LOT, attempt_of("A1"))


def test_a_clock_that_jumps_ends_no_lease(lots: Lots, other: Lots, monkeypatch: pytest.MonkeyPatch) -> None:
    lots.begin(LOT, attempt_of("A1"), lease_s=100)
    for jump_s in (1e9, -1e9):
        now_s = time.time() + jump_s
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda s=now_s: s)
            with pytest.raises(errors.SerialInWork):
                other.begin(LOT, attempt_of("A1"))


def test_a_lease_of_an_earlier_boot_is_over() -> None:
    assert lease_clock.is_over("old", 1e9, Moment("new", 5.0))
    assert lease_clock.is_over("new", 5.0, Moment("new", 5.0))
    assert not lease_clock.is_over("new", 5.1, Moment("new", 5.0))
    assert lease_clock.is_over(None, None, Moment("new", 5.0))


def test_only_a_passed_unit_is_shipped_once(lots: Lots) -> None:
    with pytest.raises(errors.SerialUnknown):
        lots.ship("A1")
    made(lots, "A1", "FAIL")
    with pytest.raises(errors.UnitNotPassed):
        lots.ship("A1")
    made(lots, "A1")
    assert lots.ship("A1").state == "shipped"
    with pytest.raises(errors.UnitShipped):
        lots.ship("A1")


def test_first_pass_is_of_units_that_never_failed(lots: Lots) -> None:
    made(lots, "A1", "ERROR")  # the station's fault does not count
    made(lots, "A1")
    made(lots, "A2", "FAIL")
    made(lots, "A2")
    stats = lots.stats("L1")
    assert (stats.passed, stats.first_pass, stats.attempted) == (2, 1, 2)
    assert (stats.yield_of_units, stats.first_pass_yield) == (1.0, 0.5)


def test_a_repair_goes_on_in_its_lot_or_in_another(lots: Lots) -> None:
    shipped(lots)
    repair = lot_of("R1", rule=SCANNED)
    lots.open_lot(repair)
    assert lots.readmit("A1", "returned", lot_id="R1").lot == "R1"
    assert (lots.stats("L1").passed, lots.stats("L1").first_pass) == (1, 1)  # it did pass there
    lots.begin(repair, attempt_of("A1", lot="R1"))
    assert [one.lot for one in lots.unit("A1").attempts] == ["L1", "R1"]
    with pytest.raises(errors.SerialInWork):
        lots.readmit("A1", "again")
    with pytest.raises(errors.SerialUnknown):
        lots.readmit("A2", "never begun")


def test_a_lot_is_what_it_was_when_it_was_opened(lots: Lots) -> None:
    with pytest.raises(errors.LotDiffers, match="quantity 3"):
        lots.open_lot(replace(LOT, quantity=4))
    with pytest.raises(errors.LotDiffers):
        lots.open_lot(lot_of(quantity=3), amend=True)
    assert lots.open_lot(replace(LOT, quantity=4), amend=True).quantity == 4
    lots.close_lot("L1")
    with pytest.raises(errors.LotClosed):
        lots.open_lot(replace(LOT, quantity=4))
    for unknown in (lots.stats, lots.lot, lots.close_lot):
        with pytest.raises(errors.LotUnknown):
            unknown("L9")
