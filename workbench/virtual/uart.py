"""The twin's serial line: a pseudo terminal that any serial library opens, with QEMU's UART behind it.

As on a real port, what the board says while nobody has the port open is lost.  Runs in a thread of its own.
"""

from __future__ import annotations

import os
import pty
import select
import socket
import termios
import threading
import tty
from pathlib import Path
from typing import Final

CHUNK: Final = 4096
BACKLOG: Final = 1 << 16
CLOSED_POLL_S: Final = 0.02


class Uart:
    """Relay between a socket and a new pty; `link` becomes a symbolic link to the pty."""

    def __init__(self, sock: socket.socket, link: Path) -> None:
        self._sock = sock
        self._sock.setblocking(False)
        self._link = link
        self._master, slave = pty.openpty()
        tty.setraw(slave, termios.TCSANOW)
        name = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        temporary = link.with_name(f".{link.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(name)
        temporary.replace(link)
        self._stop_r, self._stop_w = os.pipe()
        self._to_board = b""
        self._to_host = b""
        self._thread = threading.Thread(target=self._run, name="uart", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the relay and take the link away."""
        os.write(self._stop_w, b"x")
        self._thread.join(5)
        self._link.unlink(missing_ok=True)
        for fd in (self._master, self._stop_r, self._stop_w):
            os.close(fd)

    def rewire(self, sock: socket.socket) -> None:
        """Put another machine behind the same pty."""
        os.write(self._stop_w, b"x")
        self._thread.join(5)
        os.read(self._stop_r, 1)
        self._sock = sock
        self._sock.setblocking(False)
        self._to_board = self._to_host = b""
        self._thread = threading.Thread(target=self._run, name="uart", daemon=True)
        self._thread.start()

    def _is_open(self) -> bool:
        """Whether somebody has the port open."""
        poll = select.poll()
        poll.register(self._master, 0)
        return not any(event & select.POLLHUP for _, event in poll.poll(0))

    def _run(self) -> None:
        while True:
            is_open = self._is_open()
            readers = [self._stop_r]
            writers: list[int | socket.socket] = [self._sock] if self._to_board else []
            if is_open and len(self._to_board) < CHUNK:
                readers.append(self._master)
            if is_open and self._to_host:
                writers.append(self._master)
            sources: list[int | socket.socket] = [*readers]
            if len(self._to_host) < BACKLOG:
                sources.append(self._sock)
            ready, _, _ = select.select(sources, writers, [], None if is_open else CLOSED_POLL_S)
            if self._stop_r in ready or not self._move(is_open):
                return

    def _move(self, is_open: bool) -> bool:
        """Move what can be moved without waiting; False when the machine has gone."""
        try:
            data = self._sock.recv(CHUNK) if len(self._to_host) < BACKLOG else b" "
            if not data:
                return False
            if len(self._to_host) < BACKLOG:
                self._to_host += data
        except BlockingIOError:
            pass
        except OSError:
            return False
        if not is_open:
            self._to_host = b""
            return True
        try:
            if self._to_host:
                self._to_host = self._to_host[os.write(self._master, self._to_host) :]
        except OSError:
            pass
        try:
            if len(self._to_board) < CHUNK:
                self._to_board += os.read(self._master, CHUNK)
        except OSError:
            pass
        try:
            if self._to_board:
                self._to_board = self._to_board[self._sock.send(self._to_board) :]
        except OSError:
            pass
        return True
