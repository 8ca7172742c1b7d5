"""Opens the database of records and ledger, and brings its tables to the form that this program knows.

SQLite and PostgreSQL differ here and nowhere else.  Library exceptions end here, as WorkbenchErrors.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from workbench.errors import Blame, InputError, WorkbenchError

REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005")
"""All revisions, oldest first; known here so that Alembic is loaded only when there is work for it."""
VERSION_TABLE: Final = "workbench_version"
"""Named so that the records may share a database with another program that uses Alembic."""
CONNECT_TIMEOUT_S: Final = 5
"""How long a server may take to let us in, whether nobody answers or somebody who says nothing."""
NETWORK: Final = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""After at most 25 seconds a network that swallows everything is noticed: by probes while we wait for an
answer, after 20 seconds (here in milliseconds) where what we sent is not acknowledged.
"""
LOCK_TIMEOUT_S: Final = 30
"""How long one process waits for another that migrates or writes."""
ANSWER_TIMEOUT_S: Final = 40.0
"""How long a server may be silent in a statement: longer than one that waits for a lock.  A URL may say
otherwise by `answer_timeout`, in seconds.
"""
_ANSWER_TIMEOUT: Final = "answer_timeout"
_ADVISORY_LOCK: Final = 0x776F726B62656E63
"""PostgreSQL lock that a migration holds: "workbenc" in ASCII."""
_WRITES: Final = "workbench_writes"
MAX_ENGINES: Final = 4
"""Databases that one process remembers how to talk to."""
_ENGINES_LOCK: Final = Lock()
_engines: Final[dict[URL, Engine]] = {}


class DatabaseUrlInvalid(InputError):
    """The database's URL cannot be used."""

    code = "database-url-invalid"
    default_cause = "a mistyped URL in WORKBENCH_DATABASE, or a kind of database that is not supported"
    default_action = "set WORKBENCH_DATABASE to sqlite:////path/to/file or postgresql://user@host/database"


class DatabaseUnavailable(WorkbenchError):
    """The database of records and ledger cannot be reached or used."""

    code = "database-unavailable"
    blame = Blame.STATION
    default_cause = "the server is down, the network is cut, or the file cannot be opened"
    default_action = "bring the database back; runs are kept in their journals and recorded later"


class DatabaseTooNew(WorkbenchError):
    """The database was made by a newer workbench."""

    code = "database-too-new"
    blame = Blame.STATION
    default_cause = "a newer workbench uses the same records"
    default_action = "update this workbench, or name another database in WORKBENCH_DATABASE"


def open_engine(url_text: str) -> Engine:
    """An engine for the records at `url_text`, its tables made or brought up to date.

    Raises DatabaseUrlInvalid, DatabaseUnavailable, DatabaseTooNew.
    """
    url = _url(url_text)
    with library_errors(url):
        engine = _known_engine(url)
        try:
            _bring_up_to_date(engine)
        except BaseException:
            engine.dispose()
            raise
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes, committed at the end.  On SQLite it takes the write lock at once, for a
    transaction that takes it later can be refused without waiting."""
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        yield connection


@contextmanager
def library_errors(url: URL) -> Iterator[None]:
    """Turns SQLAlchemy's and the drivers' exceptions into DatabaseUnavailable, without the password."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as exc:
        words = " ".join(str(getattr(exc, "orig", None) or exc).split())[:500]
        raise DatabaseUnavailable(f"the database {url.render_as_string()} cannot be used: {words}") from exc


def _url(url_text: str) -> URL:
    try:
        url = make_url(url_text)
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as exc:
        raise DatabaseUrlInvalid("the database's URL is not one", cause=type(exc).__name__) from exc
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise DatabaseUrlInvalid(f"{url.get_backend_name()} databases are not supported")
    if url.get_backend_name() == "postgresql":
        _answer_timeout_s(url.query)
    if url.get_backend_name() == "sqlite" and not _is_file(url):
        raise DatabaseUrlInvalid("records in memory would be lost", cause="an SQLite URL without a file")
    return url


def _answer_timeout_s(query: Mapping[str, Any]) -> float:
    """Longest silence that the query of a URL allows; raises DatabaseUrlInvalid."""
    told = query.get(_ANSWER_TIMEOUT, ANSWER_TIMEOUT_S)
    try:
        limit_s = float(told)
    except (TypeError, ValueError):
        limit_s = 0.0
    if not 1 <= limit_s <= 3600:
        raise DatabaseUrlInvalid(f"{_ANSWER_TIMEOUT} in the database's URL is not 1 to 3600 seconds")
    return limit_s


