"""A few instructions run on a halted core for what QEMU's gdb stub does not offer, such as special registers.

They are put into borrowed RAM and stepped through, and everything is put back.  Encodings: Armv6-M
Architecture Reference Manual, A6.7.42 (MRS) and A6.7.43 (MSR); numbers of special registers: B4.2.
"""

from __future__ import annotations

import struct
from typing import Final

from workbench.virtual.bus import Bus
from workbench.virtual.gdb import REG_PC, REG_XPSR, GdbStub

MSP: Final = 8
PSP: Final = 9
PRIMASK: Final = 16
BASEPRI: Final = 17
FAULTMASK: Final = 19
CONTROL: Final = 20
THUMB: Final = 1 << 24
IT_STATE: Final = 0x0600FC00
"""Bits of xPSR that make instructions conditional, or say where a load multiple goes on (Armv7-M)."""
BX_LR: Final = 0x4770
NOP: Final = 0xBF00
NVIC_ISER: Final = 0xE000E100
NVIC_ICER: Final = 0xE000E180
NVIC_ISPR: Final = 0xE000E200
NVIC_ICPR: Final = 0xE000E280
NVIC_IPR7: Final = 0xE000E41C
IRQ31: Final = 1 << 31


def _run(gdb: GdbStub, bus: Bus, scratch: int, code: bytes, steps: int) -> None:
    kept = bus.read_block(scratch, len(code))
    bus.write_block(scratch, code)
    gdb.write_register(REG_XPSR, gdb.read_register(REG_XPSR) & ~IT_STATE | THUMB)
    gdb.write_register(REG_PC, scratch)
    for _ in range(steps):
        gdb.step()
    bus.write_block(scratch, kept)


def read_special(gdb: GdbStub, bus: Bus, scratch: int, numbers: tuple[int, ...]) -> dict[int, int]:
    """Values of up to eight special registers.  No trap may be set on `scratch`."""
    saved = [gdb.read_register(i) for i in range(len(numbers))]
    pc, xpsr = gdb.read_register(REG_PC), gdb.read_register(REG_XPSR)
    code = b"".join(struct.pack("<HH", 0xF3EF, 0x8000 | i << 8 | n) for i, n in enumerate(numbers))
    _run(gdb, bus, scratch, code, len(numbers))
    values = {n: gdb.read_register(i) for i, n in enumerate(numbers)}
    for i, value in enumerate(saved):
        gdb.write_register(i, value)
    gdb.write_register(REG_PC, pc)
    gdb.write_register(REG_XPSR, xpsr)
    return values


def write_special(gdb: GdbStub, bus: Bus, scratch: int, number: int, value: int) -> None:
    """Set one special register."""
    r0, pc, xpsr = gdb.read_register(0), gdb.read_register(REG_PC), gdb.read_register(REG_XPSR)
    gdb.write_register(0, value)
    _run(gdb, bus, scratch, struct.pack("<HH", 0xF380, 0x8800 | number), 1)
    gdb.write_register(0, r0)
    gdb.write_register(REG_PC, pc)
    gdb.write_register(REG_XPSR, xpsr)


def leave_exception(gdb: GdbStub, bus: Bus, scratch: int) -> int:
    """Carry out the exception return that LR holds (BX LR); returns the program counter it restored."""
    kept = bus.read_block(scratch, 2)
    bus.write_block(scratch, struct.pack("<H", BX_LR))
    gdb.write_register(REG_PC, scratch)
    for _ in range(3):
        gdb.step()
        pc = gdb.read_register(REG_PC)
        if pc != scratch and pc < 0xF0000000:
            break
    bus.write_block(scratch, kept)
    return pc


def wake(gdb: GdbStub, bus: Bus, scratch: int) -> None:
    """Make a sleeping core ready to run.

    An interrupt is made pending, one NOP is run without taking it, and all is put back.  The interrupt is the
    last of the 32 external ones; its enable, pending state and priority are restored.  NVIC: Armv6-M, B3.4.
    """
    saved = [gdb.read_register(n) for n in (REG_PC, REG_XPSR)]
    enabled, pending = bus.read(NVIC_ISER) & IRQ31, bus.read(NVIC_ISPR) & IRQ31
    priority = bus.read(NVIC_IPR7)
    bus.write(NVIC_IPR7, priority & 0x00FFFFFF)
    bus.write(NVIC_ISER, IRQ31)
    bus.write(NVIC_ISPR, IRQ31)
    _run(gdb, bus, scratch, struct.pack("<H", NOP), 1)
    if not pending:
        bus.write(NVIC_ICPR, IRQ31)
    if not enabled:
        bus.write(NVIC_ICER, IRQ31)
    bus.write(NVIC_IPR7, priority)
    for number, value in zip((REG_PC, REG_XPSR), saved, strict=True):
        gdb.write_register(number, value)
