"""The debug port of a twin: SW-DP and one AHB-AP in front of the bus and the core's debug registers.

Source: Arm Debug Interface Architecture Specification ADIv5.2, B2 (DP), C2 (MEM-AP).
"""

from __future__ import annotations

import struct
import time
from typing import Final, NoReturn

from workbench.virtual import debugregs as regs
from workbench.virtual.chips import PERIPHERALS, PPB, ROM_TABLE, ChipModel
from workbench.virtual.core import Core
from workbench.virtual.memory import ChipMemory

DP_IDR, DP_CTRL_STAT, DP_SELECT, DP_RDBUFF = 0x0, 0x4, 0x8, 0xC
"""DP registers by address.  ABORT is written where IDR is read, RESEND is read where SELECT is written."""
STKERRCLR: Final = 1 << 2
STICKYERR: Final = 1 << 5
POWER_REQUESTS: Final = 1 << 28 | 1 << 30
CTRL_WRITABLE: Final = POWER_REQUESTS | 0xF0D
"""Besides the requests: ORUNDETECT, TRNMODE, MASKLANE.  The rest is read-only or not there."""
AP_CSW, AP_TAR, AP_DRW, AP_BASE, AP_IDR = 0x00, 0x04, 0x0C, 0xF8, 0xFC
AP_BANKED: Final = (0x10, 0x14, 0x18, 0x1C)
NO_AP: Final = -1
ROM_TABLE_PRESENT: Final = ROM_TABLE.start | 3
DEVICE_ENABLED: Final = 1 << 6
CSW_RESET: Final = 0x43000000 | DEVICE_ENABLED | 2
CSW_WRITABLE: Final = 0x7F000F17
"""Prot, Type, Mode, AddrInc without packed transfers, Size."""
AUTO_INCREMENT: Final = 1 << 4
LINGER_S: Final = 0.02
"""How long a debugger that asks whether the core has halted waits for a yes.  Asking in a loop would take the
time from the core."""
SHORT_RUN_S: Final = 0.1
"""Only that soon after it let the core run: what runs longer is no flash algorithm."""


class Fault(Exception):
    """The target answers FAULT: a sticky error is set, or the access just failed."""


