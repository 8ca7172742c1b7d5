"""What to write where: an image laid over a target's sectors, configuration words and RAM.  Pure.

Flash is erased by whole sectors.  Bytes of a sector that the image does not cover are kept: they are read
before the erase and written again with the image's own.  With a chip erase nothing is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from workbench.boards.target import Target
from workbench.boards.target_file import Memory
from workbench.probes.errors import ImageNeedsErase
from workbench.probes.images import Image, Segment

WORD: Final = 4


@dataclass(frozen=True, slots=True)
class Sector:
    """One flash sector and the image's bytes in it, as (offset in the sector, bytes), sorted."""

    start: int
    size: int
    parts: tuple[tuple[int, bytes], ...]

    @property
    def end(self) -> int:
        """Address after the last byte."""
        return self.start + self.size

    @property
    def covered(self) -> int:
        """Bytes of the sector that the image gives."""
        return sum(len(data) for _, data in self.parts)

    @property
    def is_whole(self) -> bool:
        """Whether the image gives every byte."""
        return self.covered == self.size

    def over(self, held: bytes) -> bytes:
        """The sector's content to be, where it holds `held` now."""
        content = bytearray(held)
        for offset, data in self.parts:
            content[offset : offset + len(data)] = data
        return bytes(content)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that an image asks for, by kind of memory; each sorted by address."""

    sectors: tuple[Sector, ...]
    config: tuple[Segment, ...]
    ram: tuple[Segment, ...]


def make_plan(image: Image, target: Target) -> Plan:
    """Lay `image`, which fits `target`'s memory map, over its memory."""
    pieces = list(_pieces(image, target))
    flash = [(piece, memory) for piece, memory in pieces if memory.kind == "flash"]
    return Plan(
        sectors=_sectors(flash),
        config=tuple(piece for piece, memory in pieces if memory.kind == "config"),
        ram=tuple(piece for piece, memory in pieces if memory.kind == "ram"),
    )


def _pieces(image: Image, target: Target) -> Iterator[tuple[Segment, Memory]]:
    """Segments cut at the borders of memory regions."""
    for segment in image.segments:
        address = segment.address
        while address < segment.end:
            memory = target.memory_at(address)
            if memory is None:
                raise ValueError(f"{address:#x} is outside the memory map")
            end = min(segment.end, memory.end)
            data = segment.data[address - segment.address : end - segment.address]
            yield Segment(address, data, segment.source), memory
            address = end


def _sectors(pieces: Iterable[tuple[Segment, Memory]]) -> tuple[Sector, ...]:
    sizes: dict[int, int] = {}
    parts: dict[int, list[tuple[int, bytes]]] = {}
    for piece, memory in pieces:
        size = memory.sector or memory.size
        address = piece.address
        while address < piece.end:
            start = memory.start + (address - memory.start) // size * size
            end = min(piece.end, start + size)
            sizes[start] = size
            part = piece.data[address - piece.address : end - piece.address]
            parts.setdefault(start, []).append((address - start, part))
            address = end
    return tuple(Sector(start, sizes[start], tuple(parts[start])) for start in sorted(sizes))


def config_words(segment: Segment, held: bytes, first: int) -> dict[int, int]:
    """Words to write so that configuration memory holds `segment`, by address; words that hold it already are
    left out.

    `held` is what the memory holds from the word address `first` on.  Bits can only fall: raises
    ImageNeedsErase where one would have to rise.
    """
    wanted = bytearray(held)
    offset = segment.address - first
    wanted[offset : offset + len(segment.data)] = segment.data
    words: dict[int, int] = {}
    for at in range(0, len(held), WORD):
        old = int.from_bytes(held[at : at + WORD], "little")
        new = int.from_bytes(wanted[at : at + WORD], "little")
        if new & ~old:
            raise ImageNeedsErase(
                f"{segment.source.path}: wants {new:#010x} at {first + at:#010x}, but the chip holds "
                f"{old:#010x} there and its bits can only fall"
            )
        if new != old:
            words[first + at] = new
    return words


def word_span(start: int, end: int) -> tuple[int, int]:
    """[start, end) widened to whole 32-bit words, as (first address, size)."""
    first = start // WORD * WORD
    return first, (end + WORD - 1) // WORD * WORD - first


def gaps(memory: Memory, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What of `memory` lies in none of the sorted (start, size) spans, as (start, size)."""
    at = memory.start
    for start, size in spans:
        if memory.start <= start < memory.end:
            if start > at:
                yield at, start - at
            at = start + size
    if at < memory.end:
        yield at, memory.end - at


def blocks(spans: Iterable[tuple[int, int]], most: int) -> Iterator[tuple[int, int]]:
    """Sorted (start, size) joined where they touch and cut so that none is longer than `most` bytes."""
    start = end = -1
    for at, size in spans:
        if at == end:
            end = at + size
            continue
        yield from _cut(start, end, most)
        start, end = at, at + size
    yield from _cut(start, end, most)


def _cut(start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    for at in range(start, end, most):
        yield at, min(most, end - at)
