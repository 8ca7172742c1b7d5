"""A board's console as a library: everything it prints is logged, kept as lines, and can be waited for.

The port may vanish and come back (unplugged, power cycle, a link that leads to another port): the console
connects again by itself and marks the gap.  Text is cleaned wherever a person may see it; the log holds the
raw bytes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from workbench.errors import Stopped, WorkbenchError
from workbench.events import Emit, Notice, ignore
from workbench.wires.errors import ConsoleLogFailed, ConsoleTimeout, SerialLost
from workbench.wires.lines import KEEP_LINES, Line, LineLog
from workbench.wires.link import Change, Connected, GivenUp, Link, Lost, Received
from workbench.wires.patterns import BUFFER_BYTES, ExpectBuffer, Match, Pattern, Search
from workbench.wires.rawlog import LOG_BYTES, RawLog
from workbench.wires.serial_port import PortSettings
from workbench.wires.timeouts import Wait, timeout_error

CONNECT_S: Final = 10.0
WRITE_S: Final = 5.0
_REST: Final = 3
"""A regex rests this many times as long as its last look took, to take a quarter of a core at most."""
_REST_MAX_S: Final = 0.25


class Console:
    """The console on one serial port.  `with Console(port) as console:` connects, and closes at the end.

    port                 path or pyserial URL
    baud, settings       the line; `settings` wins
    log_path             file to which raw bytes are appended as they arrive
    emit                 hears Notices when the connection is lost and when it is back
    listener             hears every Change; like `emit` it is called from the reader's thread, must be quick,
                         must not raise and must not close the console
    connect_timeout_s    how long to wait for the port at first
    reconnect_timeout_s  how long to look for a port that was lost; None: until closed

    One thread at a time may wait; any may write.
    """

    def __init__(
        self,
        port: str,
        baud: int = 115_200,
        *,
        settings: PortSettings | None = None,
        log_path: Path | None = None,
        emit: Emit = ignore,
        listener: Callable[[Change], None] | None = None,
        connect_timeout_s: float = CONNECT_S,
        reconnect_timeout_s: float | None = None,
        buffer_bytes: int = BUFFER_BYTES,
        keep_lines: int = KEEP_LINES,
        log_limit_bytes: int = LOG_BYTES,
    ) -> None:
        self.port = port
        self.settings = settings or PortSettings(baud=baud)
        self.log_path = log_path
        self._log = None if log_path is None else RawLog(log_path, log_limit_bytes)
        self._emit = emit
        self._listener = listener
        self._changed = threading.Condition()
        self._buffer = ExpectBuffer(buffer_bytes)
        self._lines = LineLog(keep_lines=keep_lines)
        self._connected = False
        self._closed = False
        self._losses = 0
        self._last_byte: tuple[float, datetime] | None = None
        self._failure: WorkbenchError | None = None
        self._log_failure: ConsoleLogFailed | None = None
        self._link = Link(
            port,
            self.settings,
            self._on_change,
            connect_timeout_s=connect_timeout_s,
            reconnect_timeout_s=reconnect_timeout_s,
        )

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- connection ---

    def open(self) -> None:
        """Connects.  Raises SerialMissing, SerialBusy, SerialDenied, SerialInvalid, ConsoleLogFailed."""
        if self._log is not None:
            self._log.open()
        self._link.start()
        try:
            self._wait_connected(None)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Gives the port back and ends the log.  Never takes longer than about two seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._link.close()
        if self._log is not None:
            self._log.close()

    @property
    def connected(self) -> bool:
        """Whether the port is there at this moment."""
        return self._connected and not self._closed

    def wait_connected(self, timeout_s: float = CONNECT_S) -> None:
        """Waits until the port is there.  Raises SerialLost."""
        self._wait_connected(timeout_s)

    def _wait_connected(self, timeout_s: float | None) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._over(), timeout_s)
            if self._connected:
                return
            self._raise_if_over()
        raise SerialLost(f"{self.port} did not come back within {timeout_s:g} s")

    def _over(self) -> bool:
        return self._closed or self._failure is not None

    def _raise_if_over(self) -> None:
        if self._closed:
            raise Stopped(f"the console on {self.port} is closed")
        if self._failure is not None:
            raise self._failure

    # --- to the board ---

    def write(self, data: bytes, *, timeout_s: float = WRITE_S) -> None:
        """Sends `data`, first waiting for a lost port to come back.  Raises SerialLost, SerialTimeout."""
        deadline = time.monotonic() + timeout_s
        self._wait_connected(timeout_s)
        self._link.port().write(data, max(deadline - time.monotonic(), 0.05))

    def send_line(self, text: str, *, end: str = "\n", timeout_s: float = WRITE_S) -> None:
        """Sends `text` in UTF-8 and `end`.  Raises SerialLost, SerialTimeout."""
        self.write((text + end).encode(), timeout_s=timeout_s)

    def send_break(self) -> None:
        """Holds the line in break.  Raises SerialLost, or SerialError where the port has no break."""
        self._link.port().send_break()

    # --- from the board ---

    def expect(self, pattern: Pattern, timeout_s: float) -> Match:
        """Waits for `pattern`, from the first byte that no earlier match consumed; a match consumes up to
        its end.

        Raises ConsoleTimeout with the text that did arrive, SerialLost where the port is away when the time
        is over, PatternInvalid, ConsoleLogFailed, and what made the console give up.
        """
        expectation = self.expecting(pattern, timeout_s)
        with self._changed:
            while True:
                if (found := expectation.look()) is not None:
                    return found
                self._wait_beyond(self._buffer.end, expectation.left_s)
                if (rest_s := expectation.rest_s) > 0:
                    self._changed.wait_for(self._over, rest_s)

    def _wait_beyond(self, position: int, timeout_s: float) -> None:
        """Waits until more than `position` bytes arrived, or the console is over."""
        self._changed.wait_for(lambda: self._buffer.end > position or self._over(), timeout_s)

    def expecting(self, pattern: Pattern, timeout_s: float) -> Expectation:
        """As `expect`, for a caller with a loop of its own that looks now and then."""
        return Expectation(self, pattern, timeout_s)

    def clear(self) -> int:
        """Forgets what arrived unread, such as the banner from before a reset; says how many bytes."""
        with self._changed:
            return self._buffer.clear()

    def lines(self) -> tuple[Line, ...]:
        """The last lines with their times and with the gaps, oldest first; the last may be unfinished."""
        with self._changed:
            return self._lines.snapshot()

    @property
    def log_failure(self) -> ConsoleLogFailed | None:
        """Why the log ended early, if it did."""
        return self._log_failure

    @property
    def received_bytes(self) -> int:
        """How many bytes arrived since the console was opened."""
        return self._buffer.end

    @property
    def last_byte_at(self) -> datetime | None:
        """When the last byte arrived, UTC."""
        return self._last_byte[1] if self._last_byte else None

    # --- the reader's thread ---

    def _on_change(self, change: Change) -> None:
        if isinstance(change, Received):
            self._on_bytes(change)
        else:
            self._on_connection(change)
        if self._listener is not None:
            self._listener(change)

    def _on_bytes(self, change: Received) -> None:
        log_failure = self._write_log(change.data)
        with self._changed:
            self._buffer.feed(change.data)
            self._lines.feed(change.at, change.data)
            self._last_byte = (time.monotonic(), change.at)
            self._changed.notify_all()
        if log_failure is not None:
            self._emit(Notice(level="warning", text=log_failure.what))

    def _write_log(self, data: bytes) -> ConsoleLogFailed | None:
        """Appends to the log.  A failure ends it, is returned once, and is raised by the next `expect`."""
        if self._log is None or self._log_failure is not None:
            return None
        try:
            self._log.append(data)
        except ConsoleLogFailed as error:
            self._log_failure = error
            return error
        return None

    def _on_connection(self, change: Connected | Lost | GivenUp) -> None:
        with self._changed:
            self._connected = isinstance(change, Connected)
            notice = self._note(change)
            self._changed.notify_all()
        if notice is not None:
            self._emit(notice)

    def _note(self, change: Connected | Lost | GivenUp) -> Notice | None:
        """Marks a change of the connection in lines and buffer; what to tell the listeners."""
        if isinstance(change, GivenUp):
            self._failure = change.error
            return None
        if isinstance(change, Lost):
            self._losses += 1
            self._buffer.cut()
            self._lines.gap(change.at, "lost", change.error.what)
            return Notice(level="warning", text=f"console: {change.error.what}")
        if change.gap_s is None:
            return None
        text = f"{self.port} is back after {change.gap_s:.1f} s"
        self._lines.gap(change.at, "back", text)
        return Notice(level="info", text=f"console: {text}")


class Expectation:
    """One pattern that a console is to print before a deadline."""

    def __init__(self, console: Console, pattern: Pattern, timeout_s: float) -> None:
        self._console = console
        self._pattern = pattern
        self._search = Search(pattern)
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._rest_until = 0.0
        self._received_before = console.received_bytes
        self._losses_before = console._losses

    @property
    def rest_s(self) -> float:
        """Seconds before another look is worth its price, at most until the deadline."""
        return max(min(self._rest_until, self._deadline) - time.monotonic(), 0)

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self._deadline - time.monotonic()

    def look(self) -> Match | None:
        """The match, or None while there is time.  Raises as `Console.expect` does."""
        console = self._console
        with console._changed:
            late = self.left_s <= 0
            found = self._look()
            if found is not None:
                return found
            if console._log_failure is not None:
                raise console._log_failure
            console._raise_if_over()
            if late:
                raise self._timeout()
        return None

    def _look(self) -> Match | None:
        started = time.monotonic()
        found = self._search.look(self._console._buffer)
        now = time.monotonic()
        self._rest_until = now + (0 if self._search.cheap else min(_REST * (now - started), _REST_MAX_S))
        return found

    def _timeout(self) -> ConsoleTimeout | SerialLost:
        console = self._console
        last = console._last_byte
        wait = Wait(
            port=console.port,
            baud=console.settings.baud,
            pattern=self._pattern,
            timeout_s=self._timeout_s,
            received_bytes=console.received_bytes - self._received_before,
            received_ever=console.received_bytes,
            last_byte_at=last[1] if last else None,
            silent_s=time.monotonic() - last[0] if last else None,
            losses=console._losses - self._losses_before,
            connected=console.connected,
            dropped_bytes=console._buffer.dropped_bytes,
            log_path=None if console.log_path is None else str(console.log_path),
        )
        return timeout_error(wait, console._buffer)