class DebugPort:
    """One probe's view of the chip."""

    def __init__(self, model: ChipModel, core: Core, memory: ChipMemory) -> None:
        self.model = model
        self._core = core
        self._memory = memory
        self._debug = core.debug
        self._resumed_s = 0.0
        self.reset_link()

    def reset_link(self) -> None:
        """Bring DP and AP into the state of power-on."""
        self._ctrl_stat = 0
        self._select = 0
        self._csw = CSW_RESET
        self._tar = 0
        self._rdbuff = 0

    # -- DP

    def read_dp(self, address: int) -> int:
        """DP register at 0x0, 0x4, 0x8, 0xC of bank 0."""
        if address == DP_IDR:
            return self.model.dp_idr
        if address == DP_CTRL_STAT:
            if self._select & 0xF:
                return 0
            return self._ctrl_stat | (self._ctrl_stat & POWER_REQUESTS) << 1
        if address == DP_RDBUFF and self._ctrl_stat & STICKYERR:
            raise Fault("sticky error")
        return self._rdbuff

    def write_dp(self, address: int, value: int) -> None:
        """DP register: ABORT, CTRL/STAT, SELECT."""
        if address == DP_IDR and value & STKERRCLR:
            self._ctrl_stat &= ~STICKYERR
        elif address == DP_CTRL_STAT and not self._select & 0xF:
            self._ctrl_stat = value & CTRL_WRITABLE | self._ctrl_stat & STICKYERR
        elif address == DP_SELECT:
            self._select = value

    # -- AP

    def _ap_register(self, address: int) -> int:
        if self._ctrl_stat & STICKYERR:
            raise Fault("sticky error")
        if self._select >> 24:
            return NO_AP
        return (self._select & 0xF0) | (address & 0xC)

    def read_ap(self, address: int) -> int:
        """AP register; other APs than 0 read as zero (there is nothing)."""
        register = self._ap_register(address)
        if register == AP_DRW:
            return self._read_words(1)[0]
        if register in AP_BANKED:
            value = self._access((self._tar & ~0xF) + register - AP_BANKED[0], 4)
        elif register == AP_CSW:
            value = self._csw
        elif register == AP_TAR:
            value = self._tar
        else:
            value = {AP_BASE: ROM_TABLE_PRESENT, AP_IDR: self.model.ap_idr}.get(register, 0)
        self._rdbuff = value
        return value

    def write_ap(self, address: int, value: int) -> None:
        """AP register."""
        register = self._ap_register(address)
        if register == AP_CSW:
            self._csw = value & CSW_WRITABLE | DEVICE_ENABLED
        elif register == AP_TAR:
            self._tar = value
        elif register == AP_DRW:
            self._write_words([value])
        elif register in AP_BANKED:
            self._store((self._tar & ~0xF) + register - AP_BANKED[0], 4, value)

    def read_ap_multiple(self, address: int, count: int) -> list[int]:
        """`count` reads of the same register."""
        if self._ap_register(address) == AP_DRW:
            return self._read_words(count)
        return [self.read_ap(address) for _ in range(count)]

    def write_ap_multiple(self, address: int, values: list[int]) -> None:
        """Writes to the same register, one after the other."""
        if self._ap_register(address) == AP_DRW:
            self._write_words(values)
            return
        for value in values:
            self.write_ap(address, value)

    # -- memory without the AP's registers in between, as many probes offer it; a fault leaves nothing sticky

    def read_memory(self, address: int, size: int) -> int:
        """One read of 1, 2 or 4 bytes at an aligned address."""
        self._need_aligned(address, size)
        try:
            return self._access(address, size) >> self._lane(address, size)
        finally:
            self._ctrl_stat &= ~STICKYERR

    def write_memory(self, address: int, size: int, value: int) -> None:
        """One write of 1, 2 or 4 bytes at an aligned address."""
        self._need_aligned(address, size)
        try:
            self._store(address, size, value << self._lane(address, size))
        finally:
            self._ctrl_stat &= ~STICKYERR

    def read_bytes(self, address: int, length: int) -> bytes:
        """Memory; in transfers of 4 bytes where both ends allow it."""
        if address + length > PERIPHERALS:
            size = 4 if (address | length) % 4 == 0 else 1
            parts = (self.read_memory(at, size) for at in range(address, address + length, size))
            return b"".join(part.to_bytes(size, "little") for part in parts)
        if not self._memory.debug_readable(address, length):
            raise Fault(f"read of 0x{address:x}")
        return self._memory.read_block(address, length)

    def write_bytes(self, address: int, data: bytes) -> None:
        """Memory; in transfers of 4 bytes where both ends allow it."""
        size = 4 if (address | len(data)) % 4 == 0 else 1
        if size == 1 or address + len(data) > PERIPHERALS:
            for offset in range(0, len(data), size):
                value = int.from_bytes(data[offset : offset + size], "little")
                self.write_memory(address + offset, size, value)
        elif not self._memory.debug_write(address, data):
            raise Fault(f"write to 0x{address:x}")

    @staticmethod
    def _need_aligned(address: int, size: int) -> None:
        if address % size:
            raise Fault(f"alignment: 0x{address:x}")

    @staticmethod
    def _lane(address: int, size: int) -> int:
        return 8 * (address & 3) if size < 4 else 0

    # -- memory over the AP's registers

    def _size(self) -> int:
        size = {0: 1, 1: 2, 2: 4}.get(self._csw & 7)
        if size is None or self._tar % size:
            self._fail(f"transfer size or alignment: CSW 0x{self._csw:x}, TAR 0x{self._tar:x}")
        return size

    def _fail(self, why: str) -> NoReturn:
        self._ctrl_stat |= STICKYERR
        raise Fault(why)

    def _advance(self, amount: int) -> None:
        if self._csw & AUTO_INCREMENT:
            below = self.model.tar_wrap - 1
            self._tar = self._tar & ~below | (self._tar + amount) & below

    def _straight(self, size: int, count: int) -> bool:
        """Whether `count` transfers are one block of plain memory within an auto-increment page."""
        whole = size * count
        inside = self._tar % self.model.tar_wrap + whole <= self.model.tar_wrap
        return (
            count > 1
            and size == 4
            and bool(self._csw & AUTO_INCREMENT)
            and inside
            and self._tar < PERIPHERALS
        )

    def _read_words(self, count: int) -> list[int]:
        size = self._size()
        if self._straight(size, count):
            if not self._memory.debug_readable(self._tar, 4 * count):
                self._fail(f"read of 0x{self._tar:x}")
            values = list(struct.unpack(f"<{count}I", self._memory.read_block(self._tar, 4 * count)))
            self._advance(4 * count)
        else:
            values = []
            for _ in range(count):
                values.append(self._access(self._tar, size))
                self._advance(size)
        self._rdbuff = values[-1]
        return values

    def _write_words(self, values: list[int]) -> None:
        size = self._size()
        if self._straight(size, len(values)):
            data = struct.pack(f"<{len(values)}I", *values)
            if not self._memory.debug_write(self._tar, data):
                self._fail(f"write to 0x{self._tar:x}")
            self._advance(len(data))
            return
        for value in values:
            self._store(self._tar, size, value)
            self._advance(size)

    def _access(self, address: int, size: int) -> int:
        """One read; the value is in its byte lanes."""
        lane = self._lane(address, size)
        if address in PPB and self._debug.is_mine(address & ~3):
            word = self._read_debug(address & ~3)
            return word if size == 4 else word & ((1 << 8 * size) - 1) << lane
        if not self._memory.debug_readable(address, size):
            self._fail(f"read of 0x{address:x}")
        own = self.model.chip_id
        if address >= PERIPHERALS and not (own and own.touches(address, size)):
            return self._core.bus.read(address, 8 * size) << lane
        return int.from_bytes(self._memory.read_block(address, size), "little") << lane

    def _store(self, address: int, size: int, value: int) -> None:
        value = value >> self._lane(address, size) & (1 << 8 * size) - 1
        if address == regs.AIRCR:
            self._write_aircr(value)
        elif address in PPB and self._debug.is_mine(address & ~3):
            self._write_debug(address & ~3, value)
        elif not self._memory.debug_write(address, value.to_bytes(size, "little")):
            self._fail(f"write to 0x{address:x}")

    def _write_aircr(self, value: int) -> None:
        if value & 0xFFFF0000 != regs.VECTKEY:
            return
        if value & regs.SYSRESETREQ:
            self._core.reset()
        else:
            self._core.bus.write(regs.AIRCR, value)

    # -- debug registers

    def _read_debug(self, address: int) -> int:
        if address == regs.DHCSR:
            if time.monotonic() - self._resumed_s < SHORT_RUN_S:
                self._core.linger(LINGER_S)
            return self._debug.dhcsr(halted=self._core.halted, lockup=self._core.lockup)
        if address == regs.DFSR:
            return self._debug.dfsr
        if address == regs.DCRDR:
            return self._debug.dcrdr
        if address == regs.DEMCR:
            return self._debug.demcr
        return 0 if address == regs.DCRSR else self._debug.read_unit(address)

    def _write_debug(self, address: int, value: int) -> None:
        if address == regs.DHCSR:
            self._write_dhcsr(value)
        elif address == regs.DFSR:
            self._debug.dfsr &= ~value
        elif address == regs.DCRDR:
            self._debug.dcrdr = value
        elif address == regs.DEMCR:
            self._debug.demcr = value
        elif address == regs.DCRSR and value & 1 << 16:
            self._core.write_register(value & 0x7F, self._debug.dcrdr)
        elif address == regs.DCRSR:
            self._debug.dcrdr = self._core.read_register(value & 0x7F)
        else:
            was_running = self._core.running and self._core.stop()
            self._debug.write_unit(address, value)
            if was_running:
                self._core.resume()

    def _write_dhcsr(self, value: int) -> None:
        if value & 0xFFFF0000 != regs.KEY:
            return
        core, debug = self._core, self._debug
        debug.debug_enabled = bool(value & regs.C_DEBUGEN)
        debug.mask_interrupts = bool(value & regs.C_MASKINTS) and debug.debug_enabled
        if not debug.debug_enabled:
            core.resume()
        elif value & regs.C_HALT:
            core.halt()
        elif core.halted and value & regs.C_STEP:
            core.step()
        elif core.halted:
            self._resumed_s = time.monotonic()
            core.resume()
