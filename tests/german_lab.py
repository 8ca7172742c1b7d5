"""Reads both faces of a line, and says which English words of the catalogue they have left."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from string import Formatter

import polib

from workbench.languages import catalogue
from workbench.station.line.state import LineState
from workbench.tui.drawn import text_of
from workbench.tui.face import Face, Page
from workbench.tui.orders import Reply
from workbench.tui.page import Place, page
from workbench.tui.plain_lines import changes, everything, message_lines, unfinished_lines
from workbench.tui.symbols import FINE

PAGES: tuple[Page, ...] = ("line", "sign-in", "unfinished", "help", "pin", "leave", "ending", "nobody")
CODES = re.compile(r"\b\w+(?:-\w+)+\b")
"""Codes of errors and names of steps stay what they are."""
WORD = re.compile(r"[^\W_]+")


@dataclass
class Reader:
    """Both faces of a line, and all that they said."""

    face: Face = field(default_factory=Face)
    told: list[str] = field(default_factory=list)
    seen: LineState = field(default_factory=LineState)

    def see(self, state: LineState) -> None:
        """All pages and all lines of that state."""
        self.face.see(state, state.now)
        for shown in PAGES:
            self.face.page = shown
            place = Place(170, 70, state.now, "12:00", FINE)
            self.told.append(text_of(page(self.face, place)))
        self.told += [*changes(self.seen, state), *everything(state, state.now), *unfinished_lines(state)]
        self.seen, self.face.page = state, "line"

    def hear(self, reply: Reply) -> None:
        """What became of a scan."""
        self.face.replied(reply, 1.0)
        self.told += [] if self.face.message is None else message_lines(self.face.message)
        self.see(self.seen)

    def english(self) -> list[str]:
        """English words of the catalogue that were said."""
        text = plain(CODES.sub("", " ".join(self.told)))
        return [words for words in english_words() if words in text]


def plain(text: str) -> str:
    """Its words in lower case, each between spaces: no frames, no line ends."""
    return f" {' '.join(WORD.findall(text.lower()))} "


@cache
def english_words() -> frozenset[str]:
    """Two words and more that stand in a text of the catalogue, and in none of its translations."""
    entries = [entry for entry in polib.pofile(str(catalogue.catalogue_file("de"))) if entry.msgid]
    german = "".join(plain(text) for e in entries for text in (e.msgstr, *e.msgstr_plural.values()))
    pieces = {
        plain(piece)
        for entry in entries
        for text in (entry.msgid, entry.msgid_plural)
        for piece, *_rest in Formatter().parse(text)
    }
    return frozenset(piece for piece in pieces if piece.count(" ") > 2 and piece not in german)
