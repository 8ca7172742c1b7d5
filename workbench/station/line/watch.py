"""Watches a line that another process works: read-only snapshots over a UNIX socket.  Starts nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from dataclasses import replace
from typing import Final, Self

from workbench.boards.bench import Bench
from workbench.station.line.protocol import Lines
from workbench.station.line.publish import socket_path
from workbench.station.line.snapshot import decode
from workbench.station.line.state import LineState

AGAIN_S: Final = 0.5
"""How long after a failure to look again whether a line is open."""
SILENCE_S: Final = 5.0
"""A line that says nothing for so long is taken as gone."""
_READ_BYTES: Final = 1 << 16


class LineWatcher:
    """What the line of a bench shows, for viewers.  States carry `read_only` True and this process's
    times.
    """

    def __init__(self, bench: Bench) -> None:
        """Connects in the background; raises nothing where no line is open there yet."""
        self._bench = bench
        self._changed = threading.Condition()
        self._state: LineState | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="line-watch", daemon=True)
        self._thread.start()

    def state(self) -> LineState | None:
        """The newest snapshot; None where nobody works the line of this bench now."""
        state = self._state
        return None if state is None else replace(state, now=time.monotonic())

    def wait_change(self, revision: int, timeout_s: float = 0.1) -> LineState | None:
        """As `state`, as soon as its revision is another one (-1: none yet), at the latest after
        `timeout_s`.
        """
        with self._changed:
            self._changed.wait_for(lambda: _revision(self._state) != revision, timeout_s)
        return self.state()

    def close(self) -> None:
        """Ends the watching."""
        self._ended.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                self._watch()
            self._show(None)
            self._ended.wait(AGAIN_S)

    def _watch(self) -> None:
        """Until the line ends or falls silent; raises OSError where there is none."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(AGAIN_S)
            line.connect(os.fspath(socket_path(self._bench)))
            lines, heard_at = Lines(), time.monotonic()
            while not self._ended.is_set() and time.monotonic() - heard_at < SILENCE_S:
                try:
                    data = line.recv(_READ_BYTES)
                except TimeoutError:
                    continue
                if not data:
                    return
                for snapshot in lines.feed(data)[-1:]:
                    heard_at = time.monotonic()
                    self._show(decode(snapshot, heard_at))

    def _show(self, state: LineState | None) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()


def _revision(state: LineState | None) -> int:
    return -1 if state is None else state.revision