def _is_file(url: URL) -> bool:
    return bool(url.database) and url.database != ":memory:" and not str(url.database).startswith("file:")


def _known_engine(url: URL) -> Engine:
    """The engine that this process had for the URL before, once its connections are closed: it remembers the
    statements that it has put together.  A new one otherwise.
    """
    if url.get_backend_name() == "sqlite":
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    with _ENGINES_LOCK:
        engine = _engines.pop(url, None)
        if engine is None or not _is_closed(engine):
            engine = _engine(url)
        _engines[url] = engine
        if len(_engines) > MAX_ENGINES:
            del _engines[next(iter(_engines))]
    return engine


def _is_closed(engine: Engine) -> bool:
    """Whether it has no connection: one might lead to a file that was removed since."""
    pool = engine.pool
    return isinstance(pool, QueuePool) and pool.checkedin() == pool.checkedout() == 0


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        arguments: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "workbench"}
        arguments |= NETWORK
        arguments = {key: value for key, value in arguments.items() if key not in url.query}
        # The server may have been away since a connection was last used.
        engine = create_engine(url, connect_args=arguments, pool_pre_ping=True)
        event.listen(engine, "do_connect", _open_postgresql)
        event.listen(engine, "connect", _connect_postgresql)
        return engine
    engine = create_engine(url, connect_args={"timeout": LOCK_TIMEOUT_S})
    event.listen(engine, "connect", _connect_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connect_sqlite(driver: sqlite3.Connection, _record: object) -> None:
    for pragma in ("foreign_keys=ON", "synchronous=FULL"):
        driver.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _open_postgresql(_dialect: Dialect, _record: object, args: Sequence[Any], named: dict[str, Any]) -> Any:
    from workbench.database.answers import AnsweredConnection

    limit_s = _answer_timeout_s(named)
    connection = AnsweredConnection.connect(
        *args, **{name: value for name, value in named.items() if name != _ANSWER_TIMEOUT}
    )
    connection.answer_timeout_s = limit_s
    return connection


def _connect_postgresql(driver: Any, _record: object) -> None:
    """Once for all transactions.  A server may be set to answer a commit before it has written; not us."""
    with driver.cursor() as cursor:
        cursor.execute(
            f"SELECT set_config('lock_timeout', '{LOCK_TIMEOUT_S}s', false),"
            " set_config('synchronous_commit', 'on', false)"
        )
    driver.commit()


def _bring_up_to_date(engine: Engine) -> None:
    with engine.connect() as connection:
        if _version(connection) == REVISIONS[-1]:
            return
    if engine.dialect.name == "sqlite":
        _use_write_ahead_log(engine)
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        if _version(connection) != REVISIONS[-1]:
            _migrate(connection)


def _use_write_ahead_log(engine: Engine) -> None:
    """Switches a database file to WAL, which it remembers.  SQLite does not wait for others here, we do."""
    deadline_s = time.monotonic() + LOCK_TIMEOUT_S
    driver = engine.raw_connection()
    try:
        while True:
            try:
                driver.driver_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr]
                return
            except sqlite3.OperationalError as exc:
                if "locked" not in str(exc) or time.monotonic() > deadline_s:
                    raise
                time.sleep(0.01)
    finally:
        driver.close()


def _version(connection: Connection) -> str | None:
    """The database's revision, None where it is new; raises DatabaseTooNew."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()
    if found is not None and found not in REVISIONS:
        raise DatabaseTooNew(
            f"the database {connection.engine.url.render_as_string()} has revision {str(found)[:40]}, "
            f"this workbench knows revisions up to {REVISIONS[-1]}"
        )
    return found


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "workbench.database:migrations")
    config.attributes["connection"] = connection
    try:
        with _however_long(connection):
            command.upgrade(config, REVISIONS[-1])
    except CommandError as exc:
        raise DatabaseUnavailable(f"the database cannot be brought up to date: {exc}") from exc


@contextmanager
def _however_long(connection: Connection) -> Iterator[None]:
    """Lets a server be silent as long as it likes: to change a large table takes its time."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name != "postgresql":
        yield
        return
    usual_s, driver.answer_timeout_s = driver.answer_timeout_s, None
    try:
        yield
    finally:
        driver.answer_timeout_s = usual_s
