"""Beginning a unit and taking in what came of it, inside a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from workbench.identity.labels import compared
from workbench.station.lots import lease_clock, rows
from workbench.station.lots.deciding import TAKES, Ask, Ended, outcome, refusal
from workbench.station.lots.errors import LotClosed, LotFull, LotUnknown, SerialInWork, SerialUnknown
from workbench.station.lots.serials import SerialRule
from workbench.station.lots.tables import ATTEMPTS, LOTS, SERIALS
from workbench.station.lots.values import Attempt, Begun, SerialState

RUN_DIED: Final = "station-died"
"""Error code of an attempt whose run ended without a word, as its record has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """A station and its own file."""

    station: str
    holder: str


def begin(
    connection: Connection,
    wish: Attempt,
    rule: SerialRule,
    who: Who,
    *,
    lease_s: float,
    look_only: bool = False,
) -> Begun:
    """Admits the unit for the run that `wish` names; raises why not.  `look_only`: changes nothing."""
    lot = rows.lot(connection, wish.lot, lock=not look_only)
    row = rows.serial(connection, wish.serial, lock=not look_only)
    known = rows.known(connection, row)
    ask = Ask(serial=wish.serial, lot=wish.lot, holder=who.holder, run_id=wish.run_id)
    refused = refusal(ask, known, is_open=lot.state == "open", room=rows.has_room(lot))
    if refused is not None:
        raise refused
    earlier: SerialState = "free" if known is None else known.state
    number = 1 if row is None else row.attempts + 1
    if known is not None and known.state == "in-work" and known.run_id == wish.run_id:
        return Begun(serial=known.serial, lot=wish.lot, attempt=row.attempts if row else 1, earlier="in-work")
    if not look_only:
        _begin(connection, wish, rule, who, lot, row, number, lease_s)
    return Begun(serial=wish.serial, lot=wish.lot, attempt=number, earlier=earlier)


def _begin(
    connection: Connection,
    wish: Attempt,
    rule: SerialRule,
    who: Who,
    lot: Row[Any],
    row: Row[Any] | None,
    number: int,
    lease_s: float,
) -> None:
    moment = lease_clock.now(connection)
    position = {"position": rule.position(wish.serial)} if row is None else {}
    rows.put(
        connection,
        row,
        wish.serial,
        lot,
        "in-work",
        station=who.station,
        holder=who.holder,
        run_id=wish.run_id,
        lease_epoch=moment.epoch,
        lease_until=moment.seconds + lease_s,
        attempts=number,
        **position,
    )
    dead = {"verdict": "ERROR", "error_code": RUN_DIED, "finished_at": rows.utc_now()}
    silent = (ATTEMPTS.c.serial_key == compared(wish.serial), ATTEMPTS.c.verdict.is_(None))
    connection.execute(update(ATTEMPTS).where(*silent).values(**dead))
    rows.insert_attempt(connection, wish, number, who.station, {})
    rows.seen(connection, who.station)


def finish(connection: Connection, told: Attempt, rule: SerialRule | None, who: Who) -> str | None:
    """Takes in an attempt that has ended; the conflict that it makes, if any.  Idempotent by run ID."""
    lot = rows.lot(connection, told.lot, lock=True)
    begun = rows.attempt(connection, told.run_id)
    if begun is not None and begun.verdict is not None and begun.error_code != RUN_DIED:
        return None
    row = rows.serial(connection, told.serial, lock=True)
    ended = Ended(
        lot=told.lot,
        holder=who.holder,
        run_id=told.run_id,
        verdict=told.verdict,
        unannounced=begun is None,
    )
    result = outcome(ended, rows.known(connection, row), room=rows.has_room(lot))
    is_first = row is None or row.first_verdict is None
    first_pass = result.state is not None and is_first and told.verdict == "PASS"
    values = rows.end_values(told, first_pass=first_pass, conflict=result.conflict)
    number = begun.number if begun is not None else (0 if row is None else row.attempts) + 1
    if begun is None:
        rows.insert_attempt(connection, told, number, who.station, values)
    else:
        connection.execute(update(ATTEMPTS).where(ATTEMPTS.c.run_id == told.run_id).values(**values))
    counted = {"attempts": number if row is None else max(number, row.attempts)}
    if result.state is not None:
        found = counted | _found(told, row, rule, who, is_first=is_first)
        rows.put(connection, row, told.serial, lot, result.state, **found)
    elif row is not None:
        connection.execute(update(SERIALS).where(SERIALS.c.serial_key == row.serial_key).values(**counted))
    rows.seen(connection, who.station)
    return result.conflict


