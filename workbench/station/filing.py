"""The way of an ended run into the records; loads the database's libraries only when it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from workbench.events import Notice
from workbench.station.journal import Journal

if TYPE_CHECKING:
    from workbench.station.orphans import Imported
    from workbench.station.records import Records

MAX_ORPHANS: Final = 20
"""Runs of dead processes that one run takes into the records at its end, so that it still ends soon."""


class Filing:
    """An open database, for the end of one run."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @classmethod
    def open(cls, url: str) -> Self:
        """Raises DatabaseUrlInvalid, DatabaseUnavailable, DatabaseTooNew."""
        from workbench.station.records import Records

        return cls(Records.open(url))

    def import_orphans(self, journal_dir: Path) -> list[Notice]:
        """Records what dead processes left in `journal_dir`, and says so; raises as `import_orphans` does."""
        from workbench.station.orphans import import_orphans

        return list(_notices(import_orphans(journal_dir, self._records, limit=MAX_ORPHANS)))

    def record(self, journal: Journal) -> None:
        """Records the run of `journal` and files the journal away.

        Raises DatabaseUnavailable, JournalDamaged, JournalUnwritable, OSError.
        """
        from workbench.station.orphans import file_away

        self._records.record(journal.path)
        journal.move_to(file_away(journal.path))

    def close(self) -> None:
        """Closes the database."""
        self._records.close()


def _notices(imported: Imported) -> Iterator[Notice]:
    late = sum(1 for run in imported.runs if run.complete)
    if late:
        yield Notice(level="info", text=f"{late} earlier run(s) went into the records only now")
    for run in imported.runs:
        if not run.complete and run.error is not None:
            where = f" in slot {run.slot}" if run.slot else ""
            text = f"an earlier run ({run.verb}{where}, {run.run_id[:8]}) had no end: {run.error['what']}"
            yield Notice(level="warning", text=text)
    for path in imported.unreadable:
        yield Notice(level="warning", text=f"a journal cannot be read and was put aside: {path}")
