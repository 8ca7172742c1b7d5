"""What the chip does with its memories and QEMU does not:

chip ID, UICR, read-back protection, power cuts at a flash word.

Everything is done with traps on the core and checks on the debug port; a core that touches none of these
areas runs at full speed. Sources: nRF51 Series Reference Manual v3, chapters 5 (memory), 6 (NVMC), 7 (FICR),
8 (UICR).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from workbench.virtual.bus import Bus
from workbench.virtual.chips import ChipModel, NvmController
from workbench.virtual.core import Core, Handler
from workbench.virtual.debugregs import Trap
from workbench.virtual.gdb import REG_PC, WATCH_READ, WATCH_WRITE
from workbench.virtual.thumb import Transfer, decode, loaded

MAX_TRANSFERS: Final = 8
"""Words that one instruction (STM) writes at most."""
WEN: Final = 1
EEN: Final = 2

CutMode = Literal["clean", "torn"]


class PowerLost(Exception):
    """The armed cut has come: the memories are as the cut left them, the power is to go now."""


@dataclass
class Cut:
    """A power cut that waits for its moment.

    `clean`: power goes after `after_operations` whole flash operations (a word write or a page or chip erase
    each). `torn`: the last of them is left half done; which bits made it comes from `seed`.
    """

    after_operations: int
    mode: CutMode = "clean"
    seed: int = 0
    armed: bool = False
    happened: bool = False
    operations: int = 0
    kind: str = ""
    address: int = 0
    pc: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For the report."""
        return asdict(self)


