"""Reading and writing a chip's memory in large blocks.  Runs in a session's thread."""

from __future__ import annotations

import sys
from array import array
from typing import Any, Final

from workbench.probes.plan import WORD, word_span

BLOCK: Final = 16 << 10
"""Bytes moved between two safe points: about half a second on a slow probe."""


def words_of(data: bytes) -> list[int]:
    """Little-endian 32-bit words of `data`, whose length is a multiple of 4."""
    words = array("I", data)
    if sys.byteorder == "big":
        words.byteswap()
    return words.tolist()


def bytes_of(words: list[int]) -> bytes:
    """The inverse of `words_of`."""
    packed = array("I", words)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def read_bytes(soc: Any, address: int, size: int) -> bytes:
    """`size` bytes from `address`, read as whole words.  `soc` is pyOCD's target."""
    if size == 0:
        return b""
    first, whole = word_span(address, address + size)
    held = bytes_of(soc.read_memory_block32(first, whole // WORD))
    return held[address - first : address - first + size]


def write_bytes(soc: Any, address: int, data: bytes) -> None:
    """Write `data` to RAM or registers at `address`; whole words as such, what is left byte by byte."""
    if address % WORD == 0 and len(data) % WORD == 0:
        soc.write_memory_block32(address, words_of(data))
    else:
        soc.write_memory_block8(address, list(data))
