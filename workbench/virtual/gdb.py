"""Client of QEMU's gdb stub: registers, breakpoints, run control.  Knows the protocol, not the chip.

Packets other than the interrupt byte stop a running machine in QEMU, so callers send them only while it is
stopped.  Each round trip costs more than what it carries: registers are read all at once and kept while the
machine stands still, and what needs no answer (traps, register writes) goes out with the next packet that
does.  Source: "Debugging with GDB", appendix on the remote serial protocol.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from typing import Final

REG_PC: Final = 15
REG_XPSR: Final = 25
CORE_REGISTERS: Final = 16
BREAK_HARDWARE: Final = 1
WATCH_WRITE: Final = 2
WATCH_READ: Final = 3
WATCH_ACCESS: Final = 4


class MachineGone(Exception):
    """QEMU closed a connection or does not answer: the emulated machine has ended."""


class GdbStub:
    """One connection to the stub; all calls block at most `timeout_s`.  Raises MachineGone."""

    def __init__(self, sock: socket.socket, timeout_s: float = 10.0) -> None:
        self._sock = sock
        self._timeout_s = timeout_s
        self._buffer = b""
        self._posted = b""
        self._unread = 0
        self._registers: tuple[int, ...] | None = None
        self._code_at, self._code = 0, b""
        self._step_flags = ""
        self.command("QStartNoAckMode")
        sock.sendall(b"+")
        self.command("qSupported:swbreak+;hwbreak+")
        self.command("qXfer:features:read:target.xml:0,fff")

    def fileno(self) -> int:
        """For select(): readable when the machine stopped by itself."""
        return self._sock.fileno()

    def close(self) -> None:
        """End the connection."""
        self._sock.close()

    # -- packets

    def command(self, text: str) -> bytes:
        """Send a packet and return the answer."""
        self.send(text)
        return self._answer(text)

    def _answer(self, text: str) -> bytes:
        answer = self.receive(self._timeout_s)
        if answer is None:
            raise MachineGone(f"no answer to {text[:20]!r} within {self._timeout_s} s")
        return answer

    def send(self, *texts: str) -> None:
        """Send packets whose answers come later (continue), behind everything posted."""
        data, self._posted = self._posted + b"".join(_packet(text) for text in texts), b""
        try:
            self._sock.sendall(data)
        except OSError as error:
            raise MachineGone(str(error)) from error

    def post(self, text: str) -> None:
        """Send a packet with the next one that is sent; its answer is dropped."""
        self._posted += _packet(text)
        self._unread += 1

    def settle(self) -> None:
        """Wait until everything posted is done; registers may change behind the stub's back afterwards."""
        self._registers = None
        if self._posted:
            self.command("qC")

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
        while True:
            start = self._buffer.find(b"$")
            end = self._buffer.find(b"#", start + 1)
            if start < 0 or end < 0 or len(self._buffer) < end + 3:
                return None
            packet = self._buffer[start + 1 : end]
            self._buffer = self._buffer[end + 3 :]
            if not self._unread:
                return packet
            self._unread -= 1

    # -- registers, while the machine is stopped

    def read_register(self, number: int) -> int:
        """32-bit core register: 0 to 15, or 25 for xPSR."""
        if self._registers is None:
            # what traps a core is often the same instruction again, so it is asked for as well
            self.send("g", f"m{self._code_at:x},2")
            # r0 to r15, then xPSR: the floating-point registers of other cores are not in this packet
            raw = bytes.fromhex(self._answer("g").decode("ascii"))
            self._registers = struct.unpack("<17I", raw[: 4 * (CORE_REGISTERS + 1)])
            self._code = self._answer("m")
        return self._registers[number if number < CORE_REGISTERS else CORE_REGISTERS]

    def instruction(self, pc: int) -> int:
        """The halfword at `pc`, as it was when the machine stopped."""
        self.read_register(REG_PC)
        if pc != self._code_at:
            self._code_at, self._code = pc, self.command(f"m{pc:x},2")
        return int.from_bytes(bytes.fromhex(self._code.decode("ascii")), "little")

    def write_register(self, number: int, value: int) -> None:
        """Set a core register."""
        self._registers = None
        self.post(f"P{number:x}={(value & 0xFFFFFFFF).to_bytes(4, 'little').hex()}")

    # -- traps

    def insert(self, kind: int, address: int, size: int) -> None:
        """Insert a breakpoint or watchpoint."""
        self.post(f"Z{kind},{address:x},{size:x}")

    def remove(self, kind: int, address: int, size: int) -> None:
        """Remove a breakpoint or watchpoint; one that is not there is no error."""
        self.post(f"z{kind},{address:x},{size:x}")

    # -- run control

    def step(self, *, interrupts: bool = False) -> bytes:
        """Run one instruction; `interrupts` lets a pending one be taken.  Returns the stop packet."""
        flags = "1" if interrupts else "7"
        if flags != self._step_flags:
            self.post(f"Qqemu.sstep={flags}")
            self._step_flags = flags
        self._registers = None
        return self.command("vCont;s")

    def resume(self) -> None:
        """Let the machine run; a stop packet comes when it stops."""
        self._registers = None
        self.send("vCont;c")


def _packet(text: str) -> bytes:
    data = text.encode("ascii")
    return b"$%s#%02x" % (data, sum(data) & 0xFF)
