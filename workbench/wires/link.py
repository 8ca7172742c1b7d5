"""Keeps a serial port open: a thread that reads, notices that the port vanished, and opens it again when it
is back.

It hands on what happens and keeps nothing.  It never ends by itself unless told when to give up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from workbench.errors import WorkbenchError
from workbench.wires.errors import SerialError, SerialLost, SerialMissing, SerialTimeout
from workbench.wires.serial_port import Port, PortSettings, PtyLink, open_port

POLL_S: Final = 0.25
"""How often an idle reader looks whether its path still leads to the same port."""
BATCH_S: Final = 0.004
"""How long a busy reader lets bytes gather: at 1 Mbit/s half a kilobyte, well below the kernel's 4 KiB."""
RETRY_S: Final = 0.05
RETRY_SLOW_S: Final = 0.25
QUICK_S: Final = 5.0
"""How long after a loss the port is looked for every RETRY_S, then every RETRY_SLOW_S."""
GRACE_S: Final = 1.0
"""How long a first opening bears a port that is busy or denied: udev sets its owner after it appears."""
OPEN_S: Final = 5.0
CLOSE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes that arrived together."""

    at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class Connected:
    """The port is open; `gap_s` is how long it was away, None the first time."""

    at: datetime
    gap_s: float | None


@dataclass(frozen=True, slots=True)
class Lost:
    """The port vanished."""

    at: datetime
    error: SerialLost


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The port could not be opened in time, and the reader has ended."""

    at: datetime
    error: WorkbenchError


Change = Received | Connected | Lost | GivenUp


class Link:
    """A port that comes back.  `sink` is called from the link's own thread, one call at a time."""

    def __init__(
        self,
        port: str,
        settings: PortSettings,
        sink: Callable[[Change], None],
        *,
        connect_timeout_s: float,
        reconnect_timeout_s: float | None,
    ) -> None:
        self._name = port
        self._settings = settings
        self._sink = sink
        self._connect_timeout_s = connect_timeout_s
        self._reconnect_timeout_s = reconnect_timeout_s
        self._closing = threading.Event()
        self._port: Port | None = None
        self._last_link: PtyLink | None = None
        self._thread = threading.Thread(target=self._guarded, name=f"console {port}", daemon=True)

    def start(self) -> None:
        """Begins to look for the port."""
        self._thread.start()

    def port(self) -> Port:
        """The open port.  Raises SerialLost while there is none."""
        port = self._port
        if port is None:
            raise SerialLost(f"{self._name} is not connected")
        return port

    def close(self) -> None:
        """Ends the thread and gives the port back, within CLOSE_S even where a driver hangs."""
        self._closing.set()
        port = self._port
        if port is not None:
            port.wake()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_S)

    def _guarded(self) -> None:
        """A defect in this thread must not look like a silent board."""
        try:
            self._run()
        except Exception as error:
            self._sink(GivenUp(_now(), WorkbenchError(f"the console's reader failed: {error!r}")))

    def _run(self) -> None:
        lost_at: float | None = None
        while (port := self._connect(lost_at)) is not None:
            self._port = port
            self._sink(Connected(_now(), None if lost_at is None else time.monotonic() - lost_at))
            try:
                self._read(port)
            except SerialLost as error:
                self._port = None
                lost_at = time.monotonic()
                self._sink(Lost(_now(), error))
            finally:
                self._port = None
                port.close()

    def _read(self, port: Port) -> None:
        """Hands on what arrives until told to close.  Raises SerialLost."""
        before = 0.0
        while not self._closing.is_set():
            data = port.read_some(POLL_S)
            if not data:
                continue
            self._sink(Received(_now(), data))
            now = time.monotonic()
            if now - before < 2 * BATCH_S:
                self._closing.wait(BATCH_S)
            before = now

    def _connect(self, lost_at: float | None) -> Port | None:
        """The open port; None when closing, or when the time is over."""
        since = time.monotonic()
        limit_s = self._connect_timeout_s if lost_at is None else self._reconnect_timeout_s
        while not self._closing.is_set():
            left_s = OPEN_S if limit_s is None else since + limit_s - time.monotonic()
            try:
                return self._open(min(OPEN_S, max(left_s, RETRY_S)))
            except WorkbenchError as error:
                waited_s = time.monotonic() - since
                if _hopeless(error, waited_s, first=lost_at is None) or (limit_s and waited_s >= limit_s):
                    self._sink(GivenUp(_now(), error))
                    return None
            self._closing.wait(RETRY_S if waited_s < QUICK_S else RETRY_SLOW_S)
        return None

    def _open(self, timeout_s: float) -> Port:
        """Opens the port, unless a link still leads to where a pty was lost.

        A pty never comes back, but the system gives its number to the next one: a stranger's terminal.
        """
        link = PtyLink.of(self._name)
        if link is not None and link == self._last_link:
            raise SerialMissing(f"{self._name} still leads to a pty that is gone")
        port = open_port(self._name, self._settings, timeout_s=timeout_s)
        self._last_link = link
        return port


def _hopeless(error: WorkbenchError, waited_s: float, *, first: bool) -> bool:
    """Whether waiting cannot help: a setting that no port takes, or at first a port that others hold."""
    if not isinstance(error, SerialError):
        return True
    return first and waited_s >= GRACE_S and not isinstance(error, SerialMissing | SerialTimeout)


def _now() -> datetime:
    return datetime.now(UTC)
