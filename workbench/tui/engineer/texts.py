"""Texts of the engineer's screens: cleaned, never taken for markup, the same without colour.  Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, Final

from rich.text import Text

from workbench.errors import WorkbenchError
from workbench.wires.clean import clean, clean_line

VERDICT_MARKS: Final = {"PASS": "✔", "FAIL": "✘", "ERROR": "!", "STOPPED": "■"}
"""A symbol beside each verdict's word."""
VERDICT_STYLES: Final = {"PASS": "green", "FAIL": "bold red", "ERROR": "bold yellow", "STOPPED": "bold"}
STATUS_MARKS: Final = {"ok": "✔ ok", "warn": "! WARN", "fail": "✘ FAIL"}
STATUS_STYLES: Final = {"ok": "green", "warn": "bold yellow", "fail": "bold red"}
TRIAL_MARKS: Final = {"HELD": "✔ HELD", "BROKEN": "✘ BROKEN", "SHOWN": "~ SHOWN", "NOT RUN": "- NOT RUN"}
TRIAL_STYLES: Final = {"HELD": "green", "BROKEN": "bold red", "SHOWN": "bold yellow"}

MAX_CELL: Final = 300
"""Longest text of a cell, in characters."""


def cell(value: object, style: str = "") -> Text:
    """A cell of a table: one line, safe for a terminal whatever the board put into it."""
    return Text(
        "" if value is None else clean_line(str(value), max_chars=MAX_CELL), style=style, no_wrap=True
    )


def safe(value: object, *, max_chars: int = 65_536) -> str:
    """Text of several lines, safe for a terminal."""
    return clean(str(value), max_chars=max_chars)


def verdict(word: str | None) -> Text:
    """A verdict as symbol, word and colour."""
    if not word:
        return Text("")
    return cell(f"{VERDICT_MARKS.get(word, '?')} {word}", VERDICT_STYLES.get(word, ""))


def status(word: str) -> Text:
    """A finding's status as symbol, word and colour."""
    return cell(STATUS_MARKS.get(word, word), STATUS_STYLES.get(word, ""))


def trial_verdict(word: str) -> Text:
    """A trial's verdict as symbol, word and colour."""
    return cell(TRIAL_MARKS.get(word, word), TRIAL_STYLES.get(word, ""))


def error_words(error: WorkbenchError | Mapping[str, Any]) -> str:
    """An error in three lines: code and what, what to do, cause; a small screen may cut the last off."""
    told = error.as_dict() if isinstance(error, WorkbenchError) else error
    code, what, cause, action = (
        clean_line(str(told.get(name, "")), max_chars=400) for name in ("code", "what", "cause", "action")
    )
    return f"{code}: {what}\nwhat to do:   {action}\nlikely cause: {cause}"


def seconds(duration: float | None) -> str:
    """A duration: 0.42 s, 12.3 s, 2 min 5 s."""
    if duration is None:
        return ""
    if duration >= 100:
        return f"{int(duration // 60)} min {int(duration % 60)} s"
    return f"{duration:.2f} s" if duration < 10 else f"{duration:.1f} s"


def size(count: int) -> str:
    """Bytes: 512 bytes, 1.5 KiB."""
    return f"{count} byte{'' if count == 1 else 's'}" if count < 1024 else f"{count / 1024:.1f} KiB"


def count(number: int, thing: str) -> str:
    """2 slots, 1 slot."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def wrapped(text: str, columns: int, indent: int) -> str:
    """Lines of at most that many columns; what goes on stands below its words, indented."""
    lines = []
    for line in text.split("\n"):
        lines += textwrap.wrap(
            line,
            max(columns, 20),
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
            drop_whitespace=True,
        ) or [""]
    return "\n".join(lines)


def bar(done: int, total: int, width: int = 20) -> str:
    """How far, drawn so that it needs no colour; only the number where the total is not known."""
    if total <= 0:
        return str(done)
    full = min(width, max(0, width * done // total))
    return f"[{'#' * full}{'.' * (width - full)}] {min(100, 100 * done // total)} %"
