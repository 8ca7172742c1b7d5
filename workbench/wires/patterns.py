"""What `expect` looks for and where: patterns, and the bounded buffer of what has arrived.  Pure, no I/O.

A gap in the connection cuts the buffer: no pattern matches across it, or half a word from before a power
cut and half a word from after it could make a whole one.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from workbench.wires.clean import clean, clean_line
from workbench.wires.errors import PatternInvalid

BUFFER_BYTES: Final = 262_144

Pattern = str | bytes | re.Pattern[str] | re.Pattern[bytes]
"""A str or bytes is looked for as it stands; a str as UTF-8.  A regex of str sees the bytes decoded from
UTF-8, with
undecodable ones as lone surrogates.  All see what the board sent, control sequences included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """What `expect` found: the bytes that matched, those before them, and the groups of a regex."""

    raw: bytes
    before: bytes
    groups: tuple[bytes | None, ...] = ()
    named: Mapping[str, bytes | None]

    @property
    def text(self) -> str:
        """What matched, safe for a terminal."""
        return clean(self.raw)

    def group(self, key: int | str = 0) -> str:
        """A group as safe text, "" where it took no part.  Raises IndexError or KeyError."""
        if key == 0:
            return self.text
        found = self.named[key] if isinstance(key, str) else self.groups[key - 1]
        return clean(found or b"")


def show(pattern: Pattern) -> str:
    """A pattern as a person would name it, on one safe line: controls as escapes."""
    if isinstance(pattern, re.Pattern):
        return f"the pattern {clean_line(repr(pattern.pattern))}"
    return clean_line(repr(pattern))


def verify_pattern(pattern: Pattern) -> None:
    """Raises PatternInvalid where the pattern is found in nothing, so that waiting for it means nothing."""
    if isinstance(pattern, re.Pattern):
        regex: re.Pattern[Any] = pattern
        fits = regex.search(type(pattern.pattern)()) is not None
    else:
        fits = not pattern
    if fits:
        raise PatternInvalid(f"{show(pattern)} fits where nothing arrived")


class ExpectBuffer:
    """The last `limit` bytes that nobody has consumed, cut where the connection was lost."""

    def __init__(self, limit: int = BUFFER_BYTES) -> None:
        self._limit = limit
        self._data = bytearray()
        self._start = 0
        self._cuts: deque[int] = deque()
        self.dropped_bytes = 0
        """Bytes that fell out unread because the buffer was full."""

    @property
    def end(self) -> int:
        """How many bytes ever arrived: the position, counted from the first, after the last one."""
        return self._start + len(self._data)

    def feed(self, data: bytes) -> None:
        """Appends what arrived."""
        self._data += data
        over = len(self._data) - self._limit
        if over > 0:
            self.dropped_bytes += over
            self._consume(self._start + over)

    def cut(self) -> None:
        """Marks that the connection was lost here."""
        if not self._cuts or self._cuts[-1] != self.end:
            self._cuts.append(self.end)

    def clear(self) -> int:
        """Forgets what has arrived; says how many bytes that were."""
        count = len(self._data)
        self._consume(self.end)
        return count

    def tail(self, limit: int) -> bytes:
        """The last `limit` bytes, still unread."""
        return bytes(self._data[-limit:])

    def _consume(self, position: int) -> None:
        del self._data[: position - self._start]
        self._start = position
        while self._cuts and self._cuts[0] <= position:
            self._cuts.popleft()

    def segments(self) -> list[tuple[int, int]]:
        """Positions (start, end) of the unread bytes, one pair for each stretch without a gap."""
        bounds = [self._start, *self._cuts, self.end]
        return list(itertools.pairwise(bounds))

    def between(self, start: int, end: int) -> bytes:
        """The bytes from position `start` to before `end`."""
        return bytes(self._data[start - self._start : end - self._start])

    def find(self, text: bytes, start: int, end: int) -> int | None:
        """Position of the first `text` that lies wholly between `start` and `end`."""
        at = self._data.find(text, start - self._start, end - self._start)
        return None if at < 0 else at + self._start

    def take(self, start: int, end: int) -> tuple[bytes, bytes]:
        """Consumes up to `end`; returns what was before `start`, and what was from there."""
        before, raw = self.between(self._start, start), self.between(start, end)
        self._consume(end)
        return before, raw


class Search:
    """One pattern looked for in a growing buffer, without looking twice where a fixed text cannot be."""

    def __init__(self, pattern: Pattern) -> None:
        verify_pattern(pattern)
        self._pattern = pattern
        self._seen = 0

    @property
    def cheap(self) -> bool:
        """Whether another look costs only the new bytes; a regex looks at all of them again."""
        return not isinstance(self._pattern, re.Pattern)

    def look(self, buffer: ExpectBuffer) -> Match | None:
        """The first match, consumed together with all before it; None leaves the buffer as it is."""
        for start, end in buffer.segments():
            found = self._look_between(buffer, start, end)
            if found is not None:
                return found
        return None

    def _look_between(self, buffer: ExpectBuffer, start: int, end: int) -> Match | None:
        if isinstance(self._pattern, str):
            return self._look_fixed(buffer, self._pattern.encode("utf-8", "surrogateescape"), start, end)
        if isinstance(self._pattern, bytes):
            return self._look_fixed(buffer, self._pattern, start, end)
        data = buffer.between(start, end)
        if isinstance(self._pattern.pattern, bytes):
            return _look_bytes(buffer, self._pattern, data, start)
        return _look_text(buffer, self._pattern, data, start)

    def _look_fixed(self, buffer: ExpectBuffer, text: bytes, start: int, end: int) -> Match | None:
        at = buffer.find(text, max(start, self._seen), end)
        if at is None:
            self._seen = max(self._seen, end - len(text) + 1)
            return None
        before, raw = buffer.take(at, at + len(text))
        return Match(raw=raw, before=before, named={})


def _look_bytes(buffer: ExpectBuffer, pattern: re.Pattern[bytes], data: bytes, start: int) -> Match | None:
    found = pattern.search(data)
    if found is None:
        return None
    before, raw = buffer.take(start + found.start(), start + found.end())
    return Match(raw=raw, before=before, groups=found.groups(), named=found.groupdict())


def _look_text(buffer: ExpectBuffer, pattern: re.Pattern[str], data: bytes, start: int) -> Match | None:
    """Decodes in a way that can be undone exactly: positions in the text give positions in the bytes."""
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(data)
    found = pattern.search(text)
    if found is None:
        return None
    first = start + len(_encode(text[: found.start()]))
    before, raw = buffer.take(first, first + len(_encode(found.group())))
    groups = tuple(None if g is None else _encode(g) for g in found.groups())
    named = {k: None if g is None else _encode(g) for k, g in found.groupdict().items()}
    return Match(raw=raw, before=before, groups=groups, named=named)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
