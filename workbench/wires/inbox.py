"""Hands what a reader's thread sees to a loop that polls.  Bounded: a slow screen loses the oldest."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Final

from workbench.wires.link import Change, Received

INBOX_BYTES: Final = 4_194_304


class Inbox:
    """A queue of changes whose `fd` is readable while something is in it."""

    def __init__(self, limit_bytes: int = INBOX_BYTES) -> None:
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._changes: deque[Change] = deque()
        self._bytes = 0
        self._skipped = 0
        self._signalled = False
        self._closed = False
        self.fd, self._write_fd = os.pipe()

    def put(self, change: Change) -> None:
        """From the reader's thread."""
        with self._lock:
            if self._closed:
                return
            if not self._signalled:
                os.write(self._write_fd, b"x")
                self._signalled = True
            self._changes.append(change)
            self._bytes += _size(change)
            self._skip()

    def _skip(self) -> None:
        """Drops the oldest bytes over the limit; changes of the connection stay."""
        if self._bytes <= self._limit:
            return
        kept: deque[Change] = deque()
        while self._changes and self._bytes > self._limit // 2:
            change = self._changes.popleft()
            if isinstance(change, Received):
                self._bytes -= len(change.data)
                self._skipped += len(change.data)
            else:
                kept.append(change)
        self._changes.extendleft(reversed(kept))

    def take(self) -> tuple[list[Change], int]:
        """Everything in order, and how many bytes had to be dropped before it."""
        with self._lock:
            if self._signalled:
                os.read(self.fd, 1)
                self._signalled = False
            changes, skipped = list(self._changes), self._skipped
            self._changes.clear()
            self._bytes = self._skipped = 0
            return changes, skipped

    def close(self) -> None:
        """Ends it; later changes are dropped."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self.fd)
                os.close(self._write_fd)


def _size(change: Change) -> int:
    return len(change.data) if isinstance(change, Received) else 0
