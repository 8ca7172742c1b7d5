"""Which board a test wants, by its markers, and which slots of a bench can give it one.  Decides only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final, Literal, Protocol, cast, get_args

from workbench.boards.bench import Bench, Slot
from workbench.boards.target import load_target
from workbench.boards.target_file import Capability
from workbench.errors import InputError
from workbench.toml_file import shown, suggestion

Erase = Literal["sector", "chip"]

SELECT: Final = "workbench"
FLASH: Final = "workbench_flash"
_SELECT_WORDS: Final = ("capabilities", "target")
_FLASH_WORDS: Final = ("erase",)


class MarkerInvalid(InputError):
    """A marker of a test says what the plugin does not understand."""

    code = "marker-invalid"
    default_cause = "a mistyped marker"
    default_action = "correct the test's markers; docs/pytest-plugin.md lists them"


class Mark(Protocol):
    """What is used of pytest.Mark."""

    @property
    def name(self) -> str: ...
    @property
    def args(self) -> tuple[Any, ...]: ...
    @property
    def kwargs(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a test wants: `images` are to be on the board when the test begins; empty: whatever is on it."""

    capabilities: frozenset[str] = frozenset()
    target: str | None = None
    images: tuple[Path, ...] = ()
    erase: Erase = "sector"

    def __str__(self) -> str:
        """What is needed, in words: "a microbit-v1 with console, debug"."""
        words = f"a {self.target}" if self.target else "a board"
        return f"{words} with {', '.join(sorted(self.capabilities))}" if self.capabilities else words


def wanted_by(marks: Iterable[Mark], root: Path) -> Wanted:
    """What the markers say, nearest first; images are relative to `root`.  Raises MarkerInvalid.

    Capabilities of all markers add up; of targets and images the nearest counts.
    """
    marks = list(marks)
    capabilities: frozenset[str] = frozenset()
    target: str | None = None
    for mark in marks:
        if mark.name == SELECT:
            _refuse_unknown(mark, _SELECT_WORDS, positional=False)
            capabilities |= _capabilities(mark)
            target = target or _target(mark)
    flash = next((mark for mark in marks if mark.name == FLASH), None)
    if flash is None:
        return Wanted(capabilities, target)
    return Wanted(capabilities | {"debug"}, target, _images(flash, root), _erase(flash))


def suitable(bench: Bench, wanted: Wanted, names: Sequence[str] = ()) -> tuple[Slot, ...]:
    """The slots that can do it, of those `names` or of all.  Raises SlotUnknown, TargetUnknown."""
    slots = [bench.slot(name) for name in names] if names else list(bench.slots.values())
    if wanted.target is not None and all(slot.target.name != wanted.target for slot in slots):
        load_target(wanted.target, bench_folder=bench.folder)  # a mistyped name is an error, not a skip
    return tuple(
        slot
        for slot in slots
        if wanted.capabilities <= slot.capabilities and wanted.target in (None, slot.target.name)
    )


def arranged(slots: Sequence[Slot], last: str | None, worker: int) -> list[Slot]:
    """The order in which to try them: first the slot used last, which may hold the image already; the
    others so that each of several test processes begins with another one.
    """
    first = worker % len(slots) if slots else 0
    turned = [*slots[first:], *slots[:first]]
    return sorted(turned, key=lambda slot: slot.name != last)


def why_none(bench: Bench, wanted: Wanted, names: Sequence[str] = ()) -> str:
    """Words for a test that no slot suits."""
    looked_at = f"slot {', '.join(names)} of {bench.path}" if names else str(bench.path)
    return f"hardware: no slot: the test needs {wanted}, and {looked_at} has none"


def _refuse_unknown(mark: Mark, known: Sequence[str], *, positional: bool) -> None:
    for key in mark.kwargs:
        if key not in known:
            hint = suggestion(key, known) or f"; known are: {', '.join(known)}"
            raise MarkerInvalid(f"marker {mark.name} has no {shown(key)}{hint}")
    if mark.args and not positional:
        raise MarkerInvalid(f"marker {mark.name}: {shown(mark.args[0])} has no name: write capabilities=[…]")


def _capabilities(mark: Mark) -> frozenset[str]:
    value = mark.kwargs.get("capabilities", ())
    if isinstance(value, str) or not all(isinstance(word, str) for word in value):
        raise MarkerInvalid(f"marker {mark.name}: capabilities = {shown(value)}: must be a list of words")
    known = get_args(Capability)
    for word in value:
        if word not in known and not word.startswith("x-"):
            raise MarkerInvalid(
                f"marker {mark.name}: no board has the capability {shown(word)}{suggestion(word, known)}",
                cause=f"a mistyped word; there are: {', '.join(known)}, and your own that start with x-",
            )
    return frozenset(value)


def _target(mark: Mark) -> str | None:
    value = mark.kwargs.get("target")
    if value is not None and not isinstance(value, str):
        raise MarkerInvalid(f"marker {mark.name}: target = {shown(value)}: must be the name of a target")
    return value


def _images(mark: Mark, root: Path) -> tuple[Path, ...]:
    _refuse_unknown(mark, _FLASH_WORDS, positional=True)
    if not mark.args or not all(isinstance(file, str | PathLike) for file in mark.args):
        raise MarkerInvalid(f"marker {mark.name} must name image files, such as {FLASH}('build/app.hex')")
    return tuple(root / fspath(file) for file in mark.args)


def _erase(mark: Mark) -> Erase:
    value = mark.kwargs.get("erase", "sector")
    if value not in get_args(Erase):
        raise MarkerInvalid(f"marker {mark.name}: erase = {shown(value)}: must be 'sector' or 'chip'")
    return cast(Erase, value)
