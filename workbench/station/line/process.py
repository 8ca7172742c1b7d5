"""A slot's process as the line holds it: started, spoken to over a socket, killed, reaped.

Started anew and never forked: a face has threads.  The process is in a session of its own, so that the
terminal's Ctrl-C does not reach it, and ends by itself after its current step when the line is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from workbench.station.line.protocol import Lines, Order, Report, decode_report, encode_order

_READ_BYTES: Final = 1 << 16
LOG: Final = "process.log"
"""In the slot's state folder: what the process and its libraries print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a process works, and by what: everything that it is told when it starts."""

    bench: str
    slot: str
    state_dir: str
    recipe: str
    recipe_sha256: str
    lot: str | None
    station: str

    def as_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """As it was; raises TypeError, ValueError."""
        return cls(**json.loads(text))


class SlotProcess:
    """One process of a slot, from its start to its end.  Not safe for threads but for `send` and `kill`."""

    def __init__(self, place: Place) -> None:
        """Starts it; raises OSError."""
        self.place = place
        ours, theirs = socket.socketpair()
        try:
            self._child = _start(place, theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._pidfd = os.pidfd_open(self._child.pid)
        ours.setblocking(False)
        self._socket = ours
        self._lines = Lines()
        self.kill_reason: str | None = None

    @property
    def pid(self) -> int:
        """Its process ID."""
        return self._child.pid

    def filenos(self) -> tuple[int, int]:
        """What tells a selector that there is something to `read`: the line's end of the socket, and the
        process's end, because a child that it left behind may hold the socket open.
        """
        return self._socket.fileno(), self._pidfd

    def send(self, order: Order) -> None:
        """An order; of a process that is gone nobody hears, and its end is noticed by `read`."""
        with contextlib.suppress(OSError):
            self._socket.sendall(encode_order(order))

    def read(self) -> list[Report] | None:
        """What it said since the last time; None at its end."""
        is_dead = self._is_dead()
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return None if is_dead else []
        except OSError:
            return None
        if not data:
            return None
        return [report for line in self._lines.feed(data) if (report := decode_report(line)) is not None]

    def let_end(self) -> None:
        """Tells it that nothing follows: it ends after what it is doing.  Its words are still read."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """Ends it at once, with what it started in its own session (not the boards: they have their own)."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)

    def reap(self, timeout_s: float = 5.0) -> int | None:
        """Its exit status, negative for a signal, None where it does not end; the socket is closed then."""
        self._socket.close()
        self._is_dead(timeout_s)
        self.kill()  # also what it left behind, while its number cannot be another process's
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None  # in the kernel's hands: an uninterruptible wait for a device
        finally:
            os.close(self._pidfd)

    def _is_dead(self, timeout_s: float = 0.0) -> bool:
        """Whether it has ended, or does so in that time; not reaped."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))


def _start(place: Place, theirs: socket.socket) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "workbench.station.line.worker", str(theirs.fileno()), place.as_json()]
    log = _log(Path(place.state_dir))
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    finally:
        if log != subprocess.DEVNULL:
            os.close(log)


def _log(folder: Path) -> int:
    """Where stray output goes; nowhere where the disk does not take it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError:
        return subprocess.DEVNULL
