"""Handing out serial numbers, inside a transaction: each to one station, and never more than the quantity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from workbench.identity.labels import compared
from workbench.station.lots import rows
from workbench.station.lots.errors import LotClosed, LotFull, NoSerialsToGive, SerialsExhausted
from workbench.station.lots.serials import SerialRule
from workbench.station.lots.tables import LOTS, SERIALS

_CHUNK: Final = 200


def reserve(
    connection: Connection, lot_id: str, rule: SerialRule, count: int, *, station: str, holder: str
) -> list[str]:
    """Up to `count` serial numbers, at least one; they use up the quantity from now on.

    Raises LotUnknown, LotClosed, LotFull, NoSerialsToGive, SerialsExhausted.
    """
    lot = rows.lot(connection, lot_id, lock=True)
    if rule.count is None:
        raise NoSerialsToGive(f"lot {lot_id} takes the serial numbers of its units' labels")
    if lot.state != "open":
        raise LotClosed(f"lot {lot_id} is closed")
    room = count if lot.quantity is None else min(count, lot.quantity - lot.taken)
    if room < 1:
        raise LotFull(f"all {lot.quantity} units of lot {lot_id} are made, in work or reserved")
    mine = {"state": "reserved", "station": station, "holder": holder, "changed_at": rows.utc_now()}
    found = _free(connection, lot_id, room, mine)
    found += _fresh(connection, lot, rule, room - len(found), mine)
    if not found:
        raise SerialsExhausted(f"all {rule.count} serial numbers of lot {lot_id} are used")
    rows.change_taken(connection, lot_id, len(found))
    return found


def _free(connection: Connection, lot_id: str, count: int, mine: dict[str, Any]) -> list[str]:
    """Serial numbers that were given back."""
    query = select(SERIALS.c.serial_key, SERIALS.c.serial).where(
        SERIALS.c.lot_id == lot_id, SERIALS.c.state == "free"
    )
    given = connection.execute(query.order_by(SERIALS.c.position).limit(count)).all()
    if given:
        keys = [row.serial_key for row in given]
        connection.execute(update(SERIALS).where(SERIALS.c.serial_key.in_(keys)).values(**mine))
    return [row.serial for row in given]


def _fresh(
    connection: Connection, lot: Row[Any], rule: SerialRule, count: int, mine: dict[str, Any]
) -> list[str]:
    """Serial numbers that nobody had yet."""
    found: list[tuple[int, str]] = []
    next_position = int(lot.next_position)
    for position, serial in _unused(connection, lot, rule) if count > 0 else ():
        found.append((position, serial))
        next_position = position + 1
        if len(found) == count:
            break
    if found:
        values = [
            {"serial_key": compared(serial), "serial": serial, "lot_id": lot.lot_id, "position": position}
            | {"attempts": 0, **mine}
            for position, serial in found
        ]
        connection.execute(insert(SERIALS), values)
        after = update(LOTS).where(LOTS.c.lot_id == lot.lot_id)
        connection.execute(after.values(next_position=next_position))
    return [serial for _, serial in found]


def _unused(connection: Connection, lot: Row[Any], rule: SerialRule) -> Iterator[tuple[int, str]]:
    """Positions from the lot's next one on that nobody uses, neither here nor in another lot."""
    assert rule.count is not None
    for first in range(int(lot.next_position), rule.count, _CHUNK):
        last = min(first + _CHUNK, rule.count) - 1
        serials = {position: rule.serial(position) for position in range(first, last + 1)}
        used = rows.existing(connection, list(serials.values()))
        yield from ((position, serial) for position, serial in serials.items() if serial not in used)


def held_by(connection: Connection, lot_id: str, holder: str) -> list[str]:
    """Serial numbers that are reserved for a station's own file, in order."""
    query = select(SERIALS.c.serial).where(
        SERIALS.c.lot_id == lot_id, SERIALS.c.state == "reserved", SERIALS.c.holder == holder
    )
    return list(connection.scalars(query.order_by(SERIALS.c.position)))


def release(connection: Connection, lot_id: str, serials: list[str], holder: str) -> int:
    """Takes reserved serial numbers back; how many it were."""
    rows.lot(connection, lot_id, lock=True)
    mine = (SERIALS.c.lot_id == lot_id, SERIALS.c.state == "reserved", SERIALS.c.holder == holder)
    free = {"state": "free", "station": None, "holder": None, "changed_at": rows.utc_now()}
    keys = [compared(serial) for serial in serials]
    done = connection.execute(update(SERIALS).where(*mine, SERIALS.c.serial_key.in_(keys)).values(**free))
    rows.change_taken(connection, lot_id, -done.rowcount)
    return int(done.rowcount)


def withdraw(connection: Connection, lot_id: str, station: str) -> list[str]:
    """Ends all reservations of a station that will not come back.

    Their serial numbers are never handed out again, because that station may have used them; the place in
    the quantity is free.
    """
    rows.lot(connection, lot_id, lock=True)
    query = select(SERIALS.c.serial_key, SERIALS.c.serial).where(
        SERIALS.c.lot_id == lot_id, SERIALS.c.state == "reserved", SERIALS.c.station == station
    )
    found = connection.execute(query).all()
    if found:
        keys = [row.serial_key for row in found]
        gone = {"state": "withdrawn", "changed_at": rows.utc_now(), "note": f"withdrawn from {station}"}
        connection.execute(update(SERIALS).where(SERIALS.c.serial_key.in_(keys)).values(**gone))
        rows.change_taken(connection, lot_id, -len(found))
    return [row.serial for row in found]
