"""The twin's serial line: a pseudo terminal that any serial library opens, with QEMU's UART behind it.

As on a real port, what the board says while nobody has the port open is lost, and what a program left unread
when it closed the port is not there for the next one.  What a program wrote just before it closed still
reaches the board.  Runs in a thread of its own.
"""

from __future__ import annotations

import contextlib
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
RETRY_S: Final = 0.1
"""How often a full pty is tried again if the kernel should not say that there is room."""


class Uart:
    """Relay between a socket and a new pty; `link` becomes a symbolic link to the pty."""

    def __init__(self, sock: socket.socket, link: Path) -> None:
        self._link = link
        self._master, slave = pty.openpty()
        tty.setraw(slave, termios.TCSANOW)
        self._name = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        temporary = link.with_name(f".{link.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(self._name)
        temporary.replace(link)
        self._stop_r, self._stop_w = os.pipe()
        self.rewire(sock)

    def rewire(self, sock: socket.socket) -> None:
        """Put a machine behind the pty; one that was there has been detached."""
        sock.setblocking(False)
        self._sock = sock
        self._to_board = self._to_host = b""
        self._was_open = False
        self._thread = threading.Thread(target=self._run, name="uart", daemon=True)
        self._thread.start()

    def detach(self) -> None:
        """Take the machine away from behind the pty, which stays."""
        os.write(self._stop_w, b"x")
        self._thread.join()
        os.read(self._stop_r, 1)

    def close(self) -> None:
        """End the relay and take the link away."""
        self.detach()
        with contextlib.suppress(OSError):
            self._link.unlink(missing_ok=True)
        for fd in (self._master, self._stop_r, self._stop_w):
            os.close(fd)

    def _run(self) -> None:
        with select.epoll() as poll:
            poll.register(self._stop_r, select.EPOLLIN)
            # edges: a closed pty would be ready at every look
            poll.register(self._master, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
            poll.register(self._sock, select.EPOLLIN)
            while True:
                wanted = select.EPOLLIN if len(self._to_host) < BACKLOG else 0
                poll.modify(self._sock, wanted | (select.EPOLLOUT if self._to_board else 0))
                ready = [fd for fd, _ in poll.poll(RETRY_S if self._to_host else None)]
                if self._stop_r in ready or not self._relay():
                    return

    def _relay(self) -> bool:
        """Move what can be moved without waiting; False when the machine has gone."""
        while True:
            moved = self._host_to_board()
            if len(self._to_host) < BACKLOG:
                try:
                    data = self._sock.recv(CHUNK)
                except BlockingIOError:
                    data = None
                except OSError:
                    return False
                if data == b"":
                    return False
                self._to_host += data or b""
                moved |= bool(data)
            moved |= self._board_to_host()
            if not moved:
                return True

    def _host_to_board(self) -> bool:
        before = len(self._to_board)
        if before < CHUNK:
            with contextlib.suppress(OSError):  # nothing there, or the port is closed
                self._to_board += os.read(self._master, CHUNK)
        moved = len(self._to_board) > before
        if self._to_board:
            with contextlib.suppress(
                OSError
            ):  # no room, or the machine has gone, which the other direction tells
                sent = self._sock.send(self._to_board)
                self._to_board = self._to_board[sent:]
                moved |= sent > 0
        return moved

    def _board_to_host(self) -> bool:
        if not self._is_open():
            if self._was_open:
                self._forget_unread()
            self._was_open, self._to_host = False, b""
            return False
        self._was_open = True
        if not self._to_host:
            return False
        try:
            written = os.write(self._master, self._to_host)
        except OSError:
            return False
        self._to_host = self._to_host[written:]
        return True

    def _is_open(self) -> bool:
        """Whether somebody has the port open."""
        poll = select.poll()
        poll.register(self._master, 0)
        return not any(event & select.POLLHUP for _, event in poll.poll(0))

    def _forget_unread(self) -> None:
        """The last program has closed the port: throw away what it did not read, and its settings."""
        with contextlib.suppress(OSError):
            termios.tcflush(self._master, termios.TCOFLUSH)
            slave = os.open(self._name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                tty.setraw(slave, termios.TCSANOW)
                termios.tcflush(slave, termios.TCIFLUSH)
            finally:
                os.close(slave)