def _found(
    told: Attempt, row: Row[Any] | None, rule: SerialRule | None, who: Who, *, is_first: bool
) -> dict[str, Any]:
    """What the attempt adds to its unit."""
    found: dict[str, Any] = {"lease_epoch": None, "lease_until": None, "run_id": told.run_id}
    found |= {"station": who.station, "holder": who.holder}
    found |= {"first_verdict": told.verdict} if is_first and told.verdict in ("PASS", "FAIL") else {}
    found |= {"position": rule.position(told.serial)} if row is None and rule is not None else {}
    named = {"chip_id": told.chip_id, "fingerprint": told.fingerprint}
    return found | {key: value for key, value in named.items() if value}


def readmit(connection: Connection, serial: str, lot_id: str | None, reason: str) -> None:
    """Lets a unit that was done with be begun again, in its lot or in another one.

    Raises SerialUnknown, SerialInWork, LotUnknown, LotClosed, LotFull.
    """
    row = rows.serial(connection, serial)
    if row is None or row.state in ("free", "reserved", "withdrawn"):
        raise SerialUnknown(f"no unit {serial[:64]!r} was ever begun")
    locked = {
        name: rows.lot(connection, name, lock=True) for name in sorted({row.lot_id, lot_id or row.lot_id})
    }
    row = rows.serial(connection, serial, lock=True)
    assert row is not None
    known = rows.known(connection, row)
    if known is not None and known.state == "in-work" and known.leased:
        raise SerialInWork(f"unit {row.serial} is in work at station {row.station}")
    lot = locked.get(lot_id or row.lot_id)
    if lot is None:
        raise LotUnknown(f"unit {row.serial} has changed its lot at this moment")
    if lot.state != "open":
        raise LotClosed(f"lot {lot.lot_id} is closed")
    is_other = lot.lot_id != row.lot_id
    if not rows.has_room(lot) and (is_other or row.state not in TAKES):
        raise LotFull(f"lot {lot.lot_id} has all its units")
    if is_other:
        _leave(connection, row, locked[row.lot_id])
        rows.change_taken(connection, lot.lot_id, 1)
        moved: dict[str, Any] = {"lot_id": lot.lot_id, "position": None, "first_verdict": None}
        changed = {"state": "unfinished", "note": reason, "changed_at": rows.utc_now(), **moved}
        connection.execute(update(SERIALS).where(SERIALS.c.serial_key == row.serial_key).values(**changed))
    else:
        rows.put(connection, row, row.serial, lot, "unfinished", note=reason)


def _leave(connection: Connection, row: Row[Any], old: Row[Any]) -> None:
    """What the unit was in its old lot stays counted there."""
    has_passed = row.state in ("passed", "shipped")
    tally = {
        "moved_passed": old.moved_passed + int(has_passed),
        "moved_judged": old.moved_judged + int(row.first_verdict is not None),
        "moved_first_pass": old.moved_first_pass + int(row.first_verdict == "PASS"),
    }
    connection.execute(update(LOTS).where(LOTS.c.lot_id == old.lot_id).values(**tally))
    if row.state in TAKES and not has_passed:
        rows.change_taken(connection, old.lot_id, -1)


def attempts_of(connection: Connection, serial_key: str) -> list[Row[Any]]:
    """All attempts with a unit, the oldest first."""
    query = select(ATTEMPTS).where(ATTEMPTS.c.serial_key == serial_key)
    return list(connection.execute(query.order_by(ATTEMPTS.c.number, ATTEMPTS.c.started_at)))
