"""pyOCD's RTT talks through a twin's RAM while the core runs."""

from __future__ import annotations

import struct

from tests.twin_lab import attached
from workbench.virtual.twins import Twin

CONTROL, UP, DOWN, NAME, CODE = 0x20001000, 0x20001100, 0x20001200, 0x20001300, 0x20001400
SIZE = 64


def control_block() -> bytes:
    """A control block with one channel each way, 48 bytes each side of it as the RTT library lays it out."""
    up = struct.pack("<6I", NAME, UP, SIZE, 0, 0, 0)
    down = struct.pack("<6I", NAME, DOWN, SIZE, 0, 0, 0)
    return b"SEGGER RTT".ljust(16, b"\0") + struct.pack("<2I", 1, 1) + up + down


def test_both_channels(twin: Twin) -> None:
    from pyocd.debug.rtt import RTTControlBlock

    with attached(twin) as target:
        target.reset_and_halt()
        target.write_memory_block8(CONTROL, control_block())
        target.write_memory_block8(NAME, b"Terminal\0")
        # adds, r0, #1; b back: the core counts in r0
        target.write_memory_block8(CODE, bytes.fromhex("0130fde7"))
        target.write_core_register("r0", 0)
        target.write_core_register("pc", CODE)
        target.write_core_register("xpsr", 1 << 24)
        target.resume()
        rtt = RTTControlBlock.from_target(target, address=0x20000000, size=0x4000)
        rtt.start()
        # what the firmware does: text into the ring, then the write offset
        target.write_memory_block8(UP, b"hello")
        target.write32(CONTROL + 24 + 12, 5)
        assert rtt.up_channels[0].read() == b"hello"
        assert target.read32(CONTROL + 24 + 16) == 5, "the read offset has moved"
        assert rtt.down_channels[0].write(b"world") == 5
        assert bytes(target.read_memory_block8(DOWN, 5)) == b"world"
        assert target.get_state() == target.State.RUNNING
        target.halt()
        assert target.read_core_register("r0") > 0
        assert target.read_core_register("pc") in (CODE, CODE + 2)
