"""The station's log of evidence on the disk: only ever added to, by one process at a time.

An entry and its evidence appear together: the file waits under a name of its own until its entry is on the
disk.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from workbench.errors import Blame, WorkbenchError
from workbench.identity.evidence.errors import EvidenceRefused
from workbench.identity.evidence.log import (
    FIRST_PREV,
    MAX_LINE_BYTES,
    SCHEMA,
    Entry,
    entry_of,
    file_name,
    line_of,
    read_log,
)
from workbench.station.journal import sync_folder, utc_now

LOG_FILE: Final = "log.jsonl"
UNITS: Final = "units"
PENDING: Final = ".part"
MAX_LOG_BYTES: Final = 1 << 30


class EvidenceUnwritable(WorkbenchError):
    """The evidence of a unit, or the station's log of it, cannot be written."""

    code = "evidence-unwritable"
    blame = Blame.STATION
    default_cause = "the disk is full or read-only, or the folder belongs to another user"
    default_action = (
        "make room or correct the permissions, then run the command again: the unit stays as it is"
    )


class EvidenceLogDamaged(WorkbenchError):
    """The end of the station's log of evidence is not as the workbench left it."""

    code = "evidence-log-damaged"
    blame = Blame.STATION
    default_cause = "a failing disk, or somebody edited the log"
    default_action = "`workbench evidence log verify` tells where; put the log aside and begin a new one"


class EvidenceLog:
    """The log, locked by this process: made by `opened`."""

    def __init__(self, folder: Path, fd: int) -> None:
        self._folder = folder
        self._fd = fd
        self._last = self._find_end()

    @property
    def line(self) -> int:
        """Number of the next entry."""
        return 0 if self._last is None else self._last.line + 1

    @property
    def prev(self) -> str:
        """SHA-256 of the last entry's line."""
        return FIRST_PREV if self._last is None else self._last.sha256

    def append(self, kind: str, data: dict[str, Any], time: str | None = None) -> Entry:
        """A new entry, on the disk when this returns; raises EvidenceUnwritable."""
        line = line_of(self.line, self.prev, time or utc_now(), kind, data)
        try:
            end = os.fstat(self._fd).st_size
            try:
                _write_all(self._fd, line)
                os.fsync(self._fd)
            except OSError:
                os.ftruncate(self._fd, end)
                raise
        except OSError as error:
            raise _unwritable(self._folder / LOG_FILE, error) from error
        self._last = entry_of(line)
        return self._last

    def keep(self, evidence: bytes, unit_id: str, serial: str, signed_at: str) -> Path:
        """Writes the evidence's file and its entry; neither is ever there without the other for a reader.

        Raises EvidenceUnwritable.
        """
        digest = sha256(evidence).hexdigest()
        path = self._folder / UNITS / file_name(serial, digest)
        waiting = path.with_name(path.name + PENDING)
        try:
            path.parent.mkdir(exist_ok=True)
            with waiting.open("wb") as file:
                file.write(evidence)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(path.parent)
        except OSError as error:
            raise _unwritable(path, error) from error
        data = {"evidence_sha256": digest, "serial": serial, "unit_id": unit_id}
        self.append("evidence", data, signed_at)
        self.finish()
        return path

    def finish(self) -> None:
        """Gives the last entry's evidence its name, if a run broke off before; raises EvidenceUnwritable."""
        if self._last is None or self._last.kind != "evidence":
            return
        path = self._folder / UNITS / file_name(self._last.data["serial"], self._last.data["evidence_sha256"])
        waiting = path.with_name(path.name + PENDING)
        try:
            if (
                waiting.exists()
                and sha256(waiting.read_bytes()).hexdigest() == self._last.data["evidence_sha256"]
            ):
                waiting.replace(path)
                sync_folder(path.parent)
        except OSError as error:
            raise _unwritable(path, error) from error

    def _find_end(self) -> Entry | None:
        """The last whole entry; what a power cut left of a later one is taken away: nobody relied on it."""
        size = os.fstat(self._fd).st_size
        start = max(0, size - 2 * MAX_LINE_BYTES - 1)
        tail = os.pread(self._fd, size - start, start)
        whole, _, torn = tail.rpartition(b"\n")
        if torn:
            os.ftruncate(self._fd, size - len(torn))
            os.fsync(self._fd)
        if not whole:
            return None
        try:
            return entry_of(whole.rpartition(b"\n")[2] + b"\n")
        except EvidenceRefused as error:
            raise EvidenceLogDamaged(f"the last line of {self._folder / LOG_FILE}: {error.what}") from error


@contextmanager
def opened(folder: Path, station: str) -> Iterator[EvidenceLog]:
    """The log in `folder`, begun if it is not there yet, and nobody else's meanwhile.

    Raises EvidenceUnwritable, EvidenceLogDamaged.
    """
    path = folder / LOG_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        log = EvidenceLog(folder, fd)
        if log.line == 0:
            log.append("header", {"schema": SCHEMA, "station": station})
            sync_folder(folder)
        log.finish()
        yield log
    finally:
        os.close(fd)


def read_log_file(path: Path) -> list[Entry]:
    """A whole log from its file; raises EvidenceRefused for a log that is not whole, OSError."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_LOG_BYTES:
            raise EvidenceRefused("log-malformed", "it is too large")
        return read_log(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""))


def log_station(folder: Path) -> str | None:
    """The station whose log is in the folder; None where there is none, or its first line cannot be read."""
    try:
        with (folder / LOG_FILE).open("rb") as file:
            return str(entry_of(file.readline(MAX_LINE_BYTES)).data.get("station"))
    except (OSError, EvidenceRefused):
        return None


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _unwritable(path: Path, error: OSError) -> EvidenceUnwritable:
    return EvidenceUnwritable(f"{path}: {error.strerror or error}")
