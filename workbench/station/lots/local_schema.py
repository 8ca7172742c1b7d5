"""Tables of the station's own file, and how it is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final, Protocol
from uuid import uuid4

from workbench.station.lots.errors import LocalStoreUnusable

VERSION: Final = 2
_TABLES: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE lots (lot TEXT PRIMARY KEY, rule_sha256 TEXT NOT NULL)",
    """CREATE TABLE reserve (
        n INTEGER PRIMARY KEY AUTOINCREMENT, serial_key TEXT NOT NULL UNIQUE, serial TEXT NOT NULL,
        lot TEXT NOT NULL, given_by TEXT, given_token TEXT)""",
    """CREATE TABLE units (
        serial_key TEXT PRIMARY KEY, serial TEXT NOT NULL, lot TEXT NOT NULL, state TEXT NOT NULL,
        run_id TEXT NOT NULL, slot TEXT NOT NULL, operator TEXT, attempt INTEGER NOT NULL,
        process TEXT NOT NULL, hold TEXT NOT NULL, began REAL NOT NULL,
        finished TEXT NOT NULL, during TEXT, irreversible INTEGER NOT NULL, failed INTEGER NOT NULL,
        facts TEXT NOT NULL, chip_id TEXT)""",
    """CREATE TABLE outbox (
        n INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL UNIQUE, serial_key TEXT NOT NULL,
        lot TEXT NOT NULL, attempt TEXT NOT NULL)""",
    "CREATE INDEX outbox_serial_key ON outbox (serial_key)",
)
_SINCE_1: Final = (
    """CREATE TABLE unseen (
        serial_key TEXT PRIMARY KEY, run_id TEXT NOT NULL, attempt INTEGER NOT NULL, result TEXT NOT NULL)""",
)


class Write(Protocol):
    """Carries out a statement in the transaction that is open."""

    def __call__(self, query: str, *values: object) -> sqlite3.Cursor:
        """The statement's cursor."""
        ...


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Makes the tables where they are not there yet, whoever else does so now.

    Raises LocalStoreUnusable for a file of a newer workbench, and sqlite3.Error.
    """
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    if _version(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _version(connection)
        if found > VERSION:
            raise LocalStoreUnusable(
                f"{path} was made by a newer workbench", action="update this workbench, or move the file away"
            )
        if found < VERSION:
            for table in (*(_TABLES if found == 0 else ()), *_SINCE_1):
                connection.execute(table)
            if found == 0:
                connection.execute("INSERT INTO meta VALUES ('id', ?), ('version', '0')", (uuid4().hex,))
            connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
