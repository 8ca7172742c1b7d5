"""The station's own file, `.workbench/line.sqlite`: reserved serial numbers, how far each unit is, and what
the shared database must still be told.  What a method wrote survives a power cut once it returns.

Several processes of one bench use the file at once; one object of this class serves several threads.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

from workbench.boards.lease_files import boot_id, is_there, pid_space, this_process
from workbench.boards.lease_record import Process
from workbench.identity.labels import compared
from workbench.settings import STATE_FOLDER
from workbench.station.lots import local_schema as schema
from workbench.station.lots.errors import LocalStoreDamaged, LocalStoreUnusable, SerialInWork
from workbench.station.lots.local_unit import Hold, LocalUnit
from workbench.station.lots.outbox import decode, encode
from workbench.station.lots.values import Attempt

BUSY_S: Final = 30.0
_THERE: Final = (
    "WHERE lot = ? AND given_by IS NULL "
    "AND serial_key NOT IN (SELECT serial_key FROM units WHERE state = 'in-work')"
)
"""Serial numbers of a lot that may be given out: not those that a run had claimed when it died."""


def local_path(bench_folder: Path) -> Path:
    """Where the bench whose file lies in `bench_folder` keeps it."""
    return bench_folder / STATE_FOLDER / "line.sqlite"


class LocalStore:
    """The file, open.  All methods raise LocalStoreUnusable, LocalStoreDamaged."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Use `open`."""
        self.path = path
        self._connection = connection
        self._lock = threading.RLock()
        self._token = uuid4().hex
        self._process = process_name()
        self.id = self._meta("id")
        """Names this file to the shared database: what it reserved, nobody else gets."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """The file, made if it is not there."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalStoreUnusable(f"{path.parent} cannot be made: {error.strerror}") from error
        with _library_errors(path):
            connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            try:
                connection.row_factory = sqlite3.Row
                schema.prepare(connection, path)
                return cls(path, connection)
            except BaseException:
                connection.close()
                raise

    def close(self) -> None:
        """What this object gave out and nobody began is free again."""
        with self._lock:
            try:
                with self._writing() as write:
                    write(
                        "UPDATE reserve SET given_by = NULL, given_token = NULL WHERE given_token = ?",
                        self._token,
                    )
            except LocalStoreUnusable:
                pass  # its process ends, which frees them as well
            self._connection.close()

    # --- reserve ------------------------------------------------------------------------------------------

    def pop(self, lot: str) -> str | None:
        """The next serial number of the reserve, given out to this process; None where there is none."""
        with self._writing() as write:
            self._free_dead(write, lot)
            found = write(
                f"SELECT serial_key, serial FROM reserve {_THERE} ORDER BY n LIMIT 1", lot
            ).fetchone()
            if found is None:
                return None
            write(
                "UPDATE reserve SET given_by = ?, given_token = ? WHERE serial_key = ?",
                self._process, self._token, found["serial_key"],
            )  # fmt: skip
            return str(found["serial"])

    def put_back(self, serial: str) -> None:
        """A serial number that was given out is not used."""
        with self._writing() as write:
            write(
                "UPDATE reserve SET given_by = NULL, given_token = NULL WHERE serial_key = ?",
                compared(serial),
            )

    def in_reserve(self, lot: str) -> int:
        """How many serial numbers nobody was given."""
        with self._writing() as write:
            self._free_dead(write, lot)
            return int(write(f"SELECT count(*) FROM reserve {_THERE}", lot).fetchone()[0])

    def is_reserved(self, lot: str, serial: str) -> bool:
        """Whether it is in the reserve, given out or not."""
        query = "SELECT 1 FROM reserve WHERE lot = ? AND serial_key = ?"
        return self._read(query, lot, compared(serial)).fetchone() is not None

    def version(self) -> int:
        """Grows when a unit is begun and when the shared database was told: see `add_reserve`."""
        return int(self._meta("version"))

    def add_reserve(self, lot: str, serials: Sequence[str], *, version: int | None = None) -> bool:
        """Puts serial numbers that the shared database reserved for this file into the reserve.

        `version`: the one of before they were looked up; False, and nothing is added, where it is another one
        now, for then one of them may have been used meanwhile.
        """
        with self._writing() as write:
            if version is not None and self.version() != version:
                return False
            for serial in serials:
                known = write("SELECT 1 FROM units WHERE serial_key = ?", compared(serial)).fetchone()
                if known is None:
                    write(
                        "INSERT OR IGNORE INTO reserve (serial_key, serial, lot) VALUES (?, ?, ?)",
                        compared(serial), serial, lot,
                    )  # fmt: skip
        return True

    def empty_reserve(self, lot: str) -> list[str]:
        """Takes out all serial numbers that nobody was given."""
        with self._writing() as write:
            self._free_dead(write, lot)
            gone = write(f"DELETE FROM reserve {_THERE} RETURNING serial", lot)
            return [str(row["serial"]) for row in gone.fetchall()]

    def _free_dead(self, write: schema.Write, lot: str) -> None:
        given = write("SELECT DISTINCT given_by FROM reserve WHERE lot = ? AND given_by IS NOT NULL", lot)
        for row in given.fetchall():
            if not is_alive(row["given_by"]):
                write(
                    "UPDATE reserve SET given_by = NULL, given_token = NULL WHERE lot = ? AND given_by = ?",
                    lot, row["given_by"],
                )  # fmt: skip

    # --- units --------------------------------------------------------------------------------------------

    def unit(self, serial: str) -> LocalUnit | None:
        """What this station knows of a unit that has not passed, or that nobody was told of yet."""
        row = self._read("SELECT * FROM units WHERE serial_key = ?", compared(serial)).fetchone()
        return None if row is None else LocalUnit.of(row)

    def units(self) -> list[LocalUnit]:
        """All of them, the last begun first."""
        return [LocalUnit.of(row) for row in self._read("SELECT * FROM units ORDER BY began DESC").fetchall()]

    def claim(self, unit: LocalUnit) -> LocalUnit | None:
        """The unit is this process's now; what was known of it before.

        How far an earlier run came is kept.  Raises SerialInWork where another process works on it.
        """
        with self._writing() as write:
            before = self.unit(unit.serial)
            if before is not None:
                self._refuse_living(before)
                unit = unit.after(before)
            self._put(write, unit)
            self._count(write)
            write("DELETE FROM unseen WHERE serial_key = ?", compared(unit.serial))
        return before

    def confirm(self, unit: LocalUnit) -> None:
        """The unit may be worked on: it leaves the reserve, and is kept as given."""
        with self._writing() as write:
            write("DELETE FROM reserve WHERE serial_key = ?", compared(unit.serial))
            kept = self.unit(unit.serial)
            self._put(write, unit if kept is None else unit.after(kept))

    def unclaim(self, serial: str, before: LocalUnit | None) -> None:
        """The unit may not be worked on: what was known of it before is known again."""
        with self._writing() as write:
            if before is None or (before.state == "in-work" and not before.has_progress):
                write("DELETE FROM units WHERE serial_key = ?", compared(serial))
            else:
                self._put(write, before)

    def step_began(
        self, serial: str, step: str, *, irreversible: bool, facts: Mapping[str, Any], chip_id: str | None
    ) -> None:
        """The step is about to be done."""
        values = {"during": step, "irreversible": int(irreversible), "failed": 0, "chip_id": chip_id}
        self._change(serial, facts=json.dumps(dict(facts)), **values)

    def step_failed(self, serial: str, step: str, facts: Mapping[str, Any]) -> None:
        """The step ended in another verdict than PASS."""
        self._change(serial, during=step, failed=1, facts=json.dumps(dict(facts)))

    def _change(self, serial: str, **values: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        with self._writing() as write:
            write(f"UPDATE units SET {names} WHERE serial_key = ?", *values.values(), compared(serial))

    def step_finished(self, serial: str, step: str, facts: Mapping[str, Any]) -> None:
        """The step is added to those that are finished."""
        with self._writing() as write:
            unit = self.unit(serial)
            if unit is not None:
                finished = json.dumps([*(done for done in unit.finished if done != step), step])
                write(
                    "UPDATE units SET finished = ?, during = NULL, irreversible = 0, failed = 0, facts = ? "
                    "WHERE serial_key = ?",
                    finished, json.dumps(dict(facts)), compared(serial),
                )  # fmt: skip

    def forget(self, serial: str) -> None:
        """No step of the unit counts as finished any more."""
        none = {"during": None, "irreversible": 0, "failed": 0, "chip_id": None}
        self._change(serial, finished="[]", facts="{}", **none)

    def _refuse_living(self, unit: LocalUnit) -> None:
        if unit.state == "in-work" and unit.process != self._process and is_alive(unit.process):
            raise SerialInWork(f"unit {unit.serial} is in work in slot {unit.slot} of this bench")

    def _put(self, write: schema.Write, unit: LocalUnit) -> None:
        values = unit.columns()
        marks = ", ".join("?" * len(values))
        write(f"INSERT OR REPLACE INTO units ({', '.join(values)}) VALUES ({marks})", *values.values())

    # --- outbox -------------------------------------------------------------------------------------------

    def finish(self, attempt: Attempt, *, seen: bool = True) -> None:
        """The run has ended; kept until the shared database was told.  `seen`: somebody learns of it."""
        with self._writing() as write:
            write(
                "INSERT OR IGNORE INTO outbox (run_id, serial_key, lot, attempt) VALUES (?, ?, ?, ?)",
                attempt.run_id, compared(attempt.serial), attempt.lot, encode(attempt),
            )  # fmt: skip
            unit = self.unit(attempt.serial)
            if unit is None or unit.run_id != attempt.run_id or unit.state != "in-work":
                return
            if not seen:
                write(
                    "INSERT OR REPLACE INTO unseen (serial_key, run_id, attempt, result) VALUES (?, ?, ?, ?)",
                    compared(attempt.serial), attempt.run_id, unit.attempt, encode(attempt),
                )  # fmt: skip
            state = "passed" if attempt.verdict == "PASS" else "ended"
            write("UPDATE units SET state = ? WHERE serial_key = ?", state, compared(attempt.serial))

    def unseen(self) -> list[tuple[int, Attempt]]:
        """Runs whose end nobody saw, with the attempt's number; damaged ones are left out."""
        found = []
        for row in self._read("SELECT attempt, result FROM unseen").fetchall():
            with suppress(ValueError, TypeError, KeyError):
                found.append((int(row["attempt"]), decode(row["result"])))
        return found

    def saw(self) -> None:
        """Ends that nobody saw were shown; units that are to be gone on with are shown again."""
        with self._writing() as write:
            for _number, attempt in self.unseen():
                if attempt.verdict in ("PASS", "FAIL"):
                    write("DELETE FROM unseen WHERE run_id = ?", attempt.run_id)

    def take_waiting(self) -> list[Attempt]:
        """What the shared database is told now, the oldest first; nothing of units that are in work.

        From here on their units may be others': without the database they are not begun again.
        """
        query = (
            "SELECT attempt, serial_key FROM outbox WHERE serial_key NOT IN "
            "(SELECT serial_key FROM units WHERE state = 'in-work') ORDER BY n"
        )
        with self._writing() as write:
            found = write(query).fetchall()
            for key in {row["serial_key"] for row in found}:
                write("UPDATE units SET hold = ? WHERE serial_key = ?", Hold().text(), key)
        try:
            return [decode(row["attempt"]) for row in found]
        except (ValueError, TypeError, KeyError) as error:
            raise LocalStoreDamaged(f"{self.path} holds a result that cannot be read: {error}") from error

    def waits(self, serial: str | None = None) -> bool:
        """Whether the shared database must still be told of a unit, or of any."""
        if serial is None:
            return self._read("SELECT 1 FROM outbox LIMIT 1").fetchone() is not None
        query = "SELECT 1 FROM outbox WHERE serial_key = ?"
        return self._read(query, compared(serial)).fetchone() is not None

    def all_waiting(self) -> int:
        """How many results the shared database does not have yet."""
        return int(self._read("SELECT count(*) FROM outbox").fetchone()[0])

    def told(self, attempts: Sequence[Attempt]) -> None:
        """The shared database has them; a unit that it knows to have passed is forgotten here."""
        with self._writing() as write:
            for attempt in attempts:
                write("DELETE FROM outbox WHERE run_id = ?", attempt.run_id)
            for key in {compared(attempt.serial) for attempt in attempts}:
                left = write("SELECT 1 FROM outbox WHERE serial_key = ?", key).fetchone()
                if left is None:
                    write("DELETE FROM units WHERE serial_key = ? AND state = 'passed'", key)
            self._count(write)

    # --- lots ---------------------------------------------------------------------------------------------

    def remember_lot(self, lot: str, rule_sha256: str) -> None:
        """The shared database has opened the lot."""
        with self._writing() as write:
            write("INSERT OR REPLACE INTO lots (lot, rule_sha256) VALUES (?, ?)", lot, rule_sha256)

    def knows_lot(self, lot: str, rule_sha256: str) -> bool:
        """Whether the lot was opened here with that content."""
        query = "SELECT 1 FROM lots WHERE lot = ? AND rule_sha256 = ?"
        return self._read(query, lot, rule_sha256).fetchone() is not None

    # --- the file -----------------------------------------------------------------------------------------

    def _meta(self, key: str) -> str:
        return str(self._read("SELECT value FROM meta WHERE key = ?", key).fetchone()["value"])

    def _count(self, write: schema.Write) -> None:
        write("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'version'")

    def _read(self, query: str, *values: object) -> sqlite3.Cursor:
        with self._lock, _library_errors(self.path):
            return self._connection.execute(query, values)

    @contextmanager
    def _writing(self) -> Iterator[schema.Write]:
        """A transaction, on the disk when the body ends; nothing of it where the body raises."""

        def write(query: str, *values: object) -> sqlite3.Cursor:
            return self._connection.execute(query, values)

        with self._lock, _library_errors(self.path):
            write("BEGIN IMMEDIATE")
            try:
                yield write
                write("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    write("ROLLBACK")
                raise


def process_name() -> str:
    """This process, told apart from any other that ever ran."""
    return json.dumps(asdict(this_process()))


def is_alive(name: str) -> bool:
    """Whether the process of that name runs.  One of another container cannot be seen: it counts as dead."""
    try:
        process = Process(**json.loads(name))
    except (ValueError, TypeError):
        return False
    if process.boot_id != boot_id() or process.pid_space != pid_space():
        return False
    return is_there(process)


@contextmanager
def _library_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        words = str(error) or type(error).__name__
        if isinstance(error, sqlite3.OperationalError) or "full" in words:
            raise LocalStoreUnusable(f"{path} cannot be used: {words}") from error
        raise LocalStoreDamaged(f"{path} cannot be read: {words}") from error
