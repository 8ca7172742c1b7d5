"""How a client talks to a twin's supervisor: JSON over a unix socket, a line a request, a line its answer.

A request has `op` and arguments; an answer has `ok` (a value) or `error` (words) with `kind`.  `dap` carries
a list of debug-port operations; the answer holds the values up to the first fault and says at which operation
it came.  Blocks of bytes are in Base64.
"""

from __future__ import annotations

import json
import math
import socket
import struct
from base64 import b64decode
from pathlib import Path
from typing import Any, Final

from workbench.settings import runtime_dir

# files in a twin's folder
NVM_FILE: Final = "nvm.bin"
CHIP_FILE: Final = "chip.json"
CUT_FILE: Final = "last-cut.json"
LOG_FILE: Final = "supervisor.log"
TTY_LINK: Final = "tty"
LOCK_FILE: Final = "power.lock"
"""Locked as long as the twin has power, and until its memories are saved."""

MAX_LINE: Final = 1 << 22
MAX_OPERATIONS: Final = 1 << 12
MAX_COUNT: Final = 1 << 16
"""Words that one operation may move."""
WORD: Final = 0xFFFFFFFF
SIZES: Final = (1, 2, 4)
"""Bytes of one memory access."""


class SupervisorGone(Exception):
    """Nobody answers: the twin has no power, or lost it during the request."""


class SupervisorSilent(SupervisorGone):
    """There is a supervisor, but it did not answer in time."""


class Refused(Exception):
    """The supervisor said no; `kind` is "fault", "busy", "bad-request" or "defect"."""

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


def check_operations(operations: Any) -> None:
    """Raise ValueError unless this is a list of debug-port operations with arguments that fit."""
    if not isinstance(operations, list) or len(operations) > MAX_OPERATIONS:
        raise ValueError(f"ops is a list of up to {MAX_OPERATIONS}")
    for operation in operations:
        match operation:
            case ["rm", int(address), int(size)] if 0 <= address <= WORD and size in SIZES:
                continue
            case ["wm", int(address), int(size), int(value)] if (
                0 <= min(address, value) <= max(address, value) <= WORD and size in SIZES
            ):
                continue
            case ["rb", int(address), int(length)] if 0 <= address <= WORD and 1 <= length <= 4 * MAX_COUNT:
                continue
            case ["wb", int(address), str(data)] if 0 <= address <= WORD and _are_bytes(data):
                continue
            case ["line-reset"]:
                continue
            case ["rdp" | "rap", int(address)] if 0 <= address <= WORD:
                continue
            case ["wdp" | "wap", int(address), int(value)] if (
                0 <= min(address, value) <= max(address, value) <= WORD
            ):
                continue
            case ["rapm", int(address), int(count)] if 0 <= address <= WORD and 1 <= count <= MAX_COUNT:
                continue
            case ["wapm", int(address), list(values)] if 0 <= address <= WORD and _are_words(values):
                continue
        raise ValueError(f"not a debug-port operation: {operation!r:.80}")


def _are_bytes(data: str) -> bool:
    return 1 <= len(b64decode(data, validate=True)) <= 4 * MAX_COUNT


def _are_words(values: list[Any]) -> bool:
    return 1 <= len(values) <= MAX_COUNT and all(type(v) is int and 0 <= v <= WORD for v in values)


class Client:
    """One connection to a supervisor.  Raises SupervisorGone, Refused."""

    def __init__(self, path: Path, timeout_s: float = 20.0) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._buffer = b""
        # a connect() with Python's own time limit does not wait for a place in the queue
        self._sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", math.ceil(timeout_s), 0)
        )
        try:
            self._sock.connect(str(path))
        except BlockingIOError as error:
            self._sock.close()
            raise SupervisorSilent("the twin does not answer") from error
        except OSError as error:
            self._sock.close()
            raise SupervisorGone(f"{path.name}: {error}") from error
        self._sock.settimeout(timeout_s)

    def ask(self, op: str, **arguments: Any) -> Any:
        """Send a request, return the value of its answer.  After SupervisorGone the connection is closed."""
        try:
            self._sock.sendall(json.dumps({"op": op, **arguments}).encode("ascii") + b"\n")
            while b"\n" not in self._buffer:
                data = self._sock.recv(1 << 18)
                if not data:
                    raise SupervisorGone("the twin lost its power")
                self._buffer += data
        except TimeoutError as error:
            # an answer that comes later must not be taken for that of the next request
            self._sock.close()
            raise SupervisorSilent("the twin does not answer") from error
        except OSError as error:
            self._sock.close()
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
