"""The journal of one run: an append-only file of JSON lines that survives the death of its process anywhere.

Each line carries the SHA-256 of the line before it.  The process that writes a journal holds a lock on it,
which the kernel drops with the process: a journal that can be locked belongs to nobody.  This module writes;
reading is `journal_reader`.  It must not load SQLAlchemy.
"""

from __future__ import annotations

import fcntl
import json
import os
import weakref
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, Self

from workbench.errors import Blame, WorkbenchError

SCHEMA: Final = "workbench.journal/1"
"""Version of the lines' envelope; the first line, kind "header", names it."""
SUFFIX: Final = ".jsonl"
FIRST_PREV: Final = "0" * 64
"""What the first line carries in place of a SHA-256."""

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

Kind = Literal["header", "event", "traceback"]


class JournalUnwritable(WorkbenchError):
    """The run's journal cannot be written, so nothing that must be recorded may happen."""

    code = "journal-unwritable"
    blame = Blame.STATION
    default_cause = "the disk is full or read-only, or the folder belongs to another user"
    default_action = "make room or correct the permissions, then run the command again"


def utc_now() -> str:
    """Now, in UTC, RFC 3339 with microseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class _End:
    """The end of the file as it must be: lines and bytes before it, and the SHA-256 of the last line."""

    lines: int = 0
    size: int = 0
    sha256: str = FIRST_PREV

    def after(self, line: bytes) -> _End:
        return _End(self.lines + 1, self.size + len(line), sha256(line).hexdigest())


class Journal:
    """One run's journal, open for writing.  Not safe for threads: its run takes care of that."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        self._end = _End()
        self._next = self._end
        _OPEN.add(self)

    @classmethod
    def create(cls, folder: Path, run_id: str, header: dict[str, object], opening: dict[str, object]) -> Self:
        """A new journal with its header and its first event, both on disk; raises JournalUnwritable.

        It appears under its name only then, so that no other process ever sees one without them.
        """
        path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{run_id}{SUFFIX}"
        unborn = path.with_name(f".{path.name}.new")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            journal = cls(path, os.open(unborn, _FLAGS, 0o644))
            fcntl.flock(journal._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            journal.append("header", {"schema": SCHEMA, "run_id": run_id, **header})
            journal.append("event", opening)
            journal.commit()
            unborn.rename(path)
            sync_folder(folder)
        except OSError as exc:
            raise _unwritable(path, exc) from exc
        return journal

    @property
    def last_sha256(self) -> str:
        """SHA-256 of the last line; kept in the database, it gives away a journal whose end was removed."""
        return self._end.sha256

    def append(self, kind: Kind, data: dict[str, object]) -> None:
        """Hands one line to the kernel, wholly or not at all; `data` is fit for JSON.

        From then on it survives the death of the process; only `commit` makes it survive a power cut.
        Raises JournalUnwritable.
        """
        try:
            self._settle()
            line = _encode(self._end, kind, data)
            self._next = self._end.after(line)
            _write_all(self._fd, line)
        except OSError as exc:
            self._withdraw()
            raise _unwritable(self.path, exc) from exc
        self._end = self._next

    def commit(self) -> None:
        """Returns when all lines are on the disk; raises JournalUnwritable."""
        try:
            os.fsync(self._fd)
        except OSError as exc:
            raise _unwritable(self.path, exc) from exc

    def move_to(self, folder: Path) -> None:
        """Moves the file, with its lock, into `folder` on the same disk; raises JournalUnwritable."""
        self.path = move(self.path, folder)

    def close(self) -> None:
        """Lets go of the file and its lock; more than once does no harm."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _settle(self) -> None:
        """Finds the end again where a signal's exception came between a write and its bookkeeping."""
        size = os.fstat(self._fd).st_size
        if size == self._end.size:
            return
        if size == self._next.size:
            self._end = self._next
        elif self._end.size < size < self._next.size:
            os.ftruncate(self._fd, self._end.size)
        else:
            raise JournalUnwritable(
                f"{self.path} was changed while its run was going on",
                cause="another program wrote to the journal or cut it",
                action="find out which program did it; the journal is left as it is",
            )

    def _withdraw(self) -> None:
        """Takes back a line that was written in part, as far as the disk still allows."""
        try:
            self._settle()
        except (OSError, JournalUnwritable):
            return


def move(path: Path, folder: Path) -> Path:
    """Moves a journal into `folder` on the same disk and returns its new path; raises JournalUnwritable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        moved = path.rename(folder / path.name)
        sync_folder(folder)
    except OSError as exc:
        raise _unwritable(path, exc) from exc
    return moved


def sync_folder(folder: Path) -> None:
    """Makes new names in `folder` survive a power cut; raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _encode(end: _End, kind: Kind, data: dict[str, object]) -> bytes:
    line = {"line": end.lines, "prev": end.sha256, "kind": kind, "data": data}
    return json.dumps(line, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def _write_all(fd: int, line: bytes) -> None:
    view = memoryview(line)
    while view:
        view = view[os.write(fd, view) :]


def _unwritable(path: Path, exc: OSError) -> JournalUnwritable:
    return JournalUnwritable(f"the journal {path} cannot be written: {exc.strerror or exc}")


_OPEN: Final[weakref.WeakSet[Journal]] = weakref.WeakSet()


def _leave_to_parent() -> None:
    """A forked child neither writes its parent's journals nor keeps them locked when the parent is gone."""
    for journal in _OPEN:
        journal.close()


os.register_at_fork(after_in_child=_leave_to_parent)
