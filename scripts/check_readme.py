#!/usr/bin/env python3
"""Compares the help texts in README.md and docs/ with what the program says.

A help text stands between the lines `<!-- help: workbench flash -->` and `<!-- /help -->`.
    scripts/check_readme.py            says what differs; exit status 1 if anything does
    scripts/check_readme.py --update   writes the program's words into the documents
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
WIDTH: Final = 100
"""Columns that the program is told it has."""
TIMEOUT_S: Final = 30

BEGIN: Final = re.compile(r"<!-- help: (workbench(?: [a-z][a-z-]*)*) -->")
END: Final = "<!-- /help -->"

HelpOf = Callable[[str], str]


class BadMarkers(Exception):
    """The markers of a help text do not pair up; names the line."""


def program_help(command: str) -> str:
    """What `command --help` prints, without colours and trailing blanks, WIDTH columns wide."""
    words = command.split()
    program = Path(sys.executable).with_name(words[0])
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [program, *words[1:], "--help"],
        env=keep | {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{command} --help failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n")


def renewed(text: str, help_of: HelpOf) -> tuple[str, int]:
    """The document with each help text as `help_of` says it, and how many it holds.

    Raises BadMarkers where a marker is misspelt or has no partner.
    """
    out: list[str] = []
    inside: int | None = None
    count = 0
    for number, line in enumerate(text.splitlines(), 1):
        if inside is not None and line != END:
            if "<!-- help:" in line:
                raise BadMarkers(f"line {number}: the help text of line {inside} has no {END}")
            continue
        if line == END and inside is None:
            raise BadMarkers(f"line {number}: {END} without a beginning")
        out.append(line)
        if line == END:
            inside = None
        elif "<!-- help:" in line:
            match = BEGIN.fullmatch(line)
            if match is None:
                raise BadMarkers(f"line {number}: not of the form <!-- help: workbench COMMAND -->")
            inside, count = number, count + 1
            out += ["```text", help_of(match[1]), "```"]
    if inside is not None:
        raise BadMarkers(f"the help text of line {inside} has no {END}")
    return "".join(f"{line}\n" for line in out), count


def process(path: Path, help_of: HelpOf, *, update: bool) -> tuple[bool, int]:
    """Checks or rewrites one document; returns whether it is right now, and how many help texts it holds."""
    old = path.read_text(encoding="utf-8")
    try:
        new, count = renewed(old, help_of)
    except BadMarkers as error:
        print(f"{path}: {error}")
        return False, 0
    if count == 0 or new == old:
        return True, count
    if update:
        path.write_text(new, encoding="utf-8")
        print(f"{path}: updated")
        return True, count
    diff = difflib.unified_diff(old.splitlines(), new.splitlines(), str(path), "the program", lineterm="")
    print("\n".join(diff))
    return False, count


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--update", action="store_true", help="write the program's words into the documents")
    update: bool = parser.parse_args().update
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    help_of = cache(program_help)
    results = {path: process(path, help_of, update=update) for path in documents}
    if results[ROOT / "README.md"][1] == 0:
        print("README.md holds no help text at all")
        return 1
    if not all(right for right, _ in results.values()):
        print("help texts differ; scripts/check_readme.py --update writes the program's own")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
