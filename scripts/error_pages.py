#!/usr/bin/env python3
"""Writes docs/errors/: a page for each error code, and a table of all, from the program's own source.

scripts/error_pages.py            says what is not up to date; exit status 1 if anything is not
scripts/error_pages.py --update   writes the pages, and removes those of codes that are gone
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from workbench.station.reports.error_catalogue import Entry, all_kinds, entry_of  # noqa: E402

PAGES: Final = ROOT / "docs" / "errors"
INDEX: Final = "README.md"
MAX_MESSAGES: Final = 12
"""Most messages that a page shows."""

Name = tuple[str, str]
"""A class: its module and its name."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A place that raises an error: its module and what it says, with `…` for what only a run knows."""

    module: str
    message: str | None


def pages() -> dict[str, str]:
    """All pages by file name, the index too."""
    entries: dict[str, list[Entry]] = {}
    for kind in all_kinds():
        if not kind.__name__.startswith("_"):
            entries.setdefault(kind.code, []).append(entry_of(kind))
    raised = raised_by_class()
    made = {f"{code}.md": page(code, kinds, raised) for code, kinds in entries.items()}
    return {INDEX: index(entries), **made}


def index(entries: dict[str, list[Entry]]) -> str:
    """The table of all codes."""
    lines = [
        "# Errors by code",
        "",
        "Every error has a stable code. `workbench explain CODE` says on the screen what its page says here.",
        "FAIL speaks of the unit, ERROR of the station, the input or the workbench.",
        "",
        "Made by `scripts/error_pages.py --update` from the program's source; do not edit.",
        "",
        "| code | means | blame | verdict | exit code |",
        "|---|---|---|---|---|",
    ]
    for code, kinds in sorted(entries.items()):
        e = kinds[0]
        cells = [f"[`{code}`]({code}.md)", _cell(e.title), str(e.blame), e.verdict, str(e.exit_code)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def page(code: str, kinds: list[Entry], raised: dict[Name, list[Raised]]) -> str:
    """The page of one code, which the errors `kinds` share."""
    e = kinds[0]
    lines = [f"# `{code}`", "", e.title, ""]
    if e.more:
        lines += [e.more, ""]
    lines += [
        "| | |",
        "|---|---|",
        f"| verdict of a run that ends so | {e.verdict} |",
        f"| exit code | {e.exit_code} |",
        f"| blame | {e.blame} |",
        f"| likely cause | {_cell(e.cause)} |",
        f"| what to do | {_cell(e.action)} |",
        "",
        "A message may name a cause and an action of its own, which then fit better.",
        "",
    ]
    for entry in kinds:
        lines += _reason_lines(entry)
    places = [place for entry in kinds for place in raised.get((entry.module, entry.name), [])]
    lines += _place_lines(kinds, places)
    lines += ["[All errors](README.md)"]
    return "\n".join(lines) + "\n"


def _reason_lines(entry: Entry) -> list[str]:
    if not entry.reasons:
        return []
    rows = [f"| `{word}` | {_cell(said)} |" for word, said in entry.reasons.items()]
    return ["## Reasons", "", "| reason | means |", "|---|---|", *rows, ""]


def _place_lines(kinds: list[Entry], places: list[Raised]) -> list[str]:
    messages = sorted({place.message for place in places if place.message})
    lines = []
    if messages:
        lines += ["## What it says", "", *(f"- {_cell(text)}" for text in messages[:MAX_MESSAGES])]
        lines += ["- and more of the kind"] if len(messages) > MAX_MESSAGES else []
        lines += [""]
    modules = sorted({place.module for place in places} | {kind.module for kind in kinds})
    return [*lines, "## Where it comes from", "", *(f"- `{module}`" for module in modules), ""]


def raised_by_class() -> dict[Name, list[Raised]]:
    """All places where an error is made, by its class."""
    found: dict[Name, list[Raised]] = {}
    for path in sorted((ROOT / "workbench").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        tree = ast.parse(path.read_text("utf-8"))
        known = dict(_names(tree, module))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in known:
                found.setdefault(known[node.func.id], []).append(Raised(module, _message(node)))
    return found


def _names(tree: ast.Module, module: str) -> Iterator[tuple[str, Name]]:
    """What the names of a module mean: its own classes, and those it imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, (module, node.name)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("workbench."):
            for alias in node.names:
                yield alias.asname or alias.name, (node.module, alias.name)


def _message(call: ast.Call) -> str | None:
    """What the call says, as far as the source tells."""
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    if not isinstance(first, ast.JoinedStr):
        return None
    parts = [part.value if isinstance(part, ast.Constant) else "…" for part in first.values]
    text = "".join(str(part) for part in parts)
    return text if text.strip("… ") else None


def _cell(text: str) -> str:
    """Text that stays in its cell or line, and is shown as it is."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def out_of_date(made: dict[str, str], folder: Path) -> list[str]:
    """Names of the pages that are missing, differ, or should not be there."""
    there = {path.name: path.read_text("utf-8") for path in folder.glob("*.md")}
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def update(made: dict[str, str], folder: Path) -> None:
    """Makes the folder hold just these pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in out_of_date(made, folder):
        if name in made:
            (folder / name).write_text(made[name], "utf-8")
        else:
            (folder / name).unlink()


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--update", action="store_true", help="write the pages")
    made = pages()
    wrong = out_of_date(made, PAGES)
    if parser.parse_args().update:
        update(made, PAGES)
        print(f"{len(made) - 1} codes, {len(wrong)} pages written or removed")
        return 0
    if wrong:
        print(f"not up to date, run scripts/error_pages.py --update: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
