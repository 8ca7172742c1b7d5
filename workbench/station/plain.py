"""Makes any value fit for JSON, and bounds it: a board must not be able to fill the disk through an event.

Decides only; reads and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import PurePath
from typing import Final

from workbench.events import Json

MAX_TEXT: Final = 16_384
"""Characters kept of one string."""
MAX_ITEMS: Final = 4_096
"""Items kept of one list or mapping."""
MAX_DEPTH: Final = 16
"""Levels of lists and mappings kept."""
MAX_NODES: Final = 20_000
"""Values kept within one value."""
MAX_TOTAL: Final = 65_536
"""Characters kept of all strings of one value together."""


def plain(value: object) -> Json:
    """`value` as JSON has it: bytes in hex, paths as text, NaN and infinities as text, the rest by `repr`.

    What exceeds a limit is cut, and the cut is said in its place.
    """
    return _Plain().value(value, 0)


class _Plain:
    """One conversion, with a count of the values so far and of the characters still allowed."""

    def __init__(self) -> None:
        self._nodes = 0
        self._room = MAX_TOTAL

    def value(self, value: object, depth: int) -> Json:
        self._nodes += 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if value.bit_length() <= 256 else self._text(hex(value))
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(value)
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._items(value, len(value), depth)
        return self._text(_words(value))

    def _full(self, depth: int) -> bool:
        return depth >= MAX_DEPTH or self._nodes >= MAX_NODES

    def _items(self, value: Iterable[object], count: int, depth: int) -> Json:
        if self._full(depth):
            return _left_out(count, "items")
        kept = [self.value(item, depth + 1) for item in islice(value, MAX_ITEMS)]
        return kept if count <= MAX_ITEMS else [*kept, _left_out(count - MAX_ITEMS, "items")]

    def _mapping(self, value: Mapping[object, object], depth: int) -> Json:
        if self._full(depth):
            return _left_out(len(value), "items")
        items = islice(value.items(), MAX_ITEMS)
        kept = {self._text(_words(key)): self.value(item, depth + 1) for key, item in items}
        if len(value) > MAX_ITEMS:
            kept["…"] = _left_out(len(value) - MAX_ITEMS, "items")
        return kept

    def _text(self, value: str) -> str:
        kept = value[: min(MAX_TEXT, self._room)]
        self._room -= len(kept)
        return kept if len(kept) == len(value) else kept + _left_out(len(value) - len(kept), "characters")


def _words(value: object) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value[: MAX_TEXT // 2 + 1]).hex()
    return str(value) if isinstance(value, PurePath) else repr(value)


def _left_out(count: int, what: str) -> str:
    return f"… ({count} {what} left out)"
