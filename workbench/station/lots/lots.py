"""Lots in the database that all stations share: who may make which unit, and what came of it.

    lots = Lots(open_engine(url), station="line-1", holder=store.id)
    lots.open_lot(lot)
    serials = lots.reserve(lot, 10)               # this station's now, whatever happens
    begun = lots.begin(lot, attempt)              # raises why not
    lots.finish([attempt])                          # idempotent by run ID
    lots.stats("LOT-7"), lots.unit("SN-00018")

Every method is one transaction, on the disk when it returns; a lot's row is locked while its serial numbers
change hands, so that neither a number is handed out twice nor the quantity exceeded, however many stations
ask at once.  All methods raise DatabaseUnavailable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Engine, Row, insert, or_, select, update

from workbench.database.engine import library_errors
from workbench.identity.labels import compared
from workbench.identity.ledger.transactions import transact
from workbench.station.lots import attempts, reserving, rows
from workbench.station.lots.attempts import Who
from workbench.station.lots.errors import (
    LotClosed,
    LotDiffers,
    SerialInWork,
    SerialUnknown,
    UnitNotPassed,
    UnitShipped,
)
from workbench.station.lots.tables import ATTEMPTS, LOTS, SERIALS
from workbench.station.lots.tally import stats_of
from workbench.station.lots.values import (
    Attempt,
    AttemptRow,
    Begun,
    LotRow,
    LotStats,
    SerialState,
    UnitHistory,
    UnitRow,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from workbench.station.lots.lot_file import Lot
    from workbench.station.lots.serials import SerialRule

MAX_ROWS: Final = 10_000
LEASE_S: Final = 3600.0
"""How long a unit in work is its station's, where nothing else is said."""


