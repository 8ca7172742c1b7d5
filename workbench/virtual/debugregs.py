"""State of a Cortex-M's debug registers: what QEMU does not have and the twin adds.  Pure: no wires, no I/O.

Sources: Armv7-M Architecture Reference Manual C1.6 (debug registers), C1.8 (DWT), C1.11 (FPB); Armv6-M, C1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from workbench.virtual.chips import DWT, FPB, ROM_TABLE, SCS, ChipModel, identification

AIRCR: Final = 0xE000ED0C
DFSR: Final = 0xE000ED30
DHCSR: Final = 0xE000EDF0
DCRSR: Final = 0xE000EDF4
DCRDR: Final = 0xE000EDF8
DEMCR: Final = 0xE000EDFC

KEY: Final = 0xA05F0000
C_DEBUGEN, C_HALT, C_STEP, C_MASKINTS = 1, 2, 4, 8
S_REGRDY, S_HALT, S_SLEEP, S_LOCKUP = 1 << 16, 1 << 17, 1 << 18, 1 << 19
S_RETIRE_ST, S_RESET_ST = 1 << 24, 1 << 25
DFSR_HALTED, DFSR_BKPT, DFSR_DWTTRAP, DFSR_VCATCH, DFSR_EXTERNAL = 1, 2, 4, 8, 16
VC_CORERESET, VC_HARDERR, TRCENA = 1 << 0, 1 << 10, 1 << 24
VECTKEY: Final = 0x05FA0000
SYSRESETREQ: Final = 1 << 2

Trap = tuple[int, int, int]
"""A gdb break- or watchpoint: kind, address, size."""


@dataclass
class DebugRegisters:
    """Debug registers of one core.  They keep their values over every reset but power-on."""

    model: ChipModel
    debug_enabled: bool = False
    mask_interrupts: bool = False
    demcr: int = 0
    dfsr: int = 0
    dcrdr: int = 0
    reset_seen: bool = True
    retired: bool = False
    fp_ctrl: int = 0
    dwt_ctrl: int = 0
    fp_comp: list[int] = field(default_factory=list)
    dwt: list[int] = field(default_factory=list)
    constants: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.fp_comp = [0] * self.model.fpb_comparators
        self.dwt = [0] * (4 * self.model.dwt_comparators)
        for base, part in (
            (SCS, self.model.part_scs),
            (DWT, self.model.part_dwt),
            (FPB, self.model.part_fpb),
        ):
            self.constants |= {base.start + offset: word for offset, word in identification(part, 0xE)}
        self.constants |= {ROM_TABLE.start + offset: word for offset, word in identification(0x4C0, 0x1)}
        for i, base in enumerate((SCS, DWT, FPB)):
            self.constants[ROM_TABLE.start + 4 * i] = ((base.start - ROM_TABLE.start) | 3) & 0xFFFFFFFF
        self.constants[ROM_TABLE.start + 0xFCC] = 1

    def is_mine(self, address: int) -> bool:
        """Whether a word is answered here and not by QEMU."""
        in_units = address in DWT or address in FPB or address in ROM_TABLE
        return in_units or address in self.constants or address in (DFSR, DHCSR, DCRSR, DCRDR, DEMCR)

    def read_unit(self, address: int) -> int:
        """A word of FPB, DWT, ROM table or identification; unknown ones read as zero."""
        if address in self.constants:
            return self.constants[address]
        if address == FPB.start:
            return self.fp_ctrl & 1 | (self.model.fpb_comparators & 0xF) << 4
        if address == DWT.start:
            return self.model.dwt_comparators << 28 | 1 << 25 | self.dwt_ctrl & 0xFFFFFF
        index = (address - FPB.start - 8) // 4
        if address in FPB and 0 <= index < len(self.fp_comp):
            return self.fp_comp[index]
        index = (address - DWT.start - 0x20) // 4
        if address in DWT and 0 <= index < len(self.dwt):
            return self.dwt[index]
        return 0

    def write_unit(self, address: int, value: int) -> None:
        """Write a word of FPB or DWT; the rest is read-only."""
        if address == FPB.start:
            if value & 2:
                self.fp_ctrl = value & 1
            return
        if address == DWT.start:
            self.dwt_ctrl = value
            return
        index = (address - FPB.start - 8) // 4
        if address in FPB and 0 <= index < len(self.fp_comp):
            self.fp_comp[index] = value
        index = (address - DWT.start - 0x20) // 4
        if address in DWT and 0 <= index < len(self.dwt):
            self.dwt[index] = value

    def breakpoints(self) -> set[Trap]:
        """What the FPB's comparators stop at (version 1: halfword chosen by bits 31:30)."""
        if not (self.debug_enabled and self.fp_ctrl & 1):
            return set()
        found: set[Trap] = set()
        for comp in self.fp_comp:
            if comp & 1:
                base, halves = comp & 0x1FFFFFFC, comp >> 30
                found |= {(1, base + 2 * h, 2) for h in (0, 1) if halves >> h & 1}
        return found

    def watchpoints(self) -> set[Trap]:
        """What the DWT's comparators stop at: functions 5 (read), 6 (write), 7 (both)."""
        found: set[Trap] = set()
        if not (self.debug_enabled and self.demcr & TRCENA):
            return found
        for i in range(0, len(self.dwt), 4):
            comp, mask, function = self.dwt[i : i + 3]
            kind = {5: 3, 6: 2, 7: 4}.get(function & 0xF)
            if kind is not None:
                size = 1 << (mask & 0x1F)
                found.add((kind, comp & ~(size - 1), size))
        return found

    def dhcsr(self, *, halted: bool, lockup: bool) -> int:
        """Value of DHCSR; reading it clears the sticky reset and retire bits."""
        value = S_REGRDY
        value |= C_DEBUGEN if self.debug_enabled else 0
        value |= C_MASKINTS if self.mask_interrupts else 0
        value |= (S_HALT | C_HALT) if halted else 0
        value |= S_LOCKUP if lockup else 0
        value |= S_RESET_ST if self.reset_seen else 0
        value |= S_RETIRE_ST if self.retired else 0
        self.reset_seen = False
        self.retired = not halted and not lockup
        return value
