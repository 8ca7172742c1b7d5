"""Client of QEMU's gdb stub: registers, breakpoints, run control.  Knows the protocol, not the chip.

Packets other than the interrupt byte stop a running machine in QEMU, so callers send them only while it is
stopped. Source: "Debugging with GDB", appendix on the remote serial protocol.
"""

from __future__ import annotations

import select
import socket
import time
from typing import Final

REG_PC: Final = 15
REG_XPSR: Final = 25
BREAK_HARDWARE: Final = 1
WATCH_WRITE: Final = 2
WATCH_READ: Final = 3
WATCH_ACCESS: Final = 4


class MachineGone(Exception):
    """QEMU closed a connection: the emulated machine has ended."""


class GdbStub:
    """One connection to the stub; all calls block at most `timeout_s`."""

    def __init__(self, sock: socket.socket, timeout_s: float = 10.0) -> None:
        self._sock = sock
        self._timeout_s = timeout_s
        self._buffer = b""
        self._step_flags = ""
        self.command("QStartNoAckMode")
        sock.sendall(b"+")
        self.command("qSupported:swbreak+;hwbreak+")
        self.command("qXfer:features:read:target.xml:0,fff")

    def fileno(self) -> int:
        """For select(): readable when the machine stopped by itself."""
        return self._sock.fileno()

    def command(self, text: str) -> bytes:
        """Send a packet and return the answer."""
        self.send(text)
        answer = self.receive(self._timeout_s)
        if answer is None:
            raise MachineGone(f"no answer to {text[:20]!r} within {self._timeout_s} s")
        return answer

    def send(self, text: str) -> None:
        """Send a packet whose answer comes later (continue)."""
        data = text.encode("ascii")
        try:
            self._sock.sendall(b"$%s#%02x" % (data, sum(data) & 0xFF))
        except OSError as error:
            raise MachineGone(str(error)) from error

    def interrupt(self) -> None:
        """Ask a running machine to stop; a stop packet follows."""
        try:
            self._sock.sendall(b"\x03")
        except OSError as error:
            raise MachineGone(str(error)) from error

    def receive(self, timeout_s: float) -> bytes | None:
        """Next packet, or None when none came within `timeout_s` (0 polls)."""
        deadline = time.monotonic() + timeout_s
        while (packet := self._take()) is None:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._sock], [], [], left)[0]:
                return None
            try:
                data = self._sock.recv(65536)
            except OSError as error:
                raise MachineGone(str(error)) from error
            if not data:
                raise MachineGone("QEMU closed the debug connection")
            self._buffer += data
        return packet

    def _take(self) -> bytes | None:
        start = self._buffer.find(b"$")
        end = self._buffer.find(b"#", start + 1)
        if start < 0 or end < 0 or len(self._buffer) < end + 3:
            return None
        packet = self._buffer[start + 1 : end]
        self._buffer = self._buffer[end + 3 :]
        return packet

    def read_register(self, number: int) -> int:
        """32-bit core register by its number in the target description."""
        return int.from_bytes(bytes.fromhex(self.command(f"p{number:x}").decode("ascii"))[:4], "little")

    def write_register(self, number: int, value: int) -> None:
        """Set a core register."""
        self.command(f"P{number:x}={(value & 0xFFFFFFFF).to_bytes(4, 'little').hex()}")

    def insert(self, kind: int, address: int, size: int) -> None:
        """Insert a breakpoint or watchpoint."""
        self.command(f"Z{kind},{address:x},{size:x}")

    def remove(self, kind: int, address: int, size: int) -> None:
        """Remove a breakpoint or watchpoint; one that is not there is no error."""
        self.command(f"z{kind},{address:x},{size:x}")

    def step(self, *, interrupts: bool = False) -> bytes:
        """Run one instruction; `interrupts` lets a pending one be taken.  Returns the stop packet."""
        flags = "1" if interrupts else "7"
        if flags != self._step_flags:
            self.command(f"Qqemu.sstep={flags}")
            self._step_flags = flags
        return self.command("vCont;s")

    def resume(self) -> None:
        """Let the machine run; a stop packet comes when it stops."""
        self.send("vCont;c")
