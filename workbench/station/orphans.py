"""Takes journals into the records that their own processes left behind: killed, or without a database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench.station.journal import SUFFIX, move
from workbench.station.journal_reader import JournalDamaged, JournalTooNew, adopt
from workbench.station.records import Records, RunSummary
from workbench.station.run_log_file import RECORDED

DAMAGED: Final = "damaged"
"""Folder of those in which not even the first lines can be read."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import found: runs now in the records, and journals that cannot be read."""

    runs: tuple[RunSummary, ...] = ()
    unreadable: tuple[Path, ...] = ()


def import_orphans(journal_dir: Path, records: Records, *, limit: int | None = None) -> Imported:
    """Records the runs in `journal_dir` whose processes are gone, oldest first, at most `limit`.

    Journals of living processes are left alone, as are those of a newer workbench.  Several processes may do
    this at once.  Raises DatabaseUnavailable, JournalUnwritable, OSError.
    """
    runs: list[RunSummary] = []
    unreadable: list[Path] = []
    for path in sorted(journal_dir.glob(f"[!.]*{SUFFIX}")):
        if limit is not None and len(runs) >= limit:
            break
        outcome = _import(path, records)
        if isinstance(outcome, Path):
            unreadable.append(outcome)
        elif outcome is not None:
            runs.append(outcome)
    return Imported(tuple(runs), tuple(unreadable))


def file_away(journal: Path) -> Path:
    """The folder for a journal that is in the records: by the month of its start."""
    return journal.parent / RECORDED / f"{journal.name[:4]}-{journal.name[4:6]}"


def _import(path: Path, records: Records) -> RunSummary | Path | None:
    """The run, or the journal's new path where nothing can be read, or None where it is not for us."""
    with adopt(path) as adopted:
        if not adopted:
            return None
        try:
            run = records.record(path)
        except JournalTooNew:
            return None
        except JournalDamaged:
            return move(path, path.parent / DAMAGED)
        move(path, file_away(path))
        return run
