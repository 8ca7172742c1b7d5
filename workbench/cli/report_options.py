"""What the verbs of `workbench report` share."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import stderr, stdout
from workbench.errors import Blame, WorkbenchError

if TYPE_CHECKING:
    from workbench.station.reports.page import Maker
    from workbench.station.reports.unit_run import UnitRun

Html = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", help="Write the report as one HTML file with charts.", show_default=False
    ),
]


class ReportUnwritable(WorkbenchError):
    """The file for a report cannot be written."""

    code = "report-unwritable"
    blame = Blame.STATION
    default_cause = "the folder does not exist or may not be written, or the disk is full"
    default_action = "name another file, or make the folder or room on the disk, and run the command again"


def write(path: Path, parts: Iterable[str | bytes]) -> None:
    """Writes a file that appears whole or not at all, and says so; raises ReportUnwritable."""
    waiting = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            with waiting.open("wb") as file:
                for part in parts:
                    file.write(part.encode("utf-8", "replace") if isinstance(part, str) else part)
            waiting.replace(path)
        finally:
            waiting.unlink(missing_ok=True)
    except OSError as error:
        raise ReportUnwritable(f"{path}: {error.strerror or error}") from error
    stderr.say(f"wrote {path}")


def maker_of(folder: Path) -> Maker:
    """This machine, and the head of the bench's log of runs."""
    from workbench.station.places import journal_dir
    from workbench.station.reports.page import Maker
    from workbench.station.run_log_file import LOG_FILE, RECORDED
    from workbench.station.run_log_head import last_head

    found = last_head(journal_dir(folder) / RECORDED / LOG_FILE)
    return Maker(station=os.uname().nodename, head=None if found is None else str(found[1]))


def say_run(run: UnitRun) -> None:
    """One run in a few lines."""
    from workbench.station.reports import words

    began = run.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    where = ", ".join(part for part in (run.slot, run.station, run.operator) if part)
    name = run.verb if run.verb != "unit" else f"attempt {run.attempt}"
    stdout.say(
        f"{run.verdict:<7}  {name}, {began}, {words.seconds(run.elapsed_s)}, {where}, run {run.run_id[:8]}"
    )
    if run.error:
        stdout.say(f"  {run.error['code']}: {run.error.get('what', '')}")
        if action := run.error.get("action"):
            stdout.say(f"  what to do: {action}")
    for step in run.steps:
        stdout.say(f"  {step.outcome:<11}  {step.title}, {words.seconds(step.elapsed_s)}")
    for measured in run.measurements:
        stdout.say(f"  {words.measured(measured)}")
