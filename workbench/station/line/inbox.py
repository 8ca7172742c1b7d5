"""Orders as they reach a slot's process: the next unit for its main thread, cancels and answers for the
run.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from workbench.station.line.answers import LineAnswers
from workbench.station.line.protocol import Answer, Cancel, Lines, UnitOrder, decode_order

LINE_GONE: Final = "the program that works the line is gone"
OWES_EVERY_S: Final = 1.0
_READ_BYTES: Final = 1 << 16


class Inbox:
    """Reads the socket in a thread of its own until the line is gone."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._units: queue.SimpleQueue[UnitOrder | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._answers: LineAnswers | None = None
        self._ending = False
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether the line is gone."""
        return self._ending

    def next_unit(self, owes: Callable[[], bool] = lambda: False) -> UnitOrder | None:
        """Waits for the next unit; None where the line is gone and none will come.

        `owes` is called every second as long as it says yes.
        """
        while owes():
            with suppress(queue.Empty):
                return self._units.get(timeout=OWES_EVERY_S)
        return self._units.get()

    def begin(self, *, attended: bool) -> LineAnswers:
        """The technician for a run that begins now."""
        with self._lock:
            self._answers = LineAnswers(attended=attended)
            if self._ending:
                self._answers.stop(LINE_GONE)
            return self._answers

    def stop(self, reason: str) -> None:
        """Asks the run that is going on, if any, to end after its step."""
        with self._lock:
            if self._answers is not None:
                self._answers.stop(reason)

    def _read(self) -> None:
        lines = Lines()
        while True:
            try:
                data = self._line.recv(_READ_BYTES)
            except OSError:
                data = b""
            if not data:
                break
            for line in lines.feed(data):
                self._take(line)
        with self._lock:
            self._ending = True
        self.stop(LINE_GONE)
        self._units.put(None)

    def _take(self, line: bytes) -> None:
        match decode_order(line):
            case UnitOrder() as unit:
                self._units.put(unit)
            case Cancel(reason=reason):
                self.stop(reason)
            case Answer() as answer:
                with self._lock:
                    if self._answers is not None:
                        self._answers.put(answer)
