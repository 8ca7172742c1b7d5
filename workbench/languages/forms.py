"""Finished texts in another language: the form of a text that was filled in is found again.

    forms = Forms([("slot {slot} has no probe", "Steckplatz {slot} hat keine Sonde")])
    forms.said("slot A1 has no probe")      # "Steckplatz A1 hat keine Sonde"

So errors, records and what processes say to each other stay plain English texts, and whoever shows one
translates it, also one that another station or an earlier run has written.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter
from typing import Final, Self

KEPT: Final = 4096
"""Texts of which the translation is remembered: a face asks for the same ones at every paint."""
MAX_CHARS: Final = 2000
"""Longer texts stay as they are."""
MAX_DEPTH: Final = 5
"""Texts within texts: deeper ones stay as they are."""
_SEPARATOR: Final = re.compile(r": |; |\. |\n")
"""What stands on either side of it may be a text of its own."""

FEW_LETTERS: Final = 8
"""A form that begins with a field and has fewer letters of its own takes numbers; of two words, names too."""

Pieces = tuple[tuple[str, str | None], ...]
"""Words, each with the name of the field that comes after them; None at the end."""


def pieces(text: str) -> Pieces:
    """A text with named fields, taken apart; how a field is to be written is left out.  Raises ValueError."""
    return tuple((plain, name) for plain, name, _spec, _conversion in Formatter().parse(text))


@dataclass(frozen=True, slots=True)
class Form:
    """A text with fields, and its translation: what stands before each field, the fields, what comes last."""

    before: tuple[str, ...]
    fields: tuple[str, ...]
    after: str
    other: Pieces

    @classmethod
    def of(cls, text: str, other: str) -> Self:
        """Raises ValueError where either is no text with fields."""
        found = pieces(text)
        fields = tuple(name for _plain, name in found if name is not None)
        before = tuple(plain for plain, name in found if name is not None)
        return cls(before, fields, "".join(plain for plain, name in found if name is None), pieces(other))

    @property
    def own(self) -> str:
        """What of it is no field."""
        return "".join((*self.before, self.after))

    @property
    def mark(self) -> str:
        """The longest of its pieces: where that is not in a text, the rest need not be looked for."""
        return max(*self.before, self.after, key=len)

    def values(self, text: str) -> list[str] | None:
        """What stands in the fields, the shortest that fits; None where `text` has not this form."""
        at, end, values = len(self.before[0]), len(text) - len(self.after), list[str]()
        if at > end or not text.startswith(self.before[0]) or not text.endswith(self.after):
            return None
        for plain in self.before[1:]:
            found = text.find(plain, at, end)
            if found < 0:
                return None
            values.append(text[at:found])
            at = found + len(plain)
        values.append(text[at:end])
        return values if all(self._takes(value) for value in values) else None

    def _takes(self, value: str) -> bool:
        """A form that looks like many a sentence takes no half of one."""
        own = sum(char.isalpha() for char in self.own)
        if own >= FEW_LETTERS or self.before[0].strip() or not value:
            return True
        return any(char.isdigit() for char in value) or (" " in self.own.strip() and " " not in value)

    def filled(self, values: Iterable[str]) -> str:
        """The translation with these values, in the order of the fields of the text itself."""
        named = dict(zip(self.fields, values, strict=True))
        return "".join(plain + (named.get(name, "") if name else "") for plain, name in self.other)


@dataclass(frozen=True, slots=True)
class Told:
    """A text in the other language, and how many characters of the first one were known."""

    text: str
    known: int


class Forms:
    """All texts of a language that may have to be found again."""

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        """`texts`: each text, with fields or without, and its translation."""
        self._whole: dict[str, str] = {}
        self._forms = [
            (form.mark, form) for form in sorted(self._sorted_out(texts), key=lambda f: len(f.own))
        ]
        self._kept = lru_cache(KEPT)(self._known)

    def _sorted_out(self, texts: Iterable[tuple[str, str]]) -> Iterator[Form]:
        for text, other in texts:
            self._whole[text] = other
            try:
                form = Form.of(text, other)
            except ValueError:
                continue  # braces of its own
            if not form.fields:
                self._whole[form.after] = form.filled(())
            elif any(plain.strip() for plain in (*form.before, form.after)):
                yield form

    def said(self, text: str) -> str:
        """`text` in the other language; what nobody knows of it stays."""
        known = self._kept(text, 0) if len(text) <= MAX_CHARS else None
        return text if known is None else known.text

    def _known(self, text: str, depth: int) -> Told | None:
        """The text as a whole, or else what knows most of it: a form that it has, or its parts.

        Of two that know as much the lighter one: it is the one that something was put into.
        """
        if text in self._whole:
            return Told(self._whole[text], len(text))
        if depth >= MAX_DEPTH:
            return None
        found = [*self._by_form(text, depth + 1), *self._by_parts(text, depth + 1)]
        return max(found, key=lambda told: told.known, default=None)

    def _by_form(self, text: str, depth: int) -> Iterator[Told]:
        for mark, form in self._forms:
            values = form.values(text) if mark in text else None
            if values is not None:
                told = [self._value(value, depth) for value in values]
                known = len(form.own) + sum(value.known for value in told)
                yield Told(form.filled(value.text for value in told), known)

    def _by_parts(self, text: str, depth: int) -> Iterator[Told]:
        for cut in list(_SEPARATOR.finditer(text))[:MAX_DEPTH]:
            head, tail = self._value(text[: cut.start()], depth), self._value(text[cut.end() :], depth)
            if head.known or tail.known:
                yield Told(head.text + cut.group() + tail.text, head.known + tail.known)

    def _value(self, value: str, depth: int) -> Told:
        """Names and numbers stay; a text of several words may be one that was put in."""
        known = self._kept(value, depth) if " " in value else None
        return known or Told(value, 0)
