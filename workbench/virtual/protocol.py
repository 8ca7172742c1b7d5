"""How a client talks to a twin's supervisor: one JSON object a line, over a unix socket;

one answer for each request.

A request has `op` and arguments; an answer has `ok` (a value) or `error` (words) with `kind`.  `dap` carries
a list of debug-port operations; the answer holds the values up to the first fault and says at which operation
it came.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any, Final

from workbench.settings import runtime_dir

MAX_LINE: Final = 1 << 22


class SupervisorGone(Exception):
    """Nobody answers: the twin has no power, or lost it during the request."""


class Refused(Exception):
    """The supervisor said no; `kind` is "fault", "busy" or "bad-request"."""

    def __init__(self, kind: str, text: str, values: list[Any] | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.values = values or []


def sockets_dir() -> Path:
    """Folder with one socket for each powered twin of this user."""
    folder = runtime_dir() / "twins"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def socket_path(uid: str) -> Path:
    """Where the supervisor of a twin listens."""
    return sockets_dir() / f"{uid}.sock"


class Client:
    """One connection to a supervisor.  Raises SupervisorGone, Refused."""

    def __init__(self, path: Path, timeout_s: float = 20.0) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(timeout_s)
        self._buffer = b""
        try:
            self._sock.connect(str(path))
        except OSError as error:
            self._sock.close()
            raise SupervisorGone(f"{path.name}: {error}") from error

    def ask(self, op: str, **arguments: Any) -> Any:
        """Send a request, return the value of its answer."""
        try:
            self._sock.sendall(json.dumps({"op": op, **arguments}).encode("ascii") + b"\n")
            while b"\n" not in self._buffer:
                data = self._sock.recv(1 << 18)
                if not data:
                    raise SupervisorGone("the twin lost its power")
                self._buffer += data
        except OSError as error:
            raise SupervisorGone(f"the twin does not answer: {error}") from error
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer.get("kind", "bad-request"), answer["error"], answer.get("values"))
        return answer["ok"]

    def close(self) -> None:
        """End the connection."""
        self._sock.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
