"""Shows the line's state to viewers in other processes: snapshots over a UNIX socket, a few times a second.

A snapshot is one JSON line.  Its times are ages in seconds, because another process's clock need not be this
one's.  Nothing that viewers send is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import selectors
import socket
import threading
import time
from pathlib import Path
from typing import Final

from workbench import settings
from workbench.boards.bench import Bench
from workbench.languages import _
from workbench.station.line.display import Display
from workbench.station.line.snapshot import encode

EVERY_S: Final = 0.2
"""Shortest time between two snapshots."""
ALIVE_S: Final = 1.0
"""A snapshot at least so often, so that viewers know that the line lives."""
MAX_VIEWERS: Final = 16


def socket_path(bench: Bench) -> Path:
    """Where the line of this bench shows itself.  Raises OSError where there is no runtime folder."""
    name = hashlib.sha256(os.fsencode(bench.path.resolve())).hexdigest()[:16]
    return settings.runtime_dir() / f"line-{name}"


class Publisher:
    """Serves viewers in a thread of its own.  A socket that cannot be made costs a remark, not the line."""

    def __init__(self, bench: Bench, display: Display) -> None:
        self._display = display
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        try:
            self._path = socket_path(bench)
            self._path.unlink(missing_ok=True)
            self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listening.bind(os.fspath(self._path))
            self._path.chmod(0o600)
            self._listening.listen(MAX_VIEWERS)
            self._listening.setblocking(False)
        except OSError as exc:
            display.note(_("nobody can watch this line: {why}").format(why=exc.strerror or exc))
            return
        self._thread = threading.Thread(target=self._run, name="line-publish", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; viewers see the end of the line."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        viewers: list[socket.socket] = []
        revision = -1
        with self._listening, selectors.DefaultSelector() as selector:
            selector.register(self._listening, selectors.EVENT_READ)
            while not self._ended.is_set():
                new = self._accept(selector, EVERY_S if viewers else None)
                state = (
                    self._display.wait(revision, ALIVE_S) if viewers and not new else self._display.state()
                )
                revision = state.revision
                line = encode(state, time.monotonic()) if viewers or new else b""
                viewers = [viewer for viewer in (*viewers, *new) if _show(viewer, line)]
        for viewer in viewers:
            viewer.close()

    def _accept(self, selector: selectors.BaseSelector, pause_s: float | None) -> list[socket.socket]:
        """Those who came within `pause_s`; without viewers, waits for the first or for the end."""
        new: list[socket.socket] = []
        if pause_s is not None:
            self._ended.wait(pause_s)
        while selector.select(0.0 if pause_s is not None or new else 0.5):
            with contextlib.suppress(OSError):
                viewer, _address = self._listening.accept()
                viewer.setblocking(False)
                new.append(viewer)
        return new


def _show(viewer: socket.socket, line: bytes) -> bool:
    """Whether the viewer is still there; one that does not read fast enough is sent away and may come
    again.
    """
    try:
        sent = viewer.send(line)
    except OSError:
        sent = -1
    if sent != len(line):
        viewer.close()
        return False
    return True
