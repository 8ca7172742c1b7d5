"""A serial port that is a file descriptor: a tty, a pty or a TCP socket.

Notices every way in which such a port goes away: error, hang-up, end of file, its path gone or leading
elsewhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import termios
import threading
import time
from typing import Final

import serial

from workbench.wires.errors import SerialError, SerialLost, SerialTimeout

READ_BYTES: Final = 65_536
PATH_CHECK_S: Final = 0.25
DRAIN_S: Final = 0.5
"""How long closing waits for bytes that are still on their way to the board."""
_SLICE_S: Final = 0.05
_AGAIN: Final = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR}


class FdPort:
    """Reads and writes the descriptor of `device` itself: one system call for all that is there.

    `path` is what the user named, possibly a link; `device` is open and does not block.
    """

    def __init__(self, name: str, device: serial.Serial | socket.socket, *, path: str | None = None) -> None:
        self._name = name
        self._device = device
        self._fd: int = device.fileno()
        self._path = path
        self._identity = _identity(os.fstat(self._fd))
        self._next_check = time.monotonic() + PATH_CHECK_S
        self._absent = 0
        self._lost: SerialLost | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._wake_read, self._wake_write = os.pipe()
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._poll.register(self._wake_read, select.POLLIN)

    def read_some(self, timeout_s: float) -> bytes:
        """See Port."""
        self._raise_if_lost()
        ready = dict(self._poll.poll(timeout_s * 1000))
        data = self._take(hung_up=bool(ready[self._fd] & ~select.POLLIN)) if self._fd in ready else b""
        if time.monotonic() >= self._next_check:
            self._check_path()
        if not data:
            self._raise_if_lost()
        return data

    def _raise_if_lost(self) -> None:
        if self._lost is not None:
            raise self._lost

    def _take(self, *, hung_up: bool) -> bytes:
        """What can be read now; after the end, b"" with `_lost` set."""
        try:
            data = os.read(self._fd, READ_BYTES)
        except OSError as error:
            if error.errno not in _AGAIN:
                self._lost = SerialLost(f"{self._name} vanished ({error.strerror})")
            elif hung_up:
                self._lost = SerialLost(f"{self._name} vanished (hung up)")
            return b""
        if not data:
            how = "closed by the far end" if self._path is None else "hung up"
            self._lost = SerialLost(f"{self._name} vanished ({how})")
        return data

    def _check_path(self) -> None:
        """Sets `_lost` when the path leads elsewhere or is gone twice: links may change in two steps."""
        self._next_check = time.monotonic() + PATH_CHECK_S
        if self._path is None:
            return
        try:
            same = _identity(os.stat(self._path)) == self._identity
        except OSError:
            self._absent += 1
            if self._absent > 1:
                self._lost = SerialLost(f"{self._path} is no longer there")
            return
        self._absent = 0
        if not same:
            self._lost = SerialLost(f"{self._path} leads to another port now")

    def write(self, data: bytes, timeout_s: float) -> None:
        """See Port."""
        deadline = time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        left = memoryview(data)
        while left:
            left = left[self._write_now(left) :]
            if left and time.monotonic() >= deadline:
                sent = len(data) - len(left)
                raise SerialTimeout(f"{self._name} took {sent} of {len(data)} bytes in {timeout_s:g} s")
            if left:
                poll.poll(_SLICE_S * 1000)

    def _write_now(self, data: memoryview) -> int:
        """How many bytes went out at once.  The lock keeps the descriptor from being closed and reused."""
        with self._lock:
            if self._closed:
                raise SerialLost(f"{self._name} vanished while it was written to")
            try:
                return os.write(self._fd, data)
            except OSError as error:
                if error.errno in _AGAIN:
                    return 0
                what = f"{self._name} vanished while it was written to ({error.strerror})"
                raise SerialLost(what) from error

    def send_break(self) -> None:
        """See Port."""
        if isinstance(self._device, socket.socket):
            raise SerialError(f"{self._name} cannot send a break", cause="a plain TCP connection has none")
        with self._lock:
            if self._closed:
                raise SerialLost(f"{self._name} vanished")
            try:
                self._device.send_break()
            except (OSError, termios.error) as error:
                raise SerialLost(f"{self._name} vanished ({error})") from error

    def wake(self) -> None:
        """See Port."""
        with self._lock:
            if not self._closed:
                os.write(self._wake_write, b"x")

    def close(self) -> None:
        """See Port.  Drops what is still under way after half a second; the kernel would wait for 30 s."""
        if isinstance(self._device, serial.Serial) and self._lost is None:
            _drain(self._device)
        with self._lock:
            if self._closed:
                return
            self._closed = True
            with contextlib.suppress(OSError, termios.error):
                if isinstance(self._device, serial.Serial):
                    termios.tcflush(self._fd, termios.TCOFLUSH)
            with contextlib.suppress(OSError):
                self._device.close()
            os.close(self._wake_read)
            os.close(self._wake_write)


def _drain(device: serial.Serial) -> None:
    """Waits until what was written has left the machine, at most DRAIN_S."""
    deadline = time.monotonic() + DRAIN_S
    pause = threading.Event()
    with contextlib.suppress(OSError):
        while device.out_waiting and time.monotonic() < deadline:
            pause.wait(0.005)


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    """What makes a device file that device file."""
    return found.st_dev, found.st_ino, found.st_rdev


def keep_alive(connection: socket.socket) -> None:
    """Lets TCP notice within about 10 s that the other machine is gone, and send single keys at once."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
