"""What the chip does with its memories and QEMU does not: chip ID, UICR, read-back protection, power cuts.

Everything is done with traps on the core and checks on the debug port; a core that touches none of these
areas runs at full speed.  Sources: nRF51 Series Reference Manual v3, chapters 5 (memory), 6 (NVMC), 7 (FICR),
8 (UICR).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from workbench.virtual.bus import Bus
from workbench.virtual.chips import PERIPHERALS, ChipModel, NvmController
from workbench.virtual.core import Core, Handler
from workbench.virtual.cut import Cut, CutMode, Operation, OperationKind
from workbench.virtual.debugregs import Trap
from workbench.virtual.gdb import REG_PC, WATCH_READ, WATCH_WRITE
from workbench.virtual.thumb import loaded, written_back

WEN: Final = 1
"""NVMC CONFIG: write enable."""
EEN: Final = 2
"""NVMC CONFIG: erase enable."""
DEBUG_PORT: Final = -1
"""Stands for the program counter where the debug port does something."""


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
        self._config: int | None = None
        core.extra_traps = self.traps
        core.before_reset = self._before_reset
        core.after_reset = self._after_reset

    @property
    def _bus(self) -> Bus:
        return self._core.bus

    def _nvm(self) -> NvmController:
        if self.model.nvm is None:
            raise ValueError(f"{self.model.machine} has no flash")
        return self.model.nvm

    # -- power and reset

    def load(self, flash: bytes, uicr: bytes) -> None:
        """Fill the memories at power-on; the core has not run yet."""
        nvm = self._nvm()
        self._set_config(EEN)
        self._bus.write(nvm.erase_all, 1)
        self._set_config(WEN)
        for offset in range(0, len(flash), nvm.page_size):
            page = flash[offset : offset + nvm.page_size]
            if page.strip(b"\xff"):
                self._bus.write_block(nvm.flash.start + offset, page)
        self._set_config(0)
        self.write_uicr(uicr)

    def contents(self) -> tuple[bytes, bytes]:
        """Flash and UICR as they are now."""
        nvm = self._nvm()
        return (
            self._bus.read_block(nvm.flash.start, nvm.flash.size),
            self._bus.read_block(nvm.uicr.start, nvm.uicr.size),
        )

    def write_uicr(self, uicr: bytes) -> None:
        """Set the UICR as a whole, whatever it held."""
        nvm = self._nvm()
        there = self._bus.read_block(nvm.uicr.start, nvm.uicr.size)
        for offset in range(0, nvm.uicr.size, 4):
            word = uicr[offset : offset + 4]
            if word != there[offset : offset + 4]:
                self._bus.write(nvm.uicr.start + offset, int.from_bytes(word, "little"))

    def _before_reset(self) -> None:
        if self.model.nvm:
            self._uicr = self._bus.read_block(self.model.nvm.uicr.start, self.model.nvm.uicr.size)
            self._say(f"uicr {self._uicr.hex()}")

    def _after_reset(self) -> None:
        self._config = None
        if self.model.nvm:
            self.write_uicr(self._uicr)
            self._say("uicr -")
            self.locked = self._bus.read(self.model.nvm.rbpconf) >> 8 & 0xFF != 0xFF

    # -- flash controller

    def _read_config(self) -> int:
        """NVMC CONFIG; while a cut is armed, which is when it is asked often, all writes to it are seen."""
        if self._config is None or not self.cut.armed:
            self._config = self._bus.read(self._nvm().config)
        return self._config

    def _set_config(self, value: int) -> None:
        self._bus.write(self._nvm().config, value)
        self._config = value

    def _program_word(self, kind: OperationKind, address: int, value: int, pc: int) -> None:
        """Write a word of flash or UICR as one operation: bits only fall."""
        new = value & self._bus.read(address) if kind == "uicr" else value
        if self.cut.begin(kind, address, pc, value):
            part = self.cut.torn_word(self._bus.read(address), value)
            self._set_config(WEN)
            self._bus.write(address, part)
            raise self.cut.lost()
        self._bus.write(address, new)
        self.cut.done()

    def _erase(self, register: int, value: int, pc: int) -> None:
        """A write to one of the erase registers."""
        nvm = self._nvm()
        page = value & ~(nvm.page_size - 1)
        kind: OperationKind = ""
        if self._read_config() & EEN and register in nvm.erase_page and nvm.flash.holds(page, nvm.page_size):
            kind = "page"
        elif self._read_config() & EEN and register not in nvm.erase_page and value == 1:
            kind = "chip" if register == nvm.erase_all else "uicr-erase"
        if kind in ("page", "uicr-erase") and self.locked and pc not in nvm.flash:
            return
        address = page if kind == "page" else 0
        torn = bool(kind) and self.cut.begin(kind, address, pc)
        flash, uicr = self.contents() if torn else (b"", b"")
        self._bus.write(register, value)
        if kind == "chip":
            self.locked = False
        if torn:
            self._unerase(kind, address, flash, uicr)
            raise self.cut.lost()
        self.cut.done()

    def _unerase(self, kind: OperationKind, page: int, flash: bytes, uicr: bytes) -> None:
        """Make a whole erase a torn one; `flash` and `uicr` are as before it."""
        nvm = self._nvm()
        self._set_config(WEN)
        if kind == "page":
            flash = flash[page : page + nvm.page_size]
        if kind in ("page", "chip"):
            self._bus.write_block(nvm.flash.start + page, self.cut.torn_erase(flash))
        if kind in ("uicr-erase", "chip"):
            self.write_uicr(self.cut.torn_erase(uicr))

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
        if nvm and (nvm.uicr.touches(address, size) or nvm.flash.touches(address, size)):
            self._program(address, data)
        elif nvm and size == 4 and address in (*nvm.erase_page, nvm.erase_all, nvm.erase_uicr):
            self._erase(address, int.from_bytes(data, "little"), DEBUG_PORT)
        elif address >= PERIPHERALS and size in (1, 2, 4):
            self._bus.write(address, int.from_bytes(data, "little"), size * 8)
            self._config = None
        else:
            self._bus.write_block(address, data)
        self._core.note_written(address, data)
        return True

    def _program(self, address: int, data: bytes) -> None:
        """Write to flash or UICR from the debug port, word by word; what shares a word stays as it is."""
        nvm = self._nvm()
        if not self._read_config() & WEN:
            return
        kind: OperationKind = "uicr" if nvm.uicr.touches(address, len(data)) else "word"
        before = address & 3
        padded = b"\xff" * before + data + b"\xff" * (-(before + len(data)) & 3)
        if kind == "word" and not self.cut.armed:
            self._bus.write_block(address - before, padded)
            return
        for offset in range(0, len(padded), 4):
            value = int.from_bytes(padded[offset : offset + 4], "little")
            self._program_word(kind, address - before + offset, value, DEBUG_PORT)

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

    def _at_chip_id(self, trap: Trap, pc: int) -> int | None:
        own = self.model.chip_id
        assert own is not None
        transfers = self._core.transfers(pc)
        self._core.step_over(trap)
        for moved in transfers:
            if own.holds(moved.address, moved.size):
                offset = moved.address - own.start
                value = loaded(moved, self.chip_id[offset : offset + moved.size])
                self._core.gdb.write_register(moved.register, value)
        return None

    def _at_uicr_write(self, trap: Trap, pc: int) -> int | None:
        nvm = self._nvm()
        enabled = self._read_config() & WEN
        touched = [m for m in self._core.transfers(pc) if nvm.uicr.holds(m.address, m.size)]
        words = sorted({m.address & ~3 for m in touched})
        old = {a: self._bus.read(a) for a in words}
        self._core.step_over(trap)
        written = {a: self._bus.read(a) for a in words}
        for address in words:
            self._bus.write(address, old[address])
        for address in words if enabled else []:
            self._program_word("uicr", address, written[address], pc)
        return None

    def _at_nvmc_write(self, trap: Trap, pc: int) -> int | None:
        nvm = self._nvm()
        moves = self._core.transfers(pc)
        values = [(m.address, self._core.gdb.read_register(m.register)) for m in moves]
        foreign = self.locked and pc not in nvm.flash
        erases = (*nvm.erase_page, nvm.erase_all, nvm.erase_uicr)
        if foreign and any(a == nvm.config and v & WEN for a, v in values):
            self._core.skip(pc)
        elif any(a in erases for a, _ in values):
            self._core.skip(pc)
            for address, value in values:
                self._erase(address, value, pc)
        else:
            self._core.step_over(trap)
            self._config = None
        return None

    def _at_flash_write(self, trap: Trap, pc: int) -> int | None:
        """A store to flash is carried out word by word, so that power can go in the middle of it."""
        nvm = self._nvm()
        moves = [m for m in self._core.transfers(pc) if nvm.flash.holds(m.address, m.size)]
        whole = moves and all(m.size == 4 for m in moves)
        if not whole or not self._read_config() & WEN:
            self._core.step_over(trap)
            return None
        for move in moves:
            self._program_word("word", move.address, self._core.gdb.read_register(move.register), pc)
        moved = written_back(self._core.gdb.instruction(pc), self._core.gdb.read_register)
        for register, value in moved.items():
            self._core.gdb.write_register(register, value)
        self._core.skip(pc)
        return None

    def _at_flash_read(self, trap: Trap, pc: int) -> int | None:
        """Code outside the flash reads a protected flash: it gets zeros."""
        moves = self._core.transfers(pc)
        self._core.step_over(trap)
        if pc not in self._nvm().flash:
            for move in moves:
                self._core.gdb.write_register(move.register, 0)
        return None

    # -- cuts

    def arm(self, after_operations: int, mode: CutMode, seed: int) -> None:
        """Cut the power at a flash operation, counted from now."""
        self.cut = Cut(after_operations, mode, seed, armed=True)
        self._config = None

    def count(self, log: list[Operation] | None = None) -> None:
        """Count flash operations from now, without cutting; each goes into the `log` as well."""
        self.cut = Cut(0, armed=True, log=log)
        self._config = None
