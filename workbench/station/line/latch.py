"""Which slots are broken, on the disk: a slot that nobody has looked at stays so over restarts and power
cuts.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Final

from workbench.station.journal import sync_folder
from workbench.station.line.reduce import error_view
from workbench.station.line.state import ErrorView

FILE: Final = "broken.json"
_MAX_BYTES: Final = 1 << 16


def latch(folder: Path, error: ErrorView, serial: str | None) -> bool:
    """Keeps that the slot with this state folder is broken; False where the disk does not take it."""
    unborn = folder / f".{FILE}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with unborn.open("w", encoding="utf-8") as file:
            json.dump({"serial": serial, "error": asdict(error)}, file)
            file.flush()
            os.fsync(file.fileno())
        unborn.rename(folder / FILE)
        sync_folder(folder)
    except OSError:
        return False
    return True


def latched(folder: Path) -> tuple[ErrorView, str | None] | None:
    """Why the slot is broken, and the serial number of the unit in it; None where it is not.

    A file that cannot be read means broken, too.
    """
    path = folder / FILE
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(_MAX_BYTES))
        error, serial = error_view(data["error"]), data.get("serial")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        error, serial = None, None
    if error is None:
        error = ErrorView(code="slot-broken", blame="station", what=str(path), cause="", action="")
    return error, serial if isinstance(serial, str) else None


def unlatch(folder: Path) -> None:
    """A person has looked; raises OSError where the disk does not take it."""
    (folder / FILE).unlink(missing_ok=True)
