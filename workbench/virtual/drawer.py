"""Virtual boards that are in no slot: taken out of one, and to be put back into the same one.

A board is its folder; the drawer is a folder beside the boards.  In it is one folder for each board's place,
and in that one for each board that was there.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Final

from workbench.virtual.protocol import CHIP_FILE

DRAWER: Final = "drawer"


def identity_of(home: Path) -> str:
    """What tells the board in that folder from others: its chip's or its own ID, in hex."""
    told = json.loads((home / CHIP_FILE).read_text("ascii"))
    return str(told.get("chip_id") or told["board_id"])


def put_away(folder: Path, name: str) -> str:
    """Moves the board `name`, which has no power, into the drawer; returns its ID."""
    home = folder / name
    board = identity_of(home)
    place = folder / DRAWER / name
    place.mkdir(parents=True, exist_ok=True)
    kept = place / board
    if kept.exists():  # the same ID was there before: a copy that somebody made
        kept = place / f"{board}-{secrets.token_hex(4)}"
    home.rename(kept)
    return board


def take_from(folder: Path, name: str, board: str) -> None:
    """Puts the board with that ID into the place that is empty; raises FileNotFoundError."""
    (folder / DRAWER / name / board).rename(folder / name)


def boards_in(folder: Path, name: str) -> tuple[str, ...]:
    """IDs of the boards that were taken out of that place."""
    place = folder / DRAWER / name
    return tuple(sorted(path.name for path in place.iterdir())) if place.is_dir() else ()
