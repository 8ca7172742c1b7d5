"""Serial numbers: the rule of a lot, which numbers follow it, and their check digits.  Pure.

rule = SerialRule(kind="range", prefix="SN-", first=1, last=500, digits=4, check="damm")
rule.serial(0)                # "SN-00013": the first one, with its check digit
rule.verify("sn-00013")       # the serial number as the rule spells it; raises SerialWrongFormat
rule.count                    # 500
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from workbench.identity.labels import MAX_SERIAL, compared, fits_certificate
from workbench.languages import _
from workbench.station.lots.check_digits import CHECKS, CheckKind, holds
from workbench.station.lots.errors import SerialWrongFormat
from workbench.toml_file import shown_text

RuleKind = Literal["range", "list", "scanned"]
MAX_DIGITS: Final = 18


@dataclass(frozen=True)
class SerialRule:
    """Which serial numbers a lot has.

    kind     range: numbers from `first` to `last`, written with `digits` digits after `prefix`;
             list: those of `serials`; scanned: what is on the labels, if it matches `pattern`
    prefix   begins every serial number of a range, and every scanned one where it is given
    check    check digit at the end: of a range it is added; of a list and of scanned ones it must be there
    """

    kind: RuleKind
    prefix: str = ""
    first: int = 0
    last: int = 0
    digits: int = 0
    check: CheckKind = "none"
    serials: tuple[str, ...] = ()
    pattern: str | None = None

    @property
    def gives(self) -> bool:
        """Whether the lot hands out serial numbers; otherwise they come with the units."""
        return self.kind != "scanned"

    @property
    def count(self) -> int | None:
        """How many serial numbers there are, None where the rule does not say."""
        if self.kind == "range":
            return self.last - self.first + 1
        return len(self.serials) if self.kind == "list" else None

    def serial(self, position: int) -> str:
        """The serial number at that position, from 0.  Raises IndexError outside `count` and for a rule that
        hands out none.
        """
        if self.count is None or not 0 <= position < self.count:
            raise IndexError(position)
        if self.kind == "list":
            return self.serials[position]
        body = f"{self.prefix}{self.first + position:0{self.digits}d}"
        return body + CHECKS[self.check].digits(body)

    def position(self, serial: str) -> int | None:
        """Position of a serial number that the rule hands out; None for any other, and for scanned ones."""
        if self.kind == "list":
            return self._positions.get(compared(serial))
        if self.kind == "scanned":
            return None
        number = self._number(serial)
        return None if number is None else number - self.first

    def verify(self, text: str) -> str:
        """The serial number that `text` is, as the rule spells it; case and double spaces do not count.

        Raises SerialWrongFormat, which says what is wrong with it.
        """
        serial = " ".join(text.split())
        if not fits_certificate(serial):
            raise _wrong(
                text, _("it must have 1 to {most} letters, digits or '()+,-./:=?").format(most=MAX_SERIAL)
            )
        if self.kind == "range":
            return self._in_range(serial)
        if self.kind == "list":
            return self._in_list(serial)
        return self._scanned(serial)

    def words(self) -> str:
        """The rule for a person."""
        check = "" if self.check == "none" else _(", check digit {kind}").format(kind=self.check)
        if self.kind == "range":
            ends = self.serial(0), self.serial(self.last - self.first)
            return _("{first} to {last}").format(first=ends[0], last=ends[1]) + check
        if self.kind == "list":
            return _("{count} serial numbers of a list").format(count=len(self.serials)) + check
        what = _("from the label")
        shape = f" ({self.prefix}…)" if self.prefix else f" ({self.pattern})" if self.pattern else ""
        return what + shape + check

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {compared(serial): position for position, serial in enumerate(self.serials)}

    @cached_property
    def _matcher(self) -> re.Pattern[str] | None:
        return None if self.pattern is None else re.compile(self.pattern)

    def _number(self, serial: str) -> int | None:
        """The number of a range's serial number, with the right check digit, within the range."""
        length = CHECKS[self.check].length
        body = serial[: len(serial) - length]
        head, tail = body[: len(self.prefix)], body[len(self.prefix) :]
        if head.casefold() != self.prefix.casefold() or not (tail.isascii() and tail.isdigit()):
            return None
        if len(tail) > MAX_DIGITS + 1 or not self.first <= int(tail) <= self.last:
            return None
        found = self.serial(int(tail) - self.first)
        return int(tail) if compared(found) == compared(serial) else None

    def _in_range(self, serial: str) -> str:
        position = self.position(serial)
        if position is not None:
            return self.serial(position)
        if self._has_shape(serial) and not holds(self.check, serial):
            raise _wrong(serial, _("its check digit is wrong, so it was misread or mistyped"))
        words = _("this lot has {first} to {last}")
        raise _wrong(serial, words.format(first=self.serial(0), last=self.serial(self.last - self.first)))

    def _in_list(self, serial: str) -> str:
        position = self.position(serial)
        if position is None:
            raise _wrong(serial, _("it is not in the list of this lot"))
        return self.serials[position]

    def _scanned(self, serial: str) -> str:
        if not serial.casefold().startswith(self.prefix.casefold()):
            raise _wrong(
                serial, _("serial numbers of this lot begin with {prefix}").format(prefix=self.prefix)
            )
        if self._matcher is not None and not self._matcher.fullmatch(serial):
            raise _wrong(serial, _("it does not look like {pattern}").format(pattern=self.pattern))
        if not holds(self.check, serial):
            raise _wrong(serial, _("its check digit is wrong, so it was misread or mistyped"))
        return serial

    def _has_shape(self, serial: str) -> bool:
        """Whether it has the length and the beginning of the range's numbers."""
        return len(serial) == len(self.serial(0)) and serial.casefold().startswith(self.prefix.casefold())


def _wrong(text: str, why: str) -> SerialWrongFormat:
    words = _("{serial} is no serial number of this lot: {why}")
    return SerialWrongFormat(words.format(serial=shown_text(text, MAX_SERIAL + 6), why=why))
