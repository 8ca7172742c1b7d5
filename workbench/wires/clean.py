"""Text from a board, made safe for a terminal: no control sequence, bidi override or endless line.

Pure: bytes in, text out, whatever the board sends and wherever the reads split it.  Sequences follow ECMA-48
and xterm; what a terminal would obey is dropped, what it would draw is kept.  The raw log has it all.
"""

from __future__ import annotations

import codecs
import re
from enum import Enum, auto
from typing import Final

MAX_LINE: Final = 4096
"""Characters after which a line is broken."""
MAX_SEQUENCE: Final = 4096
"""Characters after which an unfinished sequence is taken for noise, and text shows again."""

FORMAT_CHARACTERS: Final = (
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f"
)
"""Unicode's invisible characters as a regex class: bidi controls, zero-width, tags, separators."""

_PLAIN: Final = re.compile(f"[^\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff{FORMAT_CHARACTERS}]+")
_STRING_OPENERS: Final = "PX]^_"
_C1_OPENERS: Final = {"\x9b": "[", "\x90": "P", "\x98": "X", "\x9d": "]", "\x9e": "^", "\x9f": "_"}


class _In(Enum):
    """What the next character belongs to."""

    TEXT = auto()
    ESCAPE = auto()
    ESCAPE_INTERMEDIATE = auto()
    CSI = auto()
    STRING = auto()
    STRING_ESCAPE = auto()


class Cleaner:
    """Cleans a stream piece by piece; where the pieces are cut makes no difference.

    CR LF, LF and a lone CR after text all become one line feed.  With `backspace` a BS passes, but never
    further back than the text of its own line: a board can edit its prompt, not what the station wrote.
    """

    def __init__(self, *, max_line: int = MAX_LINE, backspace: bool = False) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._max_line = max_line
        self._backspace = backspace
        self._state = _In.TEXT
        self._length = 0
        self._column = 0
        self._erasable = 0
        self._line_ended_by_cr = False
        self._out: list[str] = []

    def feed(self, data: bytes) -> str:
        """Next piece of the stream as text; of the controls it holds tab, line feed and, if asked for, BS."""
        return self._run(self._decoder.decode(data))

    def flush(self) -> str:
        """End of the stream: half a character becomes U+FFFD, an open sequence is forgotten."""
        text = self._run(self._decoder.decode(b"", final=True))
        self._decoder.reset()
        self._state = _In.TEXT
        self._column = self._erasable = 0
        self._line_ended_by_cr = False
        return text

    def _run(self, text: str) -> str:
        position = 0
        while position < len(text):
            if self._state is _In.TEXT and (plain := _PLAIN.match(text, position)):
                self._print(plain.group())
                position = plain.end()
                continue
            if self._state is _In.TEXT:
                self._control(text[position])
            else:
                self._sequence(text[position])
            position += 1
        out = "".join(self._out)
        self._out.clear()
        return out

    def _print(self, text: str) -> None:
        self._line_ended_by_cr = False
        while text:
            if self._column >= self._max_line:
                self._end_line()
            part = text[: self._max_line - self._column]
            self._out.append(part)
            self._column += len(part)
            self._erasable += len(part) if part.isascii() else sum(c < "\x7f" for c in part)
            text = text[len(part) :]

    def _end_line(self) -> None:
        self._out.append("\n")
        self._column = self._erasable = 0

    def _control(self, char: str) -> None:
        """One character of the stream that is not plain text."""
        if char == "\n":
            if not self._line_ended_by_cr:
                self._end_line()
            self._line_ended_by_cr = False
        elif char == "\r":
            if self._column:
                self._end_line()
                self._line_ended_by_cr = True
        elif char == "\x1b":
            self._open(_In.ESCAPE)
        elif char in _C1_OPENERS:
            self._open(_In.CSI if char == "\x9b" else _In.STRING)
        elif char == "\b" and self._backspace and self._erasable:
            self._out.append(char)
            self._column -= 1
            self._erasable -= 1

    def _open(self, state: _In) -> None:
        self._state = state
        self._length = 0

    def _sequence(self, char: str) -> None:
        """One character of an open sequence.  A line end closes any: noise hides no more than its line."""
        self._length += 1
        if char in "\x18\x1a" or self._length > MAX_SEQUENCE:
            self._state = _In.TEXT
        elif char in "\n\r" or "\x80" <= char <= "\x9f":
            self._state = _In.TEXT
            self._control(char)
        elif self._state is _In.STRING:
            self._string(char)
        elif char == "\x1b":
            self._open(_In.ESCAPE)
        elif self._state is _In.CSI:
            self._csi(char)
        else:
            self._escape(char)

    def _string(self, char: str) -> None:
        if char == "\x07":
            self._state = _In.TEXT
        elif char == "\x1b":
            self._state = _In.STRING_ESCAPE

    def _csi(self, char: str) -> None:
        if "\x40" <= char <= "\x7e":
            self._state = _In.TEXT
        elif char >= "\xa0":
            self._not_a_sequence(char)

    def _escape(self, char: str) -> None:
        """The character after ESC, or after ESC and intermediates (ECMA-35)."""
        if "\x20" <= char <= "\x2f":
            self._state = _In.ESCAPE_INTERMEDIATE
        elif self._state is not _In.ESCAPE_INTERMEDIATE and char == "[":
            self._open(_In.CSI)
        elif self._state is not _In.ESCAPE_INTERMEDIATE and char in _STRING_OPENERS:
            self._open(_In.STRING)
        elif "\x30" <= char <= "\x7e":
            self._state = _In.TEXT
        else:
            self._not_a_sequence(char)

    def _not_a_sequence(self, char: str) -> None:
        """The sequence was none: the character is text or a control of its own."""
        self._state = _In.TEXT
        if _PLAIN.match(char):
            self._print(char)
        else:
            self._control(char)


def clean(data: bytes | str, *, max_chars: int = 65_536) -> str:
    """All of `data` as safe text of at most `max_chars` characters; the end says how many were left out."""
    cleaner = Cleaner()
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    text = cleaner.feed(raw) + cleaner.flush()
    if len(text) <= max_chars:
        return text
    return f"{text[:max_chars]}… ({len(text) - max_chars} more characters)"


def clean_line(data: bytes | str, *, max_chars: int = 200) -> str:
    """`data` as safe text on one line: line feeds and tabs become spaces."""
    return clean(clean(data).replace("\n", " ").replace("\t", " "), max_chars=max_chars)