class ChipMemory:
    """Memories of one powered twin."""

    def __init__(self, model: ChipModel, core: Core, chip_id: bytes, say: Callable[[str], None]) -> None:
        self.model = model
        self.chip_id = chip_id
        self.locked = False
        self.cut = Cut(0)
        self._core = core
        self._say = say
        self._uicr = b""
        self._stores: dict[int, int] = {}
        core.extra_traps = self.traps
        core.before_reset = self._before_reset
        core.after_reset = self._after_reset

    @property
    def _bus(self) -> Bus:
        return self._core.bus

    # -- power

    def load(self, flash: bytes, uicr: bytes) -> None:
        """Fill the memories at power-on; the core has not run yet."""
        nvm = self._nvm()
        self._bus.write(nvm.config, EEN)
        self._bus.write(nvm.erase_all, 1)
        self._bus.write(nvm.config, WEN)
        for offset in range(0, len(flash), nvm.page_size):
            page = flash[offset : offset + nvm.page_size]
            if page.strip(b"\xff"):
                self._bus.write_block(nvm.flash.start + offset, page)
        self._bus.write(nvm.config, 0)
        self._write_uicr(uicr)

    def contents(self) -> tuple[bytes, bytes]:
        """Flash and UICR as they are now."""
        nvm = self._nvm()
        return (
            self._bus.read_block(nvm.flash.start, nvm.flash.size),
            self._bus.read_block(nvm.uicr.start, nvm.uicr.size),
        )

    def _write_uicr(self, uicr: bytes) -> None:
        nvm = self._nvm()
        for offset in range(0, nvm.uicr.size, 4):
            self._bus.write(nvm.uicr.start + offset, int.from_bytes(uicr[offset : offset + 4], "little"))

    def _before_reset(self) -> None:
        if self.model.nvm:
            self._uicr = self._bus.read_block(self.model.nvm.uicr.start, self.model.nvm.uicr.size)
            self._say(f"uicr {self._uicr.hex()}")

    def _after_reset(self) -> None:
        self._stores.clear()
        if self.model.nvm:
            self._write_uicr(self._uicr)
            self._say("uicr -")
            self.locked = self._bus.read(self.model.nvm.rbpconf) >> 8 & 0xFF != 0xFF

    def _nvm(self) -> NvmController:
        if self.model.nvm is None:
            raise ValueError(f"{self.model.machine} has no flash")
        return self.model.nvm

    # -- what the debug port sees

    def debug_readable(self, address: int, size: int) -> bool:
        """Whether the debug port may read here: there is something, and it is not protected."""
        return self.model.answers(address, size) and not self._protected(address, size)

    def _protected(self, address: int, size: int) -> bool:
        return self.locked and self.model.nvm is not None and self.model.nvm.flash.touches(address, size)

    def read_block(self, address: int, size: int) -> bytes:
        """Bytes as a bus master sees them, chip ID included."""
        data = self._bus.read_block(address, size)
        own = self.model.chip_id
        if own and own.touches(address, size):
            image = bytearray(data)
            for i in range(max(address, own.start), min(address + size, own.end)):
                image[i - address] = self.chip_id[i - own.start]
            data = bytes(image)
        return data

    def debug_write(self, address: int, data: bytes) -> bool:
        """Write from the debug port; False is a bus fault."""
        size = len(data)
        if not self.model.answers(address, size) or self._protected(address, size):
            return False
        nvm = self.model.nvm
        self._stores.clear()
        if nvm and nvm.uicr.touches(address, size):
            self._program_uicr(address, data)
        elif nvm and nvm.flash.touches(address, size):
            for offset in range(0, size, 4):
                self._operation(
                    "word", address + offset, 0, int.from_bytes(data[offset : offset + 4], "little")
                )
                self._bus.write_block(address + offset, data[offset : offset + 4])
                self._done()
        elif nvm and size == 4 and address in (*nvm.erase_page, nvm.erase_all, nvm.erase_uicr):
            self._erase(address, int.from_bytes(data, "little"), 0)
        elif address >= 0x40000000 and size in (1, 2, 4):
            self._bus.write(address, int.from_bytes(data, "little"), size * 8)
        else:
            self._bus.write_block(address, data)
        self._core.note_written(address, data)
        return True

    def _program_uicr(self, address: int, data: bytes) -> None:
        nvm = self._nvm()
        if not self._bus.read(nvm.config) & WEN:
            return
        start, end = address & ~3, (address + len(data) + 3) & ~3
        old = self._bus.read_block(start, end - start)
        new = bytearray(old)
        for i, byte in enumerate(data):
            new[address - start + i] &= byte
        for offset in range(0, len(new), 4):
            word = int.from_bytes(new[offset : offset + 4], "little")
            self._operation("uicr", start + offset, 0, word)
            self._bus.write(start + offset, word)
            self._done()

    def _erase(self, register: int, value: int, pc: int) -> None:
        nvm = self._nvm()
        enabled = self._bus.read(nvm.config) & EEN
        if enabled and register in nvm.erase_page:
            if self.locked:
                return
            self._operation("page", value & ~(nvm.page_size - 1), pc)
        elif enabled and value == 1:
            self._operation("chip" if register == nvm.erase_all else "uicr-erase", 0, pc)
        self._bus.write(register, value)
        if enabled and register == nvm.erase_all and value == 1:
            self.locked = False
        self._done()

    # -- traps

    def traps(self) -> dict[Trap, Handler]:
        """Traps that the core is to have when it next runs."""
        wanted: dict[Trap, Handler] = {}
        own, nvm = self.model.chip_id, self.model.nvm
        if own:
            wanted |= {(WATCH_READ, own.start + i, 4): self._at_chip_id for i in range(0, own.size, 4)}
        if nvm is None:
            return wanted
        wanted[(WATCH_WRITE, nvm.uicr.start, nvm.uicr.size)] = self._at_uicr_write
        foreign = self.locked and self._core.gdb.read_register(REG_PC) not in nvm.flash
        if self.cut.armed or foreign:
            registers = (nvm.config, *nvm.erase_page, nvm.erase_all, nvm.erase_uicr)
            low, high = min(registers), max(registers)
            wanted[(WATCH_WRITE, low, high + 4 - low)] = self._at_nvmc_write
        if self.cut.armed:
            wanted[(WATCH_WRITE, nvm.flash.start, nvm.flash.size)] = self._at_flash_write
        if foreign:
            wanted[(WATCH_READ, nvm.flash.start, nvm.flash.size)] = self._at_flash_read
        return wanted

    def _transfers(self, pc: int) -> tuple[Transfer, ...]:
        return decode(self._bus.read(pc, 16), pc, self._core.gdb.read_register)

    def _at_chip_id(self, trap: Trap, pc: int) -> int | None:
        own = self.model.chip_id
        assert own is not None
        transfers = self._transfers(pc)
        wide = self._bus.read(pc, 16) >> 11 in (0b11101, 0b11110, 0b11111)
        second = self._bus.read(pc + 2, 16) if wide else 0
        self._core.step_over(trap)
        for moved in transfers:
            if own.holds(moved.address, moved.size):
                offset = moved.address - own.start
                value = loaded(moved, self.chip_id[offset : offset + moved.size])
                self._core.gdb.write_register(moved.register, value)
        if wide:
            offset = trap[1] - own.start
            value = int.from_bytes(self.chip_id[offset : offset + 4], "little")
            self._core.gdb.write_register(second >> 12, value)
        return None

    def _at_uicr_write(self, trap: Trap, pc: int) -> int | None:
        nvm = self._nvm()
        enabled = self._bus.read(nvm.config) & WEN
        touched = [m for m in self._transfers(pc) if nvm.uicr.holds(m.address, m.size)]
        words = sorted({m.address & ~3 for m in touched})
        old = {a: self._bus.read(a) for a in words}
        self._core.step_over(trap)
        for address in words:
            new = old[address] & self._bus.read(address) if enabled else old[address]
            self._bus.write(address, old[address])
            if enabled:
                self._operation("uicr", address, pc, new)
                self._bus.write(address, new)
                self._done()
        return None

    def _at_nvmc_write(self, trap: Trap, pc: int) -> int | None:
        nvm = self._nvm()
        moves = self._transfers(pc)
        values = [(m.address, self._core.gdb.read_register(m.register)) for m in moves]
        foreign = self.locked and pc not in nvm.flash
        erases = (*nvm.erase_page, nvm.erase_all, nvm.erase_uicr)
        if foreign and any(a == nvm.config and v & WEN for a, v in values):
            self._skip(pc)
        elif any(a in erases for a, _ in values):
            self._skip(pc)
            for address, value in values:
                self._erase(address, value, pc)
        else:
            self._core.step_over(trap)
        return None

    def _skip(self, pc: int) -> None:
        self._core.gdb.write_register(REG_PC, pc + 2)

    def _at_flash_write(self, trap: Trap, pc: int) -> int | None:
        nvm = self._nvm()
        if not self._bus.read(nvm.config) & WEN:
            self._core.step_over(trap)
            return None
        last = self.cut.after_operations and self.cut.operations + MAX_TRANSFERS >= self.cut.after_operations
        if last or pc not in self._stores:
            moves = [m for m in self._transfers(pc) if nvm.flash.holds(m.address, m.size)]
            self._stores[pc] = len(moves)
            for move in moves:
                value = self._core.gdb.read_register(move.register)
                self._operation("word", move.address & ~3, pc, value)
        else:
            self.cut.operations += self._stores[pc]
        self._core.step_over(trap)
        self._done()
        return None

    def _at_flash_read(self, trap: Trap, pc: int) -> int | None:
        """Code outside the flash reads a protected flash: it gets zeros."""
        moves = self._transfers(pc)
        self._core.step_over(trap)
        if pc not in self._nvm().flash:
            for move in moves:
                self._core.gdb.write_register(move.register, 0)
        return None

    # -- cuts

    def arm(self, after_operations: int, mode: CutMode, seed: int) -> None:
        """Cut the power at a flash operation, counted from now."""
        self.cut = Cut(after_operations, mode, seed, armed=True)

    def count(self) -> None:
        """Count flash operations from now, without cutting."""
        self.cut = Cut(0, armed=True)

    def _operation(self, kind: str, address: int, pc: int, value: int = 0) -> None:
        """A flash operation is about to happen; tears it when it is the one to be torn."""
        cut = self.cut
        if not cut.armed:
            return
        cut.operations += 1
        cut.kind, cut.address, cut.pc = kind, address, pc
        if cut.mode == "torn" and cut.operations == cut.after_operations:
            self._tear(kind, address, value, random.Random(cut.seed))
            raise self._lost()

    def _done(self) -> None:
        """The operation announced last is complete."""
        cut = self.cut
        if cut.armed and cut.after_operations and cut.operations >= cut.after_operations:
            raise self._lost()

    def _lost(self) -> PowerLost:
        self.cut.happened, self.cut.armed = True, False
        return PowerLost(
            f"power cut at flash operation {self.cut.operations} ({self.cut.kind} at 0x{self.cut.address:x})"
        )

    def _tear(self, kind: str, address: int, value: int, chance: random.Random) -> None:
        """Leave an operation half done: some of the bits that were to change have changed."""
        nvm = self._nvm()
        if kind in ("word", "uicr"):
            old = self._bus.read(address)
            part = old & (value | chance.getrandbits(32))
            self._bus.write(nvm.config, WEN)
            self._bus.write(address, part)
            return
        size = nvm.page_size if kind == "page" else nvm.flash.size
        start = address if kind == "page" else nvm.flash.start
        if kind == "uicr-erase":
            return
        old_bytes = self._bus.read_block(start, size)
        half = bytes(b | chance.getrandbits(8) for b in old_bytes)
        self._bus.write(nvm.config, EEN)
        for page in range(start, start + size, nvm.page_size):
            self._bus.write(nvm.erase_page[0], page)
        self._bus.write(nvm.config, WEN)
        self._bus.write_block(start, half)
