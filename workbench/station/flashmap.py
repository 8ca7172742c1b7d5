"""What a flash holds after a write that was cut short, sector by sector.  Pure: bytes in, letters out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

NEW: Final = "n"
"""A sector that holds all of what was to be written."""
BLANK: Final = "b"
"""A sector that is erased."""
TORN: Final = "t"
"""A sector that holds anything else, such as a part of what was to be written."""

Ranges = Sequence[Sequence[int]]
"""Pairs of addresses: first, and the one after the last."""


@dataclass(frozen=True, slots=True)
class FlashMap:
    """Sectors of `size` bytes from address `start` on; `kinds` has one letter for each."""

    start: int
    size: int
    kinds: str

    def kinds_in(self, ranges: Ranges) -> set[str]:
        """Kinds of the sectors that begin in `ranges`."""
        begins = [self.start + number * self.size for number in range(len(self.kinds))]
        return {
            kind
            for kind, at in zip(self.kinds, begins, strict=True)
            if any(first <= at < end for first, end in ranges)
        }


def flash_map(start: int, size: int, wanted: bytes, held: bytes, erased: int = 0xFF) -> FlashMap:
    """Compares what was to be written with what is there; both begin at `start`, a sector's border.

    Raises ValueError where the two are not of one length.
    """
    if len(wanted) != len(held):
        raise ValueError(f"{len(wanted)} bytes wanted, {len(held)} held")
    parts = [slice(at, at + size) for at in range(0, len(wanted), size)]
    return FlashMap(start, size, "".join(_kind(wanted[part], held[part], erased) for part in parts))


def agrees(found: FlashMap, written: Ranges, erased: Ranges) -> bool:
    """Whether the flash is as the station knew it when the power went: what it knew as written is new, what
    it knew as erased is blank.  Of the rest it knew nothing.
    """
    return found.kinds_in(written) <= {NEW} and found.kinds_in(erased) <= {BLANK}


def _kind(wanted: bytes, held: bytes, erased: int) -> str:
    if held == wanted:
        return NEW
    return BLANK if held == bytes([erased]) * len(held) else TORN
