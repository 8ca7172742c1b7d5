"""The station's log of runs: what a line is, and whether a log is whole.  Pure.

Each recorded run has a line with the SHA-256 of its journal; each line has the SHA-256 of the line before it,
newline included.  So a run that was changed, removed or added shows.  A line is canonical JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from workbench.identity.evidence import canonical
from workbench.identity.evidence.schema import conforms

SCHEMA: Final = "workbench.run-log/1"
FIRST_PREV: Final = "0" * 64
MAX_LINE_BYTES: Final = 4096
FORMS: Final[dict[str, dict[str, Any]]] = {
    "header": {"log_id": "text", "schema": "text", "station": "text"},
    "run": {"journal": "text", "journal_sha256": "sha256", "run_id": "text", "verdict": "text"},
}
"""What the `data` of each kind of line holds."""
_FORM: Final = {"data": "object", "kind": "text", "line": "count", "prev": "sha256", "time": "time"}


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log, and its own SHA-256."""

    line: int
    prev: str
    time: str
    kind: str
    data: dict[str, Any]
    sha256: str


class NotALog(ValueError):
    """Bytes that do not continue a log; `line` is the number of the first wrong line."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line + 1} of the log of runs {why}")
        self.line = line


def encode(line: int, prev: str, time: str, kind: str, data: dict[str, Any]) -> bytes:
    """A line's bytes, newline included; raises ValueError for what a reader would refuse."""
    made = {"data": data, "kind": kind, "line": line, "prev": prev, "time": time}
    written = canonical.encode(made) + b"\n"
    if not _is_line(made) or len(written) > MAX_LINE_BYTES:
        raise ValueError("not a line of the log of runs")
    return written


def decode(raw: bytes) -> LogLine:
    """One line; raises ValueError."""
    if len(raw) > MAX_LINE_BYTES or raw[-1:] != b"\n":
        raise ValueError("is torn or too long")
    try:
        found = canonical.decode(raw[:-1])
    except ValueError:
        raise ValueError("was changed, or written by something else") from None
    if not _is_line(found):
        raise ValueError("is of an unknown kind")
    return LogLine(**found, sha256=sha256(raw).hexdigest())


def read_lines(raw_lines: Iterable[bytes]) -> tuple[tuple[LogLine, ...], NotALog | None]:
    """The lines up to the first wrong one, and what is wrong with that."""
    lines: list[LogLine] = []
    prev = FIRST_PREV
    for raw in raw_lines:
        try:
            line = decode(raw)
            _check_place(line, len(lines), prev)
        except ValueError as error:
            return tuple(lines), NotALog(len(lines), str(error))
        lines.append(line)
        prev = line.sha256
    return tuple(lines), None if lines else NotALog(0, "is missing")


def _check_place(line: LogLine, number: int, prev: str) -> None:
    if (line.line, line.prev) != (number, prev):
        raise ValueError("does not follow the line before it: one was changed, removed or added")
    if (line.kind == "header") != (number == 0) or line.data.get("schema", SCHEMA) != SCHEMA:
        raise ValueError("is a header in the wrong place, or of another kind of file")


def _is_line(found: Any) -> bool:
    return conforms(found, _FORM) and found["kind"] in FORMS and conforms(found["data"], FORMS[found["kind"]])
