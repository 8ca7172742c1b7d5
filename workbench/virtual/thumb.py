"""Decode Thumb loads and stores of one halfword: where they go, and which register they fill.

Pure functions.

Enough for Armv6-M, whose loads and stores are all 16-bit instructions.  Source: Armv6-M Architecture
Reference Manual, A5.2, A6.7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Register = Callable[[int], int]
"""Reads a core register (0 to 15) as it is before the instruction runs."""

WORD_OPS = {
    0: (4, False),
    1: (2, False),
    2: (1, False),
    3: (1, True),
    4: (4, False),
    5: (2, False),
    6: (1, False),
    7: (2, True),
}


@dataclass(frozen=True)
class Transfer:
    """One register moved to or from memory: `size` in bytes; `signed` loads extend the sign."""

    register: int
    address: int
    size: int
    signed: bool = False


def decode(instruction: int, pc: int, register: Register) -> tuple[Transfer, ...]:
    """Transfers that a load or store makes, lowest address first; empty for every other instruction."""
    top5 = instruction >> 11
    rt, rn = instruction & 7, (instruction >> 3) & 7
    imm5 = (instruction >> 6) & 0x1F
    if top5 == 0b01001:
        return (Transfer((instruction >> 8) & 7, ((pc + 4) & ~3) + 4 * (instruction & 0xFF), 4),)
    if instruction >> 12 == 0b0101:
        size, signed = WORD_OPS[(instruction >> 9) & 7]
        return (Transfer(rt, _sum(register(rn), register((instruction >> 6) & 7)), size, signed),)
    if top5 in (0b01100, 0b01101):
        return (Transfer(rt, _sum(register(rn), 4 * imm5), 4),)
    if top5 in (0b01110, 0b01111):
        return (Transfer(rt, _sum(register(rn), imm5), 1),)
    if top5 in (0b10000, 0b10001):
        return (Transfer(rt, _sum(register(rn), 2 * imm5), 2),)
    if top5 in (0b10010, 0b10011):
        return (Transfer((instruction >> 8) & 7, _sum(register(13), 4 * (instruction & 0xFF)), 4),)
    if top5 in (0b11000, 0b11001):
        base = register((instruction >> 8) & 7)
        listed = [r for r in range(8) if instruction >> r & 1]
        return tuple(Transfer(r, _sum(base, 4 * i), 4) for i, r in enumerate(listed))
    return ()


def _sum(a: int, b: int) -> int:
    return (a + b) & 0xFFFFFFFF


def loaded(transfer: Transfer, memory: bytes) -> int:
    """Value that a load puts into its register when `memory` is what it read."""
    value = int.from_bytes(memory[: transfer.size], "little", signed=transfer.signed)
    return value & 0xFFFFFFFF
