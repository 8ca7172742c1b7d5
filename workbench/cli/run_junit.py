"""What became of the units of a run, as JUnit XML for a CI server."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from errno import EACCES, EEXIST
from pathlib import Path
from typing import Any

from workbench.cli.report_options import ReportUnwritable, write


def refuse_unwritable(path: Path) -> None:
    """Raises ReportUnwritable before any unit begins, not when the work of an hour is done.  Removes what an
    earlier run wrote: nobody shall take it for this one's.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            raise FileExistsError(EEXIST, "is there, and is no file")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise PermissionError(EACCES, f"no files can be made in {path.parent}")
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ReportUnwritable(f"{path}: {error.strerror or error}") from error


def write_junit(
    path: Path,
    name: str,
    events: Mapping[str, Sequence[dict[str, Any]]],
    serials: Mapping[str, str],
    slots: Sequence[str],
) -> None:
    """The runs in the order of the slots; a unit that was refused is named as well."""
    from workbench.station.reports.junit import junit
    from workbench.station.reports.unit_run import from_events

    runs = []
    for slot in slots:
        if told := events.get(slot):
            run = from_events(told, slot=slot, station=os.uname().nodename)
            runs.append(run if run.serial else replace(run, serial=serials.get(slot), recipe=name))
    write(path, [junit(runs, name)])
