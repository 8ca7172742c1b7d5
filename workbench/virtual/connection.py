"""One client of a supervisor: lines in, lines out, never waiting for it."""

from __future__ import annotations

import json
import selectors
import socket
from collections.abc import Iterator
from typing import Any, Final

from workbench.virtual.protocol import MAX_LINE

CHUNK: Final = 1 << 18
UNREAD_LIMIT: Final = 1 << 20
"""Bytes of answers after which a client that does not take them is not listened to."""
TURN: Final = 16
"""Requests after which it is somebody else's turn."""


class Connection:
    """A client's socket and what waits on both sides of it."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._gone = False
        self._incoming = b""
        self._outgoing = b""

    def has_left(self) -> bool:
        """Whether the client has gone, or is to be dropped."""
        return self._gone

    def wanted(self) -> int:
        """What to wait for: answers to be taken come before further requests."""
        if len(self._outgoing) > UNREAD_LIMIT or b"\n" in self._incoming:
            return selectors.EVENT_WRITE
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0)

    def requests(self) -> Iterator[bytes]:
        """The next requests that are complete, one line each, as long as their answers are taken."""
        self._send()
        if b"\n" not in self._incoming:
            self._receive()
        for _ in range(TURN):
            if self._gone or len(self._outgoing) > UNREAD_LIMIT or b"\n" not in self._incoming:
                return
            line, _, self._incoming = self._incoming.partition(b"\n")
            yield line

    def _receive(self) -> None:
        try:
            data = self.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._incoming += data
        self._gone |= not data or (len(self._incoming) > MAX_LINE and b"\n" not in data)

    def answer(self, answer: dict[str, Any]) -> None:
        """Send an answer, as much of it as the client takes now."""
        self._outgoing += json.dumps(answer).encode("ascii") + b"\n"
        self._send()

    def _send(self) -> None:
        try:
            if self._outgoing:
                self._outgoing = self._outgoing[self.sock.send(self._outgoing) :]
        except BlockingIOError:
            pass
        except OSError:
            self._gone = True
