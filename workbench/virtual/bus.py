"""The chip's bus as a bus master sees it, through QEMU's qtest socket.

Unlike writes through the gdb stub these go to the peripherals and obey the flash controller, and they work
while the core runs.  Source: QEMU, documentation of the qtest protocol.
"""

from __future__ import annotations

import base64
import socket

from workbench.virtual.gdb import MachineGone


class Bus:
    """Reads and writes of 8, 16, 32 bits and of blocks; addresses are not checked here."""

    def __init__(self, sock: socket.socket, timeout_s: float = 10.0) -> None:
        sock.settimeout(timeout_s)
        self._sock = sock

    def close(self) -> None:
        """End the connection."""
        self._sock.close()

    def _ask(self, line: str) -> str:
        try:
            self._sock.sendall(line.encode("ascii") + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                data = self._sock.recv(1 << 20)
                if not data:
                    raise MachineGone("QEMU closed the bus connection")
                answer += data
        except OSError as error:
            raise MachineGone(str(error)) from error
        words = answer.decode("ascii").split()
        if not words or words[0] != "OK":
            raise MachineGone(f"unexpected answer from QEMU: {answer[:60]!r}")
        return words[1] if len(words) > 1 else ""

    def read(self, address: int, bits: int = 32) -> int:
        """One access of 8, 16 or 32 bits."""
        return int(self._ask(f"read{'bwl'[bits // 16]} 0x{address:x}"), 16)

    def write(self, address: int, value: int, bits: int = 32) -> None:
        """One access of 8, 16 or 32 bits."""
        self._ask(f"write{'bwl'[bits // 16]} 0x{address:x} 0x{value:x}")

    def read_block(self, address: int, size: int) -> bytes:
        """`size` bytes of memory (not of registers)."""
        return base64.b64decode(self._ask(f"b64read 0x{address:x} 0x{size:x}")) if size else b""

    def write_block(self, address: int, data: bytes) -> None:
        """Bytes to memory; in flash by the flash controller's rules (write enabled, bits only fall)."""
        if data:
            self._ask(f"b64write 0x{address:x} 0x{len(data):x} {base64.b64encode(data).decode('ascii')}")
