"""The station's log of runs on the disk and in the database: only ever added to, by one process at a time.

The file is `recorded/runs.log` beside the recorded journals.  The database has the same lines in `run_log`,
so that neither can be cut or rewritten alone.  A line is added in the transaction that records its run; what
a power cut left in the file only is told to the database by the next one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, func, insert, select

from workbench.errors import Blame, WorkbenchError
from workbench.station.journal import sync_folder, utc_now
from workbench.station.models import RunLogRow
from workbench.station.run_log import (
    FIRST_PREV,
    MAX_LINE_BYTES,
    SCHEMA,
    LogLine,
    NotALog,
    decode,
    encode,
    read_lines,
)

LOG_FILE: Final = "runs.log"
RECORDED: Final = "recorded"
"""Folder, beside open journals, of those that are in the records; in it one folder for each month."""


class RunLogDamaged(WorkbenchError):
    """The station's log of runs does not end as the workbench left it."""

    code = "run-log-damaged"
    blame = Blame.STATION
    default_cause = "a failing disk, or somebody edited the log"
    default_action = (
        "`workbench records verify` tells where; keep the log, move it aside, and a new one is begun"
    )


class RunLogUnwritable(WorkbenchError):
    """The station's log of runs cannot be written."""

    code = "run-log-unwritable"
    blame = Blame.STATION
    default_cause = "the disk is full or read-only, or the folder belongs to another user"
    default_action = "make room or correct the permissions; the run is recorded by the next run on this bench"


def log_path(journal: Path) -> Path:
    """The log for a journal, which is still open or already filed away."""
    filed = journal.parent.parent
    return (filed if filed.name == RECORDED else journal.parent / RECORDED) / LOG_FILE


def station_name(folder: Path) -> str:
    """Names in the database whose log it is: the machine and the folder of its journals."""
    return f"{os.uname().nodename}:{folder.resolve()}"[:1000]


class RunLog:
    """The log of one station, locked by this process: made by `opened`."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path = path
        self._fd = fd

    def add(
        self, connection: Connection, journal: Path, run_id: str, journal_sha256: str, verdict: str
    ) -> None:
        """Adds a run to the file, on the disk when this returns, and to the database; a run that is there
        already is not added again.  Called in the transaction that records the run.

        Raises RunLogDamaged, RunLogUnwritable, and what the database raises.
        """
        fd, path = self._fd, self._path
        last = _last_line(fd, path) or _append(fd, path, FIRST_PREV, 0, "header", _header(path.parent))
        log_id = _log_id(fd, path)
        self._catch_up(connection, log_id, last)
        logged = select(RunLogRow.line).where(RunLogRow.log_id == log_id, RunLogRow.run_id == run_id)
        if connection.execute(logged).first() is not None:
            return
        data = {
            "journal": journal.name,
            "journal_sha256": journal_sha256,
            "run_id": run_id,
            "verdict": verdict,
        }
        line = _append(fd, path, last.sha256, last.line + 1, "run", data)
        connection.execute(insert(RunLogRow), [_values(log_id, path, line)])

    def _catch_up(self, connection: Connection, log_id: str, last: LogLine) -> None:
        """Tells the database the lines that only the file has."""
        query = select(func.max(RunLogRow.line)).where(RunLogRow.log_id == log_id)
        known: int | None = connection.execute(query).scalar()
        if known is not None and known > last.line:
            raise RunLogDamaged(f"{self._path} has fewer lines than the database knows: its end is missing")
        if known == last.line:
            return
        lines, wrong = read_log(self._path)
        if wrong is not None:
            raise RunLogDamaged(f"{self._path}: {wrong}")
        missing = lines[0 if known is None else known + 1 :]
        connection.execute(insert(RunLogRow), [_values(log_id, self._path, line) for line in missing])


@contextmanager
def opened(journal: Path) -> Iterator[RunLog]:
    """The log for a journal, made if it is not there, and nobody else's until the block ends: the block has
    the transaction in it, so that no other process sees the file before the database has the line.

    Raises RunLogUnwritable.
    """
    path = log_path(journal)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield RunLog(path, fd)
    finally:
        os.close(fd)


def read_log(path: Path) -> tuple[tuple[LogLine, ...], NotALog | None]:
    """The lines of a log up to the first wrong one, and what is wrong with that; raises OSError."""
    with path.open("rb") as file:
        return read_lines(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""))


def _header(recorded: Path) -> dict[str, str]:
    return {"log_id": uuid4().hex, "schema": SCHEMA, "station": station_name(recorded.parent)}


def _values(log_id: str, path: Path, line: LogLine) -> dict[str, object]:
    return {
        "log_id": log_id,
        "line": line.line,
        "run_id": line.data.get("run_id"),
        "line_sha256": line.sha256,
        "station": station_name(path.parent.parent),
    }


def _last_line(fd: int, path: Path) -> LogLine | None:
    """The last whole line; what a power cut left of a later one is taken away: nobody relied on it."""
    size = os.fstat(fd).st_size
    start = max(0, size - 2 * MAX_LINE_BYTES)
    whole, _, torn = os.pread(fd, size - start, start).rpartition(b"\n")
    if torn:
        os.ftruncate(fd, size - len(torn))
    if not whole:
        return None
    try:
        return decode(whole.rpartition(b"\n")[2] + b"\n")
    except ValueError as error:
        raise RunLogDamaged(f"the last line of {path} {error}") from error


def _log_id(fd: int, path: Path) -> str:
    first, newline, _ = os.pread(fd, MAX_LINE_BYTES, 0).partition(b"\n")
    try:
        header = decode(first + newline)
        return str(header.data["log_id"])
    except (ValueError, KeyError) as error:
        raise RunLogDamaged(f"the first line of {path} is no header of a log of runs") from error


def _append(fd: int, path: Path, prev: str, line: int, kind: str, data: dict[str, str]) -> LogLine:
    raw = encode(line, prev, utc_now(), kind, data)
    end = os.fstat(fd).st_size
    try:
        try:
            view = memoryview(raw)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        except OSError:
            os.ftruncate(fd, end)
            raise
        if line == 0:
            sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    return decode(raw)


def _unwritable(path: Path, error: OSError) -> RunLogUnwritable:
    return RunLogUnwritable(f"the log of runs {path} cannot be written: {error.strerror or error}")
