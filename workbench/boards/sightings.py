"""Which chip a slot saw last: two boards swapped between two slots are noticed before anything is written.

The record is `chip.json` in the slot's state folder.  Whoever writes it holds the slot's lease.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from workbench.boards.bench import Slot
from workbench.errors import Blame, WorkbenchError
from workbench.toml_file import shown_text

_FILE: Final = "chip.json"
_MAX_BYTES: Final = 4096


class ChipSwapped(WorkbenchError):
    """Another chip is in the slot than the one that was there last."""

    code = "chip-swapped"
    blame = Blame.STATION
    default_cause = "the board was exchanged, or two boards were swapped between two slots"
    default_action = "put the right board in, or accept the one that is there with --accept-chip"


class SightingUnreadable(WorkbenchError):
    """It cannot be told which chip a slot saw last."""

    code = "sighting-unreadable"
    blame = Blame.STATION
    default_cause = "the file was changed by hand, or the disk lost it"
    default_action = "look which board is in the slot, then accept it with --accept-chip"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A chip that a slot saw; the times are UTC, RFC 3339."""

    chip_id: str
    first_seen: str
    last_seen: str


def last_sighting(slot: Slot) -> Sighting | None:
    """The chip that the slot saw last, None if none yet.  Raises SightingUnreadable."""
    return _read(slot.state_dir / _FILE)


def check_chip(slot: Slot, chip_id: str) -> Sighting:
    """Remembers that `chip_id` is in the slot.

    Raises ChipSwapped, and remembers nothing, where the slot saw another chip last, or where another slot
    of the bench saw this one last: a chip that is new to the slot and to the bench is accepted.
    """
    last = last_sighting(slot)
    elsewhere = _slots_that_saw(slot, chip_id)
    if last is not None and last.chip_id != chip_id:
        raise _swapped(f"slot {slot.name} holds chip {chip_id}, and saw {last.chip_id} last", elsewhere)
    if last is None and elsewhere:
        raise _swapped(f"slot {slot.name} holds chip {chip_id}, which is new to it", elsewhere)
    return _write(slot, chip_id, last)


def accept_chip(slot: Slot, chip_id: str) -> Sighting:
    """Remembers that `chip_id` belongs into the slot from now on, and into no other slot of the bench."""
    for name in _slots_that_saw(slot, chip_id):
        (slot.state_dir.parent / name / _FILE).unlink(missing_ok=True)
    try:
        last = last_sighting(slot)
    except SightingUnreadable:
        last = None
    return _write(slot, chip_id, last if last is not None and last.chip_id == chip_id else None)


def _swapped(what: str, elsewhere: list[str]) -> ChipSwapped:
    if not elsewhere:
        return ChipSwapped(what)
    names = ", ".join(elsewhere)
    return ChipSwapped(
        f"{what}; slot {names} saw it last", cause=f"boards were swapped between here and {names}"
    )


def _slots_that_saw(slot: Slot, chip_id: str) -> list[str]:
    """Other slots of the bench that saw this chip last.  What cannot be read names no chip."""
    names = []
    for path in sorted(slot.state_dir.parent.glob(f"*/{_FILE}")):
        try:
            seen = _read(path)
        except SightingUnreadable:
            continue
        if path.parent != slot.state_dir and seen is not None and seen.chip_id == chip_id:
            names.append(shown_text(path.parent.name))
    return names


def _read(path: Path) -> Sighting | None:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES)
        sighting = Sighting(**json.loads(content))
        if not all(isinstance(v, str) for v in asdict(sighting).values()):
            raise TypeError("not text")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise SightingUnreadable(f"cannot read {path}: {shown_text(str(error))}") from error
    return sighting


def _write(slot: Slot, chip_id: str, last: Sighting | None) -> Sighting:
    """Replaces the record at once, and on the disk."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    sighting = Sighting(chip_id, now, now) if last is None else replace(last, last_seen=now)
    path = slot.state_dir / _FILE
    try:
        slot.state_dir.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{_FILE}.new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(asdict(sighting), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise SightingUnreadable(
            f"cannot write {path}: {error.strerror}",
            cause="the disk is full or read-only",
            action="make room there",
        ) from error
    return sighting
