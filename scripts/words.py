#!/usr/bin/env python3
"""Finds the words that faces show, and keeps the catalogues of translations in step with them.

    scripts/words.py            says what is not translated, or no longer used; exit status 1 if anything is
    scripts/words.py --update   writes the template and brings every catalogue up to it

A new catalogue begins as a copy of the template: locale/CODE/LC_MESSAGES/workbench.po.  Words are what
`_`, `N_` and `ngettext` mark, the causes and actions that errors have by default, the titles of steps, and
what the modules say that `scripts/spoken.py` names.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polib

ROOT: Final = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from scripts.spoken import spoken  # noqa: E402

PACKAGE: Final = ROOT / "workbench"
LOCALE: Final = PACKAGE / "languages" / "locale"
TEMPLATE: Final = LOCALE / "workbench.pot"
TEXTS: Final = {"_": 1, "N_": 1, "ngettext": 2}
"""How many texts each mark takes."""
MARK: Final = re.compile(r"\b(_|N_|ngettext)\(")
DEFAULTS: Final = ("default_cause", "default_action")


@dataclass(frozen=True)
class Word:
    """A text to translate, and its plural where it has one."""

    one: str
    many: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--update", action="store_true", help="bring the catalogues up to date")
    found = words()
    if parser.parse_args().update:
        update(found)
    wrong = list(differences(found))
    for line in wrong:
        print(line)
    print(f"{len(found)} texts, {len(wrong)} to look at")
    return 1 if wrong else 0


def words(package: Path = PACKAGE) -> dict[Word, list[str]]:
    """All texts to translate, and in which files they are."""
    found: dict[Word, list[str]] = {}
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package.parent).as_posix()
        for word in (*marked(path), *defaults(path), *map(Word, spoken(path, package))):
            if word.one and name not in (places := found.setdefault(word, [])):
                places.append(name)
    return found


def marked(path: Path) -> Iterator[Word]:
    """What a module marks by a call, also within an f-string."""
    source = path.read_text(encoding="utf-8")
    if MARK.search(source) is None:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _named(node.func) in TEXTS:
            texts = [
                arg.value for arg in node.args[: TEXTS[_named(node.func)]] if isinstance(arg, ast.Constant)
            ]
            if texts and all(isinstance(text, str) for text in texts):
                yield Word(*map(str, texts))


def defaults(path: Path) -> Iterator[Word]:
    """What errors say by default and steps are called; faces translate it when they show it."""
    steps, source = path.parent.name == "steps", path.read_text(encoding="utf-8")
    if not steps and not any(name in source for name in DEFAULTS):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                if isinstance(line, ast.Assign) and _named(line.targets[0]) in DEFAULTS:
                    yield from _texts(line.value)
                elif steps and isinstance(line, ast.FunctionDef) and line.name == "title":
                    for part in ast.walk(line):
                        yield from _texts(part.value) if isinstance(part, ast.Return) else ()


def _texts(value: ast.expr | None) -> Iterator[Word]:
    """A text, or both texts of a choice."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield Word(value.value)
    elif isinstance(value, ast.IfExp):
        yield from (*_texts(value.body), *_texts(value.orelse))


def _named(target: ast.AST) -> str:
    return target.id if isinstance(target, ast.Name) else ""


def catalogues() -> list[Path]:
    """The files of all languages but English."""
    return sorted(LOCALE.glob("*/LC_MESSAGES/workbench.po"))


def update(found: dict[Word, list[str]]) -> None:
    """Writes the template; gives every catalogue the texts of today, and keeps what was translated."""
    template = _template(found)
    template.save(str(TEMPLATE))
    for path in catalogues():
        old = polib.pofile(str(path), wrapwidth=100)
        known = {entry.msgid: entry for entry in old}
        made = _template(found)
        made.metadata = old.metadata
        for entry in made:
            if (before := known.get(entry.msgid)) is not None and bool(before.msgid_plural) == bool(
                entry.msgid_plural
            ):
                entry.msgstr, entry.msgstr_plural = before.msgstr, before.msgstr_plural
        made.save(str(path))


def differences(found: dict[Word, list[str]]) -> Iterator[str]:
    """What is missing, empty, fuzzy or no longer used, in each catalogue and in the template."""
    for path in [TEMPLATE, *catalogues()]:
        name = path.relative_to(LOCALE).as_posix()
        entries = {Word(e.msgid, e.msgid_plural): e for e in polib.pofile(str(path)) if not e.obsolete}
        yield from (f"{name}: missing: {word.one!r}" for word in found if word not in entries)
        yield from (f"{name}: not used: {word.one!r}" for word in entries if word not in found)
        if path != TEMPLATE:
            open_ones = (w for w, entry in entries.items() if not entry.translated())
            yield from (f"{name}: not translated: {word.one!r}" for word in open_ones)


def _template(found: dict[Word, list[str]]) -> polib.POFile:
    made = polib.POFile(wrapwidth=100)
    made.metadata = {
        "Project-Id-Version": "workbench",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
    }
    for word, places in sorted(found.items(), key=lambda item: (item[1], item[0].one)):
        entry = polib.POEntry(msgid=word.one, occurrences=[(place, "") for place in places])
        if word.many:
            entry.msgid_plural, entry.msgstr_plural = word.many, {0: "", 1: ""}
        made.append(entry)
    return made


if __name__ == "__main__":
    raise SystemExit(main())
