"""Reads journals: what a run saw, as far as its file can be trusted.

`parse` decides over lines of bytes; `read_journal` fetches them; `adopt` locks one whose process is gone.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final

from workbench.errors import Blame, InputError, WorkbenchError
from workbench.station.journal import FIRST_PREV, SCHEMA

MAX_LINE_BYTES: Final = 8 * 1024 * 1024
"""No journal has longer lines; what is longer is no journal."""


@dataclass(frozen=True, slots=True)
class JournalContent:
    """The trusted lines of a journal: header, events in their public form, tracebacks.

    `torn_bytes` counts the bytes of a last line that was not written wholly; `last_sha256` is the SHA-256 of
    the last whole line.
    """

    header: dict[str, Any]
    events: tuple[dict[str, Any], ...]
    tracebacks: tuple[str, ...]
    last_sha256: str
    torn_bytes: int = 0


class JournalDamaged(WorkbenchError):
    """A journal was changed after it was written: a line is missing, altered or out of place."""

    code = "journal-damaged"
    blame = Blame.STATION
    default_cause = "a failing disk, or somebody edited the file"
    default_action = "do not rely on this run; look at the unit itself, and check the disk"

    def __init__(self, what: str, readable: JournalContent | None) -> None:
        super().__init__(what)
        self.readable = readable
        """What comes before the damage; None where even the header is gone."""


class JournalTooNew(InputError):
    """A journal was written by a newer workbench."""

    code = "journal-too-new"
    default_cause = "a newer workbench is in use on this bench"
    default_action = "read it with that workbench, or update this one"


class _Broken(Exception):
    """A line that does not continue the ones before it."""


class _Parser:
    """Takes lines one by one and keeps what they say."""

    def __init__(self) -> None:
        self.count = 0
        self.prev = FIRST_PREV
        self.header: dict[str, Any] | None = None
        self.events: list[dict[str, Any]] = []
        self.tracebacks: list[str] = []

    def take(self, raw: bytes) -> None:
        line = _decode(raw)
        if line.get("line") != self.count or line.get("prev") != self.prev:
            raise _Broken("does not follow the line before it")
        data = line.get("data")
        if not isinstance(data, dict):
            raise _Broken("holds no data")
        self._keep(line.get("kind"), data)
        self.count += 1
        self.prev = sha256(raw).hexdigest()

    def _keep(self, kind: object, data: dict[str, Any]) -> None:
        if (kind == "header") != (self.count == 0):
            raise _Broken("is a header in the wrong place, or none where one must be")
        if kind == "header":
            _check_schema(data)
            self.header = data
        elif kind == "event":
            self._check_event(data)
            self.events.append(data)
        elif kind == "traceback":
            self.tracebacks.append(str(data.get("text", "")))
        else:
            raise _Broken("is of an unknown kind")

    def _check_event(self, data: dict[str, Any]) -> None:
        seq = data.get("seq")
        last = self.events[-1]["seq"] if self.events else -1
        if type(seq) is not int or seq <= last or not isinstance(data.get("event"), str):
            raise _Broken("is no event, or one out of order")

    def content(self, torn_bytes: int) -> JournalContent | None:
        if self.header is None:
            return None
        return JournalContent(self.header, tuple(self.events), tuple(self.tracebacks), self.prev, torn_bytes)


def parse(lines: Iterable[bytes], name: str) -> JournalContent:
    """The content of a journal's lines, each with its newline; `name` is for errors.

    A last line without a newline was not written wholly and is dropped.
    Raises JournalDamaged, JournalTooNew.
    """
    parser = _Parser()
    torn_bytes = 0
    for raw in lines:
        try:
            if torn_bytes:
                raise _Broken("is longer than any line of a journal")
            if raw.endswith(b"\n"):
                parser.take(raw)
            else:
                torn_bytes = len(raw)
        except _Broken as exc:
            raise _damaged(name, parser, str(exc)) from None
    content = parser.content(torn_bytes)
    if content is None:
        raise _damaged(name, parser, "is missing")
    return content


def read_journal(path: Path) -> JournalContent:
    """The content of the journal at `path`; raises JournalDamaged, JournalTooNew, OSError."""
    with path.open("rb") as file:
        return parse(_lines(file), str(path))


@contextmanager
def adopt(path: Path) -> Iterator[bool]:
    """Locks the journal at `path` and says whether that was possible: not while its process lives, nor while
    another one has adopted it, nor when it has been moved.  Raises OSError."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _locked(fd) and path.exists()
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _decode(raw: bytes) -> dict[str, Any]:
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        raise _Broken("is not JSON") from None
    if not isinstance(line, dict):
        raise _Broken("is no object")
    return line


def _check_schema(header: dict[str, Any]) -> None:
    schema = header.get("schema")
    if schema == SCHEMA:
        return
    if isinstance(schema, str) and schema.startswith("workbench.journal/"):
        raise JournalTooNew(f"the journal has schema {schema[:80]}, this workbench reads {SCHEMA}")
    raise _Broken("is no header of a journal")


def _damaged(name: str, parser: _Parser, why: str) -> JournalDamaged:
    return JournalDamaged(f"line {parser.count + 1} of the journal {name} {why}", parser.content(0))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while raw := file.readline(MAX_LINE_BYTES):
        yield raw
