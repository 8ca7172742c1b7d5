"""The console's raw log: exactly what arrived, appended to a file as it arrives."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

from workbench.wires.errors import ConsoleLogFailed

LOG_BYTES: Final = 1 << 30
"""Size at which a log ends: a board that never stops talking must not fill the disk."""


class RawLog:
    """Appends without a buffer of its own, so that a killed process loses nothing that it read."""

    def __init__(self, path: Path, limit_bytes: int = LOG_BYTES) -> None:
        self._path = path
        self._left = limit_bytes
        self._limit = limit_bytes
        self._fd: int | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Opens for appending, making the folder.  Raises ConsoleLogFailed."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ConsoleLogFailed(f"{self._path} cannot be written: {error.strerror}") from error

    def append(self, data: bytes) -> None:
        """Writes all of `data`.  Raises ConsoleLogFailed when the disk or the limit is full."""
        with self._lock:
            if self._fd is None:
                return
            if len(data) > self._left:
                what = f"{self._path} reached its limit of {self._limit} bytes and ends here"
                raise ConsoleLogFailed(what, cause="the board prints without end")
            self._left -= len(data)
            left = memoryview(data)
            try:
                while left:
                    left = left[os.write(self._fd, left) :]
            except OSError as error:
                raise ConsoleLogFailed(f"{self._path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Ends the log."""
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None
