"""Far ends of a wire for the tests of consoles and ports: real ptys, sockets, and an RFC 2217 server."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import serial
from serial import rfc2217


def wait_until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Waits for a condition, and fails when it does not come true."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        pause.wait(0.002)


class PtyBoard:
    """A board on a pty, reached by a symlink that can be moved to a new pty."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.fds: list[int] = []
        self.plug()

    def plug(self) -> None:
        """A new pty, with the link on it; the old one stays open.  Raw from the start, as a UART is."""
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.fds += [self.master, slave]
        self.slave = slave
        fresh = self.link.with_suffix(".new")
        fresh.symlink_to(os.ttyname(slave))
        fresh.replace(self.link)

    def unplug(self) -> None:
        """Hangs up; the link stays, and leads nowhere."""
        for fd in (self.slave, self.master):
            self.fds.remove(fd)
            os.close(fd)

    def say(self, data: bytes) -> None:
        """What the board prints."""
        left = memoryview(data)
        while left:
            left = left[os.write(self.master, left) :]

    def heard(self, count: int, timeout_s: float = 5.0) -> bytes:
        """The next `count` bytes that were sent to the board."""
        return read_exactly(self.master, count, timeout_s)

    def close(self) -> None:
        """Frees all ptys."""
        for fd in self.fds:
            os.close(fd)
        self.fds.clear()


def read_exactly(fd: int, count: int, timeout_s: float = 5.0) -> bytes:
    """Reads `count` bytes, and fails when they do not come."""
    data = b""
    deadline = time.monotonic() + timeout_s
    while len(data) < count:
        assert select.select([fd], [], [], max(deadline - time.monotonic(), 0))[0], f"only {data!r} came"
        data += os.read(fd, count - len(data))
    return data


@contextlib.contextmanager
def pty_board(folder: Path) -> Iterator[PtyBoard]:
    """A PtyBoard that is freed at the end."""
    board = PtyBoard(folder / "port")
    try:
        yield board
    finally:
        board.close()


class TcpBoard:
    """A board behind a TCP server that takes one client at a time."""

    def __init__(self, port: int = 0) -> None:
        self.server = socket.create_server(("127.0.0.1", port))
        self.port: int = self.server.getsockname()[1]
        self.client: socket.socket | None = None

    @property
    def url(self) -> str:
        """The board as pyserial names it."""
        return f"socket://127.0.0.1:{self.port}"

    def accept(self) -> socket.socket:
        """Waits for the client."""
        self.server.settimeout(5)
        self.client = self.server.accept()[0]
        self.client.settimeout(5)
        return self.client

    def close(self) -> None:
        """Closes server and client; the port can be listened on again at once."""
        self.server.close()
        if self.client is not None:
            self.client.close()


class _Connection:
    """What pyserial's PortManager writes to."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._client.sendall(data)


class Rfc2217Server:
    """A serial server built on pyserial's PortManager.  Its port is `loop://`: what is sent comes back."""

    def __init__(self, port: int = 0) -> None:
        self._tcp = TcpBoard(port)
        self.port = self._tcp.port
        self.device = serial.serial_for_url("loop://", timeout=0.02)
        self.client_gone = threading.Event()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        """The server as pyserial names it."""
        return f"rfc2217://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            client = self._tcp.accept()
            connection = _Connection(client)
            manager = rfc2217.PortManager(self.device, connection)  # type: ignore[arg-type]
            outward = threading.Thread(target=self._outward, args=(manager, connection), daemon=True)
            self._threads.append(outward)
            outward.start()
            self._inward(client, manager)

    def _outward(self, manager: rfc2217.PortManager, connection: _Connection) -> None:
        while not self._stop.is_set():
            data = self.device.read(self.device.in_waiting or 1)
            if data:
                connection.write(b"".join(manager.escape(data)))

    def _inward(self, client: socket.socket, manager: rfc2217.PortManager) -> None:
        client.settimeout(0.05)
        while not self._stop.is_set():
            try:
                data = client.recv(4096)
            except TimeoutError:
                continue
            if not data:
                self.client_gone.set()
                return
            self.device.write(b"".join(manager.filter(data)))

    def close(self) -> None:
        """Ends the server as a crash would, without a word to the client."""
        self._stop.set()
        self._tcp.close()
        for thread in self._threads:
            thread.join(5)
        self.device.close()
