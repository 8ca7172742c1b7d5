"""Client of QEMU's monitor (QMP): commands, and the events that come with them.  Knows the protocol only.

QEMU tells of every stop and start of the machine, several for each trap.  Unread events pile up in QEMU,
which gets slower with each; `drain` throws them away.  Source: QEMU, "QEMU Machine Protocol Specification".
"""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from workbench.virtual.gdb import MachineGone


class Monitor:
    """One connection; calls block at most `timeout_s`.  Raises MachineGone."""

    def __init__(self, sock: socket.socket, timeout_s: float = 10.0) -> None:
        self._sock = sock
        self._timeout_s = timeout_s
        self._buffer = b""
        self._events: list[str] = []
        self._next(time.monotonic() + timeout_s)
        self.command("qmp_capabilities")

    def command(self, name: str, **arguments: Any) -> Any:
        """Carry out a command and return what it returns; forgets events from before."""
        self._events.clear()
        request = {"execute": name, "arguments": arguments}
        deadline = time.monotonic() + self._timeout_s
        try:
            self._sock.sendall(json.dumps(request).encode("ascii"))
        except OSError as error:
            raise MachineGone(str(error)) from error
        while "event" in (message := self._next(deadline)):
            self._events.append(message["event"])
        if "return" not in message:
            raise MachineGone(f"QEMU refused {name}: {message.get('error')}")
        return message["return"]

    def await_event(self, name: str) -> None:
        """Wait for an event that follows from the last command."""
        deadline = time.monotonic() + self._timeout_s
        while name not in self._events:
            self._events.append(self._next(deadline).get("event", ""))

    def drain(self) -> None:
        """Throw away events that have come, without waiting."""
        self._sock.settimeout(0)
        try:
            data = self._sock.recv(1 << 18)
        except OSError:
            return
        self._buffer = (self._buffer + data).rpartition(b"\n")[2]

    def close(self) -> None:
        """End the connection."""
        self._sock.close()

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            try:
                self._sock.settimeout(max(0.01, deadline - time.monotonic()))
                data = self._sock.recv(1 << 18)
            except OSError as error:
                raise MachineGone(f"QEMU's monitor: {error}") from error
            if not data:
                raise MachineGone("QEMU closed the monitor connection")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message
