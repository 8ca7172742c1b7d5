"""What the twins' chips look like from outside: memory, debug components, identity.  Data only.

Sources: nRF51 Series Reference Manual v3 (memory, NVMC, FICR, UICR); Armv6-M and Armv7-M Architecture
Reference Manuals (ROM table, DWT, FPB/BPU); Arm Debug Interface v5 (DP and AP identification).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Range:
    """Addresses from `start`, `size` bytes long."""

    start: int
    size: int

    @property
    def end(self) -> int:
        """First address after the range."""
        return self.start + self.size

    def __contains__(self, address: int) -> bool:
        return self.start <= address < self.end

    def holds(self, address: int, size: int) -> bool:
        """Whether `size` bytes at `address` lie wholly inside."""
        return self.start <= address and address + size <= self.end

    def touches(self, address: int, size: int) -> bool:
        """Whether any of `size` bytes at `address` lies inside."""
        return address < self.end and address + size > self.start


@dataclass(frozen=True)
class NvmController:
    """Flash controller of the nRF51 (NVMC), as QEMU models it."""

    flash: Range
    uicr: Range
    page_size: int
    config: int
    """Address of CONFIG: 0 read only, 1 WEN (write), 2 EEN (erase)."""
    erase_page: tuple[int, ...]
    """Addresses of ERASEPCR1 and ERASEPCR0: writing a page's address erases it."""
    erase_all: int
    erase_uicr: int
    rbpconf: int
    """UICR word with the read-back protection: byte 1 (PALL) other than 0xFF protects all code memory."""


@dataclass(frozen=True)
class ChipModel:
    """One kind of chip on one QEMU machine."""

    machine: str
    vendor: str
    product: str
    pyocd_target: str
    test_binary: str | None
    dp_idr: int
    ap_idr: int
    armv6m: bool
    """Armv6-M (Cortex-M0), or else Armv7-M: which special registers and 32-bit instructions there are."""
    part_scs: int
    part_dwt: int
    part_fpb: int
    fpb_comparators: int
    dwt_comparators: int
    ram: tuple[Range, ...]
    readable: tuple[Range, ...]
    """Everything that answers on the bus; other addresses fault."""
    scratch: int
    """RAM address that may be borrowed for a few instructions while the core is halted."""
    nvm: NvmController | None = None
    chip_id: Range | None = None
    """Read-only words of the chip that hold its identity (FICR DEVICEID on the nRF51)."""
    tar_wrap: int = 0x400
    """Bytes after which the AP's address wraps while it counts up."""

    def answers(self, address: int, size: int) -> bool:
        """Whether the bus has something at these addresses."""
        return any(r.holds(address, size) for r in self.readable)


PERIPHERALS: Final = 0x40000000
"""First address of peripherals; below there is plain memory (both architectures, table B3-1)."""
PPB: Final = Range(0xE0000000, 0x100000)
"""Private peripheral bus: debug components and system control space."""
ROM_TABLE: Final = Range(0xE00FF000, 0x1000)
SCS: Final = Range(0xE000E000, 0x1000)
DWT: Final = Range(0xE0001000, 0x1000)
FPB: Final = Range(0xE0002000, 0x1000)

NRF51: Final = ChipModel(
    machine="microbit",
    vendor="Workbench",
    product="micro:bit V1 twin",
    pyocd_target="nrf51",
    test_binary="l1_microbit.bin",
    dp_idr=0x0BB11477,
    ap_idr=0x04770021,
    armv6m=True,
    part_scs=0x008,
    part_dwt=0x00A,
    part_fpb=0x00B,
    fpb_comparators=4,
    dwt_comparators=2,
    ram=(Range(0x20000000, 0x4000),),
    readable=(
        Range(0x00000000, 0x40000),
        Range(0x10000000, 0x1000),
        Range(0x10001000, 0x1000),
        Range(0x20000000, 0x4000),
        Range(0x40000000, 0x20000000),
        PPB,
        Range(0xF0000000, 0x1000),
    ),
    scratch=0x20000000,
    nvm=NvmController(
        flash=Range(0, 0x40000),
        uicr=Range(0x10001000, 0x100),
        page_size=0x400,
        config=0x4001E504,
        erase_page=(0x4001E508, 0x4001E510),
        erase_all=0x4001E50C,
        erase_uicr=0x4001E514,
        rbpconf=0x10001004,
    ),
    chip_id=Range(0x10000060, 8),
)

AN385: Final = ChipModel(
    machine="mps2-an385",
    vendor="Workbench",
    product="MPS2 AN385 twin",
    pyocd_target="cortex_m",
    test_binary=None,
    dp_idr=0x2BA01477,
    ap_idr=0x24770011,
    armv6m=False,
    tar_wrap=0x1000,  # Cortex-M3 Technical Reference Manual: the AHB-AP counts within 4 KiB
    part_scs=0x000,
    part_dwt=0x002,
    part_fpb=0x003,
    fpb_comparators=6,
    dwt_comparators=4,
    ram=(Range(0x00000000, 0x400000), Range(0x20000000, 0x400000), Range(0x21000000, 0x1000000)),
    readable=(
        Range(0x00000000, 0x400000),
        Range(0x20000000, 0x400000),
        Range(0x21000000, 0x1000000),
        Range(0x40000000, 0x20000000),
        PPB,
    ),
    scratch=0x20000000,
    chip_id=Range(0x4002FFF8, 8),
)

MODELS: Final[dict[str, ChipModel]] = {m.machine: m for m in (NRF51, AN385)}


def identification(part: int, component_class: int) -> Iterator[tuple[int, int]]:
    """CoreSight identification registers as (offset, word): PIDR4, PIDR0..3, CIDR0..3 of an Arm component.

    The JEP106 code of Arm is 0x3B with four continuation bytes.
    """
    pidr = part | (0xBB << 12)
    yield 0xFD0, 0x04
    for i in range(4):
        yield 0xFE0 + 4 * i, (pidr >> (8 * i)) & 0xFF
    for i, byte in enumerate((0x0D, component_class << 4, 0x05, 0xB1)):
        yield 0xFF0 + 4 * i, byte
