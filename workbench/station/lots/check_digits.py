"""Check digits of serial numbers.  Pure.

A letter counts as its two digits from 10 (A) to 35 (Z), as in ISO 6166; case and all other characters do not
count.  `digits` gives what is added to a serial number, `holds` looks at one that ends with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

CheckKind = Literal["none", "luhn", "mod97", "damm"]

_QUASIGROUP: Final = (
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
)  # fmt: skip
"""Damm, Total anti-symmetrische Quasigruppen, 2004, page 111: order 10, totally anti-symmetric."""


class Check(Protocol):
    """One way of making and checking."""

    @property
    def length(self) -> int:
        """How many digits it has."""
        ...

    def digits(self, body: str) -> str:
        """The check digits of `body`."""
        ...


def expanded(text: str) -> str:
    """The digits that count."""
    found = []
    for character in text.upper():
        if character.isascii() and character.isdigit():
            found.append(character)
        elif "A" <= character <= "Z":
            found.append(str(ord(character) - ord("A") + 10))
    return "".join(found)


def holds(check: CheckKind, serial: str) -> bool:
    """Whether the serial number ends with the check digits of what is before them."""
    length = CHECKS[check].length
    if length == 0:
        return True
    body, end = serial[:-length], serial[-length:]
    return bool(expanded(body)) and CHECKS[check].digits(body) == end


@dataclass(frozen=True, slots=True)
class _None:
    length: int = 0

    def digits(self, body: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class _Luhn:
    """ISO/IEC 7812-1 annex B: every second digit from the right is doubled."""

    length: int = 1

    def digits(self, body: str) -> str:
        total = 0
        for place, character in enumerate(reversed(expanded(body))):
            value = int(character) * (2 if place % 2 == 0 else 1)
            total += value - 9 if value > 9 else value
        return str(-total % 10)


@dataclass(frozen=True, slots=True)
class _Mod97:
    """ISO/IEC 7064 MOD 97-10, two digits."""

    length: int = 2

    def digits(self, body: str) -> str:
        return f"{98 - int(expanded(body) + '00') % 97:02d}"


@dataclass(frozen=True, slots=True)
class _Damm:
    """Finds every wrong digit and every exchange of two neighbours."""

    length: int = 1

    def digits(self, body: str) -> str:
        interim = 0
        for character in expanded(body):
            interim = int(_QUASIGROUP[interim][int(character)])
        return str(interim)


CHECKS: Final[Mapping[CheckKind, Check]] = {
    "none": _None(),
    "luhn": _Luhn(),
    "mod97": _Mod97(),
    "damm": _Damm(),
}