class Lots:
    """The lots in one database, as one station works with them."""

    def __init__(self, engine: Engine, station: str = "", holder: str | None = None) -> None:
        """`holder`: ID of the station's own file, for which numbers are reserved; default: its name."""
        self._engine = engine
        self._who = Who(station=station, holder=holder or f"station:{station}")

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    def ping(self) -> None:
        """Returns where the database answers."""
        with library_errors(self._engine.url), self._engine.connect() as connection:
            connection.execute(select(1))

    # --- lots ---------------------------------------------------------------------------------------------

    def open_lot(self, lot: Lot, *, amend: bool = False) -> LotRow:
        """The lot, made where it is not there yet.  `amend`: its quantity may change, and a closed one opens.

        Raises LotDiffers where it was opened with another content, LotClosed.
        """
        return transact(self._engine, lambda connection: self._open(connection, lot, amend))

    def close_lot(self, lot_id: str) -> LotRow:
        """No further unit begins; those in work end as they do.  Raises LotUnknown."""

        def work(connection: Connection) -> LotRow:
            if rows.lot(connection, lot_id, lock=True).state == "open":
                closed = {"state": "closed", "closed_at": rows.utc_now()}
                connection.execute(update(LOTS).where(LOTS.c.lot_id == lot_id).values(**closed))
            return rows.lot_row(rows.lot(connection, lot_id))

        return transact(self._engine, work)

    def lots(self, limit: int = 100) -> list[LotRow]:
        """The newest first."""
        query = select(LOTS).order_by(LOTS.c.opened_at.desc(), LOTS.c.lot_id).limit(_bounded(limit))
        with library_errors(self._engine.url), self._engine.connect() as connection:
            return [rows.lot_row(row) for row in connection.execute(query)]

    def lot(self, lot_id: str) -> LotRow:
        """Raises LotUnknown."""
        with library_errors(self._engine.url), self._engine.connect() as connection:
            return rows.lot_row(rows.lot(connection, lot_id))

    def stats(self, lot_id: str) -> LotStats:
        """How far the lot is, from one query.  Raises LotUnknown."""
        with library_errors(self._engine.url), self._engine.connect() as connection:
            return stats_of(connection, lot_id)

    # --- serial numbers -----------------------------------------------------------------------------------

    def reserve(self, lot: Lot, count: int) -> list[str]:
        """Up to `count` serial numbers, at least one, held for this station.

        Raises LotUnknown, LotClosed, LotFull, NoSerialsToGive, SerialsExhausted.
        """
        who = self._who

        def work(connection: Connection) -> list[str]:
            rows.seen(connection, who.station)
            return reserving.reserve(
                connection, lot.id, lot.rule, max(1, count), station=who.station, holder=who.holder
            )

        return transact(self._engine, work)

    def held(self, lot_id: str) -> list[str]:
        """Serial numbers that are reserved for this station."""
        with library_errors(self._engine.url), self._engine.connect() as connection:
            return reserving.held_by(connection, lot_id, self._who.holder)

    def release(self, lot_id: str, serials: Sequence[str]) -> int:
        """Gives reserved serial numbers back; how many of them were this station's.  Raises LotUnknown."""
        return transact(self._engine, lambda c: reserving.release(c, lot_id, list(serials), self._who.holder))

    def withdraw(self, lot_id: str, station: str) -> list[str]:
        """Ends the reservations of a station that will not come back, for ever.  Raises LotUnknown."""
        return transact(self._engine, lambda c: reserving.withdraw(c, lot_id, station))

    # --- units --------------------------------------------------------------------------------------------

    def admit(self, lot: Lot, serial: str) -> Begun:
        """What `begin` would say of that serial number at this moment; changes nothing."""
        wish = _wish(lot, serial)

        def work(connection: Connection) -> Begun:
            return attempts.begin(connection, wish, lot.rule, self._who, lease_s=0, look_only=True)

        return transact(self._engine, work)

    def begin(self, lot: Lot, wish: Attempt, *, lease_s: float = LEASE_S) -> Begun:
        """Admits a unit for the run of `wish`, whose verdict and times of its end do not count.

        For `lease_s` no other station may begin it.  Idempotent by run ID.

        Raises LotUnknown, LotClosed, LotFull, SerialDuplicate, SerialInWork, SerialReserved, SerialWrongLot,
        UnitShipped, UnitScrapped.
        """

        def work(connection: Connection) -> Begun:
            return attempts.begin(connection, wish, lot.rule, self._who, lease_s=lease_s)

        return transact(self._engine, work)

    def finish(self, ended: Iterable[Attempt], rule: SerialRule | None = None) -> list[str]:
        """Takes in attempts, in one transaction; those that are known do nothing.  `rule`: of their lot.

        Returns the conflicts, in words: attempts that are kept, but do not change their unit.
        Raises LotUnknown.
        """
        told = list(ended)

        def work(connection: Connection) -> list[str]:
            found = [(one, attempts.finish(connection, one, rule, self._who)) for one in told]
            return [f"{one.serial}, run {one.run_id[:8]}: {why}" for one, why in found if why is not None]

        return transact(self._engine, work)

    def ship(self, serial: str) -> UnitRow:
        """The unit leaves.  Raises SerialUnknown, UnitNotPassed, UnitShipped."""

        def work(connection: Connection) -> UnitRow:
            lot, row = _locked(connection, serial)
            if row.state == "shipped":
                raise UnitShipped(f"unit {row.serial} was shipped already")
            if row.state != "passed":
                raise UnitNotPassed(f"unit {row.serial} is {row.state}")
            rows.put(connection, row, row.serial, lot, "shipped")
            return rows.unit_row(_row(connection, serial))

        return transact(self._engine, work)

    def scrap(self, serial: str, reason: str) -> UnitRow:
        """The unit is thrown away and its serial number used up.

        Raises SerialUnknown, SerialInWork, UnitShipped.
        """

        def work(connection: Connection) -> UnitRow:
            lot, row = _locked(connection, serial)
            if row.state == "shipped":
                raise UnitShipped(f"unit {row.serial} was shipped")
            known = rows.known(connection, row)
            if known is not None and known.state == "in-work" and known.leased:
                raise SerialInWork(f"unit {row.serial} is in work at station {row.station}")
            rows.put(connection, row, row.serial, lot, "scrapped", note=reason)
            return rows.unit_row(_row(connection, serial))

        return transact(self._engine, work)

    def readmit(self, serial: str, reason: str, *, lot_id: str | None = None) -> UnitRow:
        """A unit that was done with may be begun again, in its own lot or in another one (a repair).

        Raises SerialUnknown, SerialInWork, LotUnknown, LotClosed, LotFull.
        """

        def work(connection: Connection) -> UnitRow:
            attempts.readmit(connection, serial, lot_id, reason)
            return rows.unit_row(_row(connection, serial))

        return transact(self._engine, work)

    def unit(self, serial: str) -> UnitHistory:
        """The unit with all that was tried with it.  Raises SerialUnknown."""
        with library_errors(self._engine.url), self._engine.connect() as connection:
            row = _row(connection, serial)
            tried = attempts.attempts_of(connection, row.serial_key) if row.attempts else []
            return UnitHistory(
                unit=rows.unit_row(row), attempts=tuple(rows.attempt_row(one) for one in tried)
            )

    def units(self, lot_id: str, *, states: Sequence[SerialState] = (), limit: int = 1000) -> list[UnitRow]:
        """Units of a lot, the last changed first."""
        query = select(SERIALS).where(SERIALS.c.lot_id == lot_id)
        if states:
            query = query.where(SERIALS.c.state.in_(list(states)))
        query = query.order_by(SERIALS.c.changed_at.desc(), SERIALS.c.serial_key).limit(_bounded(limit))
        with library_errors(self._engine.url), self._engine.connect() as connection:
            return [rows.unit_row(row) for row in connection.execute(query)]

    def search(self, text: str, limit: int = 100) -> list[UnitRow]:
        """Units whose chip ID or key's fingerprint is `text`, or whose serial number begins so."""
        key = compared(text)
        after = key[:-1] + chr(ord(key[-1]) + 1) if key else ""
        begins = (SERIALS.c.serial_key >= key) & (SERIALS.c.serial_key < after)
        chip = SERIALS.c.chip_id == text.strip().lower()
        query = select(SERIALS).where(or_(begins, chip, SERIALS.c.fingerprint == text.strip().lower()))
        query = query.order_by(SERIALS.c.serial_key).limit(_bounded(limit))
        with library_errors(self._engine.url), self._engine.connect() as connection:
            return [rows.unit_row(row) for row in connection.execute(query)] if key else []

    def attempts(self, lot_id: str, limit: int = MAX_ROWS) -> list[AttemptRow]:
        """Attempts of a lot, the newest first."""
        query = select(ATTEMPTS).where(ATTEMPTS.c.lot_id == lot_id)
        query = query.order_by(ATTEMPTS.c.started_at.desc(), ATTEMPTS.c.run_id).limit(_bounded(limit))
        with library_errors(self._engine.url), self._engine.connect() as connection:
            return [rows.attempt_row(row) for row in connection.execute(query)]

    def _open(self, connection: Connection, lot: Lot, amend: bool) -> LotRow:
        found = connection.execute(select(LOTS).where(LOTS.c.lot_id == lot.id).with_for_update()).first()
        if found is None:
            connection.execute(insert(LOTS).values(**_fresh_lot(lot, self._who.station)))
            return rows.lot_row(rows.lot(connection, lot.id))
        if found.rule_sha256 != lot.rule_sha256:
            raise LotDiffers(f"lot {lot.id} was opened with other serial numbers: {found.rule_words}")
        if amend:
            values = {"quantity": lot.quantity, "state": "open", "closed_at": None}
            connection.execute(update(LOTS).where(LOTS.c.lot_id == lot.id).values(**values))
            return rows.lot_row(rows.lot(connection, lot.id))
        if found.quantity != lot.quantity:
            raise LotDiffers(f"lot {lot.id} was opened with quantity {found.quantity}, not {lot.quantity}")
        if found.state != "open":
            raise LotClosed(f"lot {lot.id} was closed")
        return rows.lot_row(found)


