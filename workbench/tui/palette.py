"""What roles look like: in full colour, in sixteen colours, and without any.  Pure: names of styles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from workbench.tui.drawn import Role

Colours = Literal["full", "sixteen", "none"]

FULL: Final[dict[Role, str]] = {
    "plain": "#d5dce4",
    "dim": "#8793a1",
    "strong": "bold #ffffff",
    "run": "#6fb7f5",
    "track": "#35414e",
    "good": "bold #5fd08d",
    "bad": "bold #ff7b7b",
    "error": "bold #f0b44c",
    "stopped": "bold #b4bfcb",
    "ask": "bold #d3a8ff",
    "good-band": "bold #04210f on #45b877",
    "bad-band": "bold #ffffff on #c4323e",
    "error-band": "bold #211600 on #e9a93a",
    "stopped-band": "bold #10161d on #a9b5c2",
    "ask-band": "bold #1a0b2e on #c9a0f7",
    "run-band": "bold #dcefff on #1f4a70",
    "ready-band": "#d5dce4 on #26313c",
    "key": "bold #10161d on #8fa3b8",
}
SIXTEEN: Final[dict[Role, str]] = {
    "plain": "default",
    "dim": "default",
    "strong": "bold",
    "run": "bright_cyan",
    "track": "default",
    "good": "bold bright_green",
    "bad": "bold bright_red",
    "error": "bold bright_yellow",
    "stopped": "bold",
    "ask": "bold bright_magenta",
    "good-band": "black on green",
    "bad-band": "bold bright_white on red",
    "error-band": "black on yellow",
    "stopped-band": "black on white",
    "ask-band": "black on magenta",
    "run-band": "bold bright_white on blue",
    "ready-band": "default reverse",
    "key": "black on white",
}
NONE: Final[dict[Role, str]] = {
    role: "bold reverse" if role.endswith("-band") else "bold" for role in FULL
} | {
    "plain": "none",
    "dim": "none",
    "run": "none",
    "track": "none",
    "ready-band": "underline",
    "run-band": "bold underline",
    "key": "reverse",
}
GROUNDS: Final[dict[Colours, str]] = {"full": "on #10161d", "sixteen": "", "none": ""}
"""What is behind everything: a terminal that is light by itself is dark where colours are chosen for that."""


def looks(colours: Colours) -> dict[Role, str]:
    """The style of each role, as Rich writes styles."""
    chosen = {"full": FULL, "sixteen": SIXTEEN, "none": NONE}[colours]
    ground = GROUNDS[colours]
    return {role: look if " on " in look else f"{look} {ground}".strip() for role, look in chosen.items()}


_MONO_TERMS: Final = ("vt100", "vt102", "vt220", "vt320", "vt420", "sun", "dumb")


def colours_for(environ: Mapping[str, str]) -> Colours:
    """What the terminal can show and its user wants, from NO_COLOR, COLORTERM and TERM."""
    term = environ.get("TERM", "")
    if environ.get("NO_COLOR") or term in _MONO_TERMS or term.endswith(("-m", "-mono")):
        return "none"
    if environ.get("COLORTERM", "") in ("truecolor", "24bit") or "256color" in term or "direct" in term:
        return "full"
    return "sixteen"
