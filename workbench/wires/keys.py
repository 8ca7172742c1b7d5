"""The escape key of the interactive console: which keys are for the board, which for the workbench.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

ESCAPE: Final = 0x1D
"""Ctrl-], as telnet and many console programs have it."""


class Command(Enum):
    """What the keyboard can ask of the workbench: the key that follows Ctrl-]."""

    QUIT = "q"
    HELP = "?"
    BREAK = "b"
    TIMESTAMPS = "t"
    UNKNOWN = ""


HELP_LINE: Final = "Ctrl-] then: q quit, b send break, t timestamps on/off, Ctrl-] send Ctrl-], ? this help"

_KEYS: Final = {ord(c.value): c for c in Command if c.value}


@dataclass(frozen=True, slots=True)
class Typed:
    """Bytes for the board."""

    data: bytes


class Keys:
    """Tells key strokes apart, wherever the reads split them."""

    def __init__(self) -> None:
        self._escaped = False

    def feed(self, data: bytes) -> list[Typed | Command]:
        """What was typed, in order.  The key after Ctrl-] may be a capital or held with Ctrl."""
        found: list[Typed | Command] = []
        plain = bytearray()
        for key in data:
            if not self._escaped and key == ESCAPE:
                self._escaped = True
            elif not self._escaped or key == ESCAPE:
                self._escaped = False
                plain.append(key)
            else:
                self._escaped = False
                found += [Typed(bytes(plain))] if plain else []
                plain.clear()
                found.append(_command(key))
        return found + ([Typed(bytes(plain))] if plain else [])


def _command(key: int) -> Command:
    if key < 0x20:
        key |= 0x60
    return _KEYS.get(key | 0x20 if 0x41 <= key <= 0x5A else key, Command.UNKNOWN)
