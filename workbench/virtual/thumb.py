"""Decode Thumb loads and stores: where they go, and which registers they move.  Pure functions.

`decode` knows every 16-bit load and store, which is all there is on Armv6-M; `decode_wide` the 32-bit loads
of Armv7-M that compilers use.  Sources: Armv6-M Architecture Reference Manual, A5.2 and A6.7; Armv7-M, A5.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Register = Callable[[int], int]
"""Reads a core register (0 to 15) as it is before the instruction runs."""

BKPT: Final = b"\xbe"
"""High byte of a BKPT instruction, whatever its number."""
MAX_BKPTS: Final = 256

SP: Final = 13
LR: Final = 14
PC: Final = 15
BY_REGISTER: Final = (
    (4, False),
    (2, False),
    (1, False),
    (1, True),
    (4, False),
    (2, False),
    (1, False),
    (2, True),
)
"""Size and sign of STR, STRH, STRB, LDRSB, LDR, LDRH, LDRB, LDRSH with a register offset, by bits 11:9."""
BY_IMMEDIATE: Final = {0b0110: 4, 0b0111: 1, 0b1000: 2}
"""Size of loads and stores with a 5-bit offset, by bits 15:12."""


@dataclass(frozen=True)
class Transfer:
    """One register moved to or from memory: `size` in bytes; `signed` loads extend the sign."""

    register: int
    address: int
    size: int
    signed: bool = False


def decode(instruction: int, pc: int, register: Register) -> tuple[Transfer, ...]:
    """Transfers that a 16-bit load or store makes, lowest address first; empty for everything else."""
    top4 = instruction >> 12
    low, base = instruction & 7, (instruction >> 3) & 7
    high, imm8 = (instruction >> 8) & 7, instruction & 0xFF
    if instruction >> 11 == 0b01001:
        return (Transfer(high, _sum(pc + 4 & ~3, 4 * imm8), 4),)
    if top4 == 0b0101:
        size, signed = BY_REGISTER[(instruction >> 9) & 7]
        return (Transfer(low, _sum(register(base), register((instruction >> 6) & 7)), size, signed),)
    if top4 in BY_IMMEDIATE:
        size = BY_IMMEDIATE[top4]
        return (Transfer(low, _sum(register(base), size * ((instruction >> 6) & 0x1F)), size),)
    if top4 == 0b1001:
        return (Transfer(high, _sum(register(SP), 4 * imm8), 4),)
    if top4 == 0b1100:
        return _listed(_list(imm8), register(high))
    return _stack(instruction, register)


def _stack(instruction: int, register: Register) -> tuple[Transfer, ...]:
    """PUSH and POP."""
    registers = _list(instruction & 0xFF)
    further = instruction >> 8 & 1
    if instruction >> 9 == 0b1011010:
        registers += [LR] * further
        return _listed(registers, _sum(register(SP), -4 * len(registers)))
    if instruction >> 9 == 0b1011110:
        return _listed(registers + [PC] * further, register(SP))
    return ()


def written_back(instruction: int, register: Register) -> dict[int, int]:
    """Base register of a 16-bit store that moves it (STM, PUSH), with its value afterwards."""
    if instruction >> 11 == 0b11000:
        base = (instruction >> 8) & 7
        return {base: _sum(register(base), 4 * len(_list(instruction & 0xFF)))}
    if instruction >> 9 == 0b1011010:
        return {SP: _sum(register(SP), -4 * len(_list(instruction & 0x1FF)))}
    return {}


def is_wide(first: int) -> bool:
    """Whether a halfword is the first of a 32-bit instruction."""
    return first >> 11 in (0b11101, 0b11110, 0b11111)


def decode_wide(first: int, second: int, pc: int, register: Register) -> tuple[Transfer, ...]:
    """Transfers of the 32-bit loads LDR(S)(B,H) and LDRD in all their addressing modes, and LDM."""
    rn, rt = first & 0xF, second >> 12
    base = pc + 4 & ~3 if rn == PC else register(rn)
    if first & 0xFE10 == 0xF810:  # LDRB, LDRH, LDR and the signed ones
        size = 1 << (first >> 5 & 3)
        return (Transfer(rt, _single(first, second, base, register), size, bool(first & 1 << 8)),)
    if first & 0xFE50 == 0xE850 and first & 0x0120:  # LDRD
        offset = 4 * (second & 0xFF) * (1 if first & 1 << 7 else -1)
        start = _sum(base, offset if first & 1 << 8 else 0)
        return (Transfer(rt, start, 4), Transfer(second >> 8 & 0xF, _sum(start, 4), 4))
    if first & 0xFFD0 == 0xE890:  # LDM
        return _listed(_list(second), base)
    if first & 0xFFD0 == 0xE910:  # LDMDB
        return _listed(_list(second), _sum(base, -4 * len(_list(second))))
    return ()


def _single(first: int, second: int, base: int, register: Register) -> int:
    """Address of a 32-bit load of one register."""
    imm12, imm8 = second & 0xFFF, second & 0xFF
    if first & 0xF == PC:
        return _sum(base, imm12 if first & 1 << 7 else -imm12)
    if first & 1 << 7:
        return _sum(base, imm12)
    if not second & 1 << 11:
        return _sum(base, register(second & 0xF) << (second >> 4 & 3))
    indexed = second & 1 << 10
    return _sum(base, (imm8 if second & 1 << 9 else -imm8) if indexed else 0)


def _list(bits: int) -> list[int]:
    return [r for r in range(16) if bits >> r & 1]


def _listed(registers: list[int], start: int) -> tuple[Transfer, ...]:
    return tuple(Transfer(r, _sum(start, 4 * i), 4) for i, r in enumerate(registers))


def _sum(a: int, b: int) -> int:
    return (a + b) & 0xFFFFFFFF


def loaded(transfer: Transfer, memory: bytes) -> int:
    """Value that a load puts into its register when `memory` is what it read."""
    value = int.from_bytes(memory[: transfer.size], "little", signed=transfer.signed)
    return value & 0xFFFFFFFF


def bkpts_after(known: set[int], address: int, data: bytes) -> set[int]:
    """Addresses of BKPT instructions once `data` has been written at `address`; at most `MAX_BKPTS`."""
    bkpts = {at for at in known if not address <= at < address + len(data)}
    found = data.find(BKPT)
    while found >= 0 and len(bkpts) < MAX_BKPTS:
        if (address + found) % 2 and found:
            bkpts.add(address + found - 1)
        found = data.find(BKPT, found + 1)
    return bkpts
