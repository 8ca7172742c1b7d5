"""Standard output: results for a person, or events as JSON.  Nothing else here writes to it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence

from workbench.cli import words
from workbench.wires.clean import clean


def is_terminal() -> bool:
    """Whether a person looks at it, on a terminal that can do more than print lines."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def say(text: str = "") -> None:
    """Lines for a person, without what a terminal would obey; shown at once."""
    sys.stdout.write(clean(text, max_chars=1 << 24) + "\n")
    sys.stdout.flush()


def say_wrapped(text: str) -> None:
    """As `say`, with lines that fit a terminal."""
    say(words.wrapped(clean(text), shutil.get_terminal_size().columns) if is_terminal() else text)


def say_raw(text: str) -> None:
    """Text as it stands, clean already and without an end of line of ours; shown at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def say_json(data: Mapping[str, object]) -> None:
    """One event on a line of its own, in ASCII; shown at once."""
    sys.stdout.write(json.dumps(data) + "\n")
    sys.stdout.flush()


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, plain: bool = False) -> None:
    """Rows under headings: fitted to a terminal, or one line for each row where nobody looks."""
    rows = [[clean(cell) for cell in row] for row in rows]
    if plain or not is_terminal():
        say(_columns([list(headings), *rows]))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        drawn.add_column(heading, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout, width=shutil.get_terminal_size().columns, highlight=False).print(drawn)


def close_quietly() -> None:
    """Where the reader has gone, nothing more is said about it."""
    try:
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
    return "\n".join(lines)
