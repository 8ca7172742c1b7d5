"""Which slots a test session switched on, so that it leaves them as it found them: off.

A note is a file, so that the process that starts the tests knows it of test processes that were killed.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.settings import runtime_dir


class PowerNotes:
    """The notes of one test session, in a folder that its processes share."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder`: of the process that started this one; None makes one with the first note."""
        self._folder = folder

    @property
    def folder(self) -> Path:
        """The folder, which is there."""
        if self._folder is None:
            with suppress(OSError):
                self._folder = Path(tempfile.mkdtemp(prefix="pytest-", dir=runtime_dir()))
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="workbench-pytest-"))
        return self._folder

    def note(self, bench: Path, slot: str) -> None:
        """This slot is about to be switched on."""
        name = sha256(f"{bench}\n{slot}".encode("utf-8", "surrogateescape")).hexdigest()
        (self.folder / name).write_text(f"{slot}\n{bench}", encoding="utf-8", errors="surrogateescape")

    def switch_off(self) -> list[str]:
        """Switches off what was noted and nobody else holds, and forgets the notes; says what stays on."""
        if self._folder is None or not self._folder.is_dir():  # somebody may clear the runtime folder
            return []
        said = []
        for path in sorted(self._folder.iterdir()):
            slot, _, bench = path.read_text(encoding="utf-8", errors="surrogateescape").partition("\n")
            said += _switch_off(Path(bench), slot)
        self.forget()
        return said

    def forget(self) -> None:
        """Removes the notes."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _switch_off(bench: Path, name: str) -> list[str]:
    from workbench.boards.bench import load_bench
    from workbench.boards.leases import SlotLeased, default_owner, lease_slot

    try:
        slot = load_bench(bench).slot(name)
        with lease_slot(slot, default_owner(), "pytest: switching off after the tests"):
            if slot.power is not None and slot.power.state() == "on":
                slot.power.off()
    except SlotLeased as error:
        return [f"slot {name} stays on, for {error.status.owner} is using it"]
    except WorkbenchError as error:
        return [f"slot {name} could not be switched off: {error.what}"]
    return []
