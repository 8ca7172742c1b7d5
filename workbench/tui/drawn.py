"""What is drawn, as data: lines of spans, each with its role.  A palette gives roles their look."""

from __future__ import annotations

from typing import Literal

Role = Literal[
    "plain",
    "dim",
    "strong",
    "run",
    "track",
    "good",
    "bad",
    "error",
    "stopped",
    "ask",
    "good-band",
    "bad-band",
    "error-band",
    "stopped-band",
    "ask-band",
    "run-band",
    "ready-band",
    "key",
]
"""What a span of text is for.  A band fills the background; every role also has a look without colour."""

Span = tuple[str, Role]
Spans = tuple[Span, ...]
"""One line of the screen."""


def width_of(spans: Spans) -> int:
    """Columns that a line takes.  All words of the faces have characters of one column."""
    width = 0
    for text, _role in spans:
        width += len(text)
    return width


def fitted(text: str, width: int) -> str:
    """`text` in at most `width` columns; what does not fit ends in an ellipsis."""
    if width <= 0:
        return ""
    return text if len(text) <= width else text[: width - 1] + "…"


def cut(spans: Spans, width: int) -> Spans:
    """A line of at most `width` columns."""
    out: list[Span] = []
    for text, role in spans:
        if width <= 0:
            break
        out.append((fitted(text, width), role))
        width -= len(out[-1][0])
    return tuple(out)


def padded(spans: Spans, width: int, role: Role = "plain") -> Spans:
    """A line of exactly `width` columns, filled with blanks of `role`."""
    missing = width - width_of(spans)
    if missing < 0:
        return cut(spans, width)
    return (*spans, (" " * missing, role)) if missing else spans


def ends(left: Spans, right: Spans, width: int, role: Role = "plain") -> Spans:
    """`left` and `right` at the ends of a line; where both do not fit, the right end wins."""
    right = cut(right, width)
    left = padded(left, width - width_of(right), role)
    return (*left, *right)


def centred(text: str, width: int, role: Role) -> Spans:
    """`text` in the middle of a line of one role."""
    return ((fitted(text, width).center(width), role),)


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` columns, broken between words where it can be."""
    import textwrap

    return textwrap.wrap(text, max(width, 1), break_on_hyphens=False) if text else []


def shortened(text: str, width: int, rows: int) -> list[str]:
    """`text` in at most `rows` lines, at least one; an ellipsis where that is not all of it."""
    lines, room = wrapped(text, width) or [""], max(rows, 1)
    return lines if len(lines) <= room else [*lines[: room - 1], fitted(" ".join(lines[room - 1 :]), width)]


def text_of(lines: tuple[Spans, ...]) -> str:
    """The words alone."""
    return "\n".join("".join(text for text, _ in spans).rstrip() for spans in lines)
