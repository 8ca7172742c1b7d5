"""What arrived on a console as clean, time-stamped lines, with the gaps among them.  Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from workbench.wires.clean import Cleaner

KEEP_LINES: Final = 10_000
KEEP_CHARS: Final = 4_194_304


@dataclass(frozen=True, slots=True)
class Line:
    """A line from the board ("text"), or a remark on the connection ("lost", "back").

    `at` is when its first byte arrived, in UTC; `text` is safe for a terminal and holds no line end.
    """

    at: datetime
    kind: Literal["text", "lost", "back"]
    text: str

    def __str__(self) -> str:
        stamp = self.at.strftime("%H:%M:%S.%f")[:-3]
        return f"[{stamp}] {self.text}" if self.kind == "text" else f"[{stamp}] --- {self.text} ---"


class LineLog:
    """Keeps the last lines, bounded in number and in characters."""

    def __init__(self, *, keep_lines: int = KEEP_LINES, keep_chars: int = KEEP_CHARS) -> None:
        self._cleaner = Cleaner()
        self._lines: deque[Line] = deque()
        self._chars = 0
        self._keep_lines = keep_lines
        self._keep_chars = keep_chars
        self._open: list[str] = []
        self._opened_at: datetime | None = None

    def feed(self, at: datetime, data: bytes) -> None:
        """Bytes that arrived at `at`."""
        self._add(at, self._cleaner.feed(data))

    def gap(self, at: datetime, kind: Literal["lost", "back"], text: str) -> None:
        """The connection changed: the line under way ends here, unfinished."""
        self._add(at, self._cleaner.flush())
        if self._open:
            self._close(at)
        self._keep(Line(at, kind, text))

    def snapshot(self) -> tuple[Line, ...]:
        """All kept lines, oldest first, with the unfinished one last."""
        if not self._open:
            return tuple(self._lines)
        return (*self._lines, Line(self._opened_at or self._lines[-1].at, "text", "".join(self._open)))

    def _add(self, at: datetime, text: str) -> None:
        *complete, rest = text.split("\n")
        for part in complete:
            self._append(at, part)
            self._close(at)
        self._append(at, rest)

    def _append(self, at: datetime, part: str) -> None:
        if part:
            self._opened_at = self._opened_at if self._open else at
            self._open.append(part)

    def _close(self, at: datetime) -> None:
        self._keep(Line(self._opened_at or at, "text", "".join(self._open)))
        self._open.clear()
        self._opened_at = None

    def _keep(self, line: Line) -> None:
        self._lines.append(line)
        self._chars += len(line.text)
        while len(self._lines) > self._keep_lines or self._chars > self._keep_chars:
            self._chars -= len(self._lines.popleft().text)
