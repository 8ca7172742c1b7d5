"""The end of a growing file as lines of safe text: what a board prints, read from its slot's log."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench.wires.clean import Cleaner

READ_BYTES: Final = 64 * 1024
"""Read at most so much at once: more than 1 Mbit/s brings in half a second."""
CHUNK_BYTES: Final = 4096
CLEAN_S: Final = 0.02
"""Noise is slow to clean: no look takes much longer, so that keys are answered."""
BEHIND_BYTES: Final = 256 * 1024
"""What is further behind is skipped: the screen shows the present."""
FIRST_BYTES: Final = 32 * 1024
"""How much of what was printed before is shown at first."""
MAX_LINE: Final = 512


@dataclass(frozen=True, slots=True)
class Piece:
    """What came: whole lines, the line that is not ended yet, and how much was left out before them."""

    lines: tuple[str, ...] = ()
    rest: str = ""
    skipped_bytes: int = 0
    bytes: int = 0


class Tail:
    """Follows a file that grows, is cut off, or is replaced by another one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at: int | None = None
        self._inode: int | None = None
        self._cleaner = Cleaner(max_line=MAX_LINE)
        self._rest = ""

    def read(self) -> Piece | None:
        """What was added since; None where there is nothing new, or no such file yet."""
        try:
            with self._path.open("rb") as file:
                return self._read(file.fileno())
        except OSError:
            return None

    def _read(self, fd: int) -> Piece | None:
        found = os.fstat(fd)
        if self._inode != found.st_ino or (self._at or 0) > found.st_size:
            first = self._inode is None
            self._inode = found.st_ino
            self._at = max(0, found.st_size - FIRST_BYTES) if first else 0
        at = self._at or 0
        skipped = 0
        if found.st_size - at > BEHIND_BYTES:
            skipped = found.st_size - READ_BYTES - at
            at += skipped
            self._cleaner, self._rest = Cleaner(max_line=MAX_LINE), ""
        text, count = self._clean(os.pread(fd, READ_BYTES, at))
        self._at = at + count
        if not count and not skipped:
            return None
        *lines, self._rest = (self._rest + text).split("\n")
        return Piece(tuple(lines), self._rest, skipped, count)

    def _clean(self, data: bytes) -> tuple[str, int]:
        """As much of `data` as can be cleaned in time, and how much that was."""
        until_s = time.monotonic() + CLEAN_S
        told, at = [], 0
        while at < len(data) and (at == 0 or time.monotonic() < until_s):
            told.append(self._cleaner.feed(data[at : at + CHUNK_BYTES]))
            at += CHUNK_BYTES
        return "".join(told), min(at, len(data))
