"""Rows of lots, serial numbers and attempts, inside a transaction.  Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Connection, Row, insert, select, update

import workbench
from workbench.events import Verdict
from workbench.identity.labels import compared
from workbench.station.lots import lease_clock
from workbench.station.lots.deciding import TAKES, Known
from workbench.station.lots.errors import LotUnknown
from workbench.station.lots.tables import ATTEMPTS, LOTS, SERIALS, STATIONS
from workbench.station.lots.values import Attempt, AttemptRow, LotRow, LotState, SerialState, UnitRow


def utc_now() -> datetime:
    """This machine's time, for people; nothing is decided by it."""
    return datetime.now(UTC)


def lot(connection: Connection, lot_id: str, *, lock: bool = False) -> Row[Any]:
    """The lot's row; `lock`: nobody else changes the lot before this transaction ends.  Raises LotUnknown."""
    query = select(LOTS).where(LOTS.c.lot_id == lot_id)
    found = connection.execute(query.with_for_update() if lock else query).first()
    if found is None:
        raise LotUnknown(f"no lot is called {lot_id[:64]!r}")
    return found


def has_room(row: Row[Any], more: int = 1) -> bool:
    """Whether the quantity leaves place for so many more."""
    return row.quantity is None or int(row.taken) + more <= int(row.quantity)


def serial(connection: Connection, text: str, *, lock: bool = False) -> Row[Any] | None:
    """The unit's row."""
    query = select(SERIALS).where(SERIALS.c.serial_key == compared(text))
    return connection.execute(query.with_for_update() if lock else query).first()


def known(connection: Connection, row: Row[Any] | None) -> Known | None:
    """The unit as decisions see it."""
    if row is None:
        return None
    over = lease_clock.is_over(row.lease_epoch, row.lease_until, lease_clock.now(connection))
    return Known(
        serial=row.serial,
        lot=row.lot_id,
        state=cast(SerialState, row.state),
        station=row.station,
        holder=row.holder,
        run_id=row.run_id,
        leased=not over,
        changed=f"{row.changed_at.astimezone():%Y-%m-%d %H:%M}",
    )


def put(
    connection: Connection,
    before: Row[Any] | None,
    text: str,
    lot_row: Row[Any],
    state: SerialState,
    **values: Any,
) -> None:
    """Makes or changes the unit's row, and keeps count of what its lot has taken.

    The lot's row is locked.  Raises IntegrityError where another lot got the serial number meanwhile.
    """
    values = {"state": state, "changed_at": utc_now(), **values}
    if before is None:
        fresh = {"serial_key": compared(text), "serial": text, "lot_id": lot_row.lot_id, "attempts": 0}
        connection.execute(insert(SERIALS).values(**{**fresh, **values}))
    else:
        connection.execute(update(SERIALS).where(SERIALS.c.serial_key == before.serial_key).values(**values))
    was = before is not None and before.state in TAKES
    change_taken(connection, lot_row.lot_id, int(state in TAKES) - int(was))


def change_taken(connection: Connection, lot_id: str, by: int) -> None:
    """Counts what uses up the quantity."""
    if by:
        connection.execute(update(LOTS).where(LOTS.c.lot_id == lot_id).values(taken=LOTS.c.taken + by))


def attempt(connection: Connection, run_id: str) -> Row[Any] | None:
    """The attempt's row."""
    return connection.execute(select(ATTEMPTS).where(ATTEMPTS.c.run_id == run_id)).first()


def insert_attempt(
    connection: Connection, told: Attempt, number: int, station: str, values: dict[str, Any]
) -> None:
    """A new attempt; `values` are those of its end, where it has one."""
    begun = {
        "run_id": told.run_id,
        "serial_key": compared(told.serial),
        "serial": told.serial,
        "lot_id": told.lot,
        "number": number,
        "station": station,
        "slot": told.slot,
        "operator": told.operator,
        "recipe": told.recipe,
        "recipe_sha256": told.recipe_sha256,
        "started_at": told.started_at,
        "first_pass": False,
        "steps": [],
        "measurements": [],
    }
    connection.execute(insert(ATTEMPTS).values(**{**begun, **values}))


def end_values(told: Attempt, *, first_pass: bool, conflict: str | None) -> dict[str, Any]:
    """What the end of an attempt adds to it."""
    return {
        "verdict": told.verdict,
        "error_code": told.error_code,
        "finished_at": told.finished_at,
        "elapsed_s": told.elapsed_s,
        "first_pass": first_pass,
        "steps": list(told.steps),
        "measurements": list(told.measurements),
        "chip_id": told.chip_id,
        "fingerprint": told.fingerprint,
        "conflict": conflict,
    }


def seen(connection: Connection, station: str) -> None:
    """The station has used the database just now."""
    values = {"last_seen": utc_now(), "version": workbench.__version__}
    changed = connection.execute(update(STATIONS).where(STATIONS.c.station == station).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(STATIONS).values(station=station, **values))


def lot_row(row: Row[Any]) -> LotRow:
    """A lot, as others see it."""
    return LotRow(
        lot=row.lot_id,
        recipe=row.recipe,
        quantity=row.quantity,
        state=cast(LotState, row.state),
        rule_sha256=row.rule_sha256,
        rule_words=row.rule_words,
        gives=row.gives,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        closed_at=row.closed_at,
    )


def unit_row(row: Row[Any]) -> UnitRow:
    """A unit, as others see it."""
    return UnitRow(
        serial=row.serial,
        lot=row.lot_id,
        state=cast(SerialState, row.state),
        station=row.station,
        attempts=row.attempts,
        chip_id=row.chip_id,
        fingerprint=row.fingerprint,
        changed_at=row.changed_at,
        note=row.note,
    )


def attempt_row(row: Row[Any]) -> AttemptRow:
    """An attempt, as others see it."""
    return AttemptRow(
        run_id=row.run_id,
        serial=row.serial,
        lot=row.lot_id,
        number=row.number,
        station=row.station,
        slot=row.slot,
        operator=row.operator,
        recipe=row.recipe,
        recipe_sha256=row.recipe_sha256,
        verdict=cast("Verdict | None", row.verdict),
        error_code=row.error_code,
        started_at=row.started_at,
        finished_at=row.finished_at,
        elapsed_s=row.elapsed_s,
        first_pass=row.first_pass,
        steps=tuple(row.steps),
        measurements=tuple(row.measurements),
        chip_id=row.chip_id,
        fingerprint=row.fingerprint,
        conflict=row.conflict,
    )


def taken_positions(connection: Connection, lot_id: str, first: int, last: int) -> frozenset[int]:
    """Positions of the lot in that range that are handed out or scanned already."""
    query = select(SERIALS.c.position).where(
        SERIALS.c.lot_id == lot_id, SERIALS.c.position >= first, SERIALS.c.position <= last
    )
    return frozenset(int(found) for found in connection.scalars(query) if found is not None)


def existing(connection: Connection, serials: Sequence[str]) -> frozenset[str]:
    """Those of the serial numbers that are known, in any lot."""
    keys = {compared(text): text for text in serials}
    query = select(SERIALS.c.serial_key).where(SERIALS.c.serial_key.in_(list(keys)))
    return frozenset(keys[key] for key in connection.scalars(query))