def _fresh_lot(lot: Lot, station: str) -> dict[str, object]:
    counts = ("next_position", "taken", "moved_passed", "moved_judged", "moved_first_pass")
    return {
        "lot_id": lot.id,
        "recipe": lot.recipe,
        "quantity": lot.quantity,
        "state": "open",
        "rule_sha256": lot.rule_sha256,
        "rule_words": lot.rule.words(),
        "gives": lot.rule.gives,
        "opened_at": rows.utc_now(),
        "opened_by": station,
        **dict.fromkeys(counts, 0),
    }


def _wish(lot: Lot, serial: str) -> Attempt:
    """As much of an attempt as an admission needs."""
    moment = rows.utc_now()
    return Attempt(
        run_id="", serial=serial, lot=lot.id, verdict="STOPPED", started_at=moment, finished_at=moment
    )


def _row(connection: Connection, serial: str) -> Row[Any]:
    found = rows.serial(connection, serial)
    if found is None:
        raise SerialUnknown(f"no unit has the serial number {serial[:64]!r}")
    return found


def _locked(connection: Connection, serial: str) -> tuple[Row[Any], Row[Any]]:
    """Lot and unit, locked in this order as everywhere."""
    lot = rows.lot(connection, _row(connection, serial).lot_id, lock=True)
    found = rows.serial(connection, serial, lock=True)
    if found is None or found.lot_id != lot.lot_id:
        raise SerialUnknown(f"unit {serial[:64]!r} has changed its lot at this moment")
    return lot, found


def _bounded(limit: int) -> int:
    return max(0, min(limit, MAX_ROWS))
