"""Standard error: progress, notices and errors for a person.  Nothing else here writes to it."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from workbench.cli import words
from workbench.errors import WorkbenchError
from workbench.wires.clean import clean

if TYPE_CHECKING:
    from rich.console import Console


def is_terminal() -> bool:
    """Whether a person looks at it, on a terminal that can do more than print lines."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def say(text: str) -> None:
    """Lines for a person, without what a terminal would obey; shown at once."""
    text = clean(text)
    if is_terminal():
        text = words.wrapped(text, shutil.get_terminal_size().columns)
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def say_error(error: WorkbenchError | dict[str, str]) -> None:
    """An error in three lines: what happened, the likely cause, what to do."""
    told = error.as_dict() if isinstance(error, WorkbenchError) else error
    say(f"{told['code']}: {told['what']}\n  likely cause: {told['cause']}\n  what to do:   {told['action']}")


def ask(request: str) -> bool:
    """Shows a request to the person at the terminal, and waits; False where they refuse or are absent."""
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"Please {clean(request)}, then press Enter (n and Enter to refuse): ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    return bool(answer) and not answer.strip().lower().startswith("n")


def confirm(question: str) -> bool:
    """Asks the person at the terminal; what is no clear yes is no."""
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"{clean(question)} (y and Enter for yes, anything else is no): ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def cleaned(text: str) -> str:
    """`text` without what a terminal would obey, for `console`."""
    return clean(text)


def console() -> Console:
    """For progress bars."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)
