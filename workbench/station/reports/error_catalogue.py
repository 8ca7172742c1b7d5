"""All errors that the workbench can raise, with code, verdict, cause and action: for pages and `explain`.

Reads the program's own source, and loads only modules in which a code stands.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import workbench
from workbench.errors import EXIT_CODES, Blame, WorkbenchError
from workbench.events import Verdict
from workbench.station.verdicts import VERDICT_OF

_CODE: Final = re.compile(r'^    code(?:: ClassVar\[str\])? = "([a-z0-9-]+)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """An error as its page has it.  `reasons` are stable words that say more, with cause and action each."""

    code: str
    title: str
    more: str
    blame: Blame
    verdict: Verdict
    exit_code: int
    cause: str
    action: str
    module: str
    name: str
    reasons: Mapping[str, str]


def find(code: str) -> Entry | None:
    """The error with this code, or None; loads the modules that name it."""
    for module in sorted(name for name, codes in _codes_by_module().items() if code in codes):
        entries = [entry_of(kind) for kind in _kinds_in(module) if kind.code == code]
        if entries:
            return entries[0]
    return None


def codes() -> list[str]:
    """All codes, in order; loads nothing."""
    return sorted({code for found in _codes_by_module().values() for code in found})


def all_kinds() -> list[type[WorkbenchError]]:
    """All errors of the program, by code; loads every module that names one."""
    for module, named in _codes_by_module().items():
        if named:
            importlib.import_module(module)
    found = {kind for kind in _below(WorkbenchError) if kind.__module__.startswith("workbench.")}
    return sorted({WorkbenchError, *found}, key=lambda kind: (kind.code, kind.__module__, kind.__name__))


def entry_of(kind: type[WorkbenchError]) -> Entry:
    """What is said of an error."""
    title, _, more = inspect.cleandoc(kind.__doc__ or "").partition("\n")
    return Entry(
        code=kind.code,
        title=title.strip(),
        more=more.strip(),
        blame=kind.blame,
        verdict=VERDICT_OF[kind.blame],
        exit_code=EXIT_CODES[kind.blame],
        cause=kind.default_cause,
        action=kind.default_action,
        module=kind.__module__,
        name=kind.__name__,
        reasons=_reasons(kind),
    )


def _reasons(kind: type[WorkbenchError]) -> dict[str, str]:
    """The table REASONS of the error's module, where its docstring names it."""
    if "REASONS" not in (kind.__doc__ or ""):
        return {}
    table: Mapping[str, object] = getattr(importlib.import_module(kind.__module__), "REASONS", {})
    return {word: _reason_words(said) for word, said in table.items()}


def _reason_words(said: object) -> str:
    cause, action = getattr(said, "cause", None), getattr(said, "action", None)
    return f"{cause} → {action}" if cause else str(said)


def _codes_by_module() -> dict[str, list[str]]:
    root = Path(workbench.__file__).parent
    return {_module_of(path, root): _CODE.findall(path.read_text("utf-8")) for path in root.rglob("*.py")}


def _module_of(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(["workbench", *(part for part in parts if part != "__init__")])


def _kinds_in(module: str) -> list[type[WorkbenchError]]:
    loaded = importlib.import_module(module)
    members = [kind for _, kind in inspect.getmembers(loaded, inspect.isclass)]
    return [kind for kind in members if issubclass(kind, WorkbenchError) and kind.__module__ == module]


def _below(kind: type[WorkbenchError]) -> Iterator[type[WorkbenchError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)
