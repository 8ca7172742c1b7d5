"""Compares a station's log of runs with its journals and with the database, and tells what was altered.

Changes nothing.  What a run must look like in the database is decided by its journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from workbench.database.engine import library_errors
from workbench.errors import Blame, WorkbenchError
from workbench.station.accounts import Account, account
from workbench.station.journal import SUFFIX
from workbench.station.journal_reader import JournalContent, JournalDamaged, JournalTooNew, read_journal
from workbench.station.lots.tables import AttemptRecord
from workbench.station.models import EventRow, RunLogRow, RunRow
from workbench.station.records import storable
from workbench.station.run_log import LogLine
from workbench.station.run_log_file import LOG_FILE, RECORDED, read_log, station_name
from workbench.station.run_log_head import Head, SignedHead

BATCH: Final = 200
"""Runs that are compared with one question to the database."""

Kind = Literal[
    "log-broken",
    "log-cut",
    "log-rewritten",
    "log-unknown",
    "log-replaced",
    "log-not-anchored",
    "log-not-signed",
    "journal-changed",
    "journal-removed",
    "journal-added",
    "record-changed",
    "record-removed",
    "record-added",
    "attempt-changed",
]


class RecordsAltered(WorkbenchError):
    """Runs were changed, removed or added after they were recorded."""

    code = "records-altered"
    blame = Blame.TRUST
    default_cause = "a failing disk, another database than before, or somebody altered files or tables"
    default_action = (
        "do not rely on the runs that are named; compare with a copy of the records from before, "
        "and find out who can write to them"
    )


@dataclass(frozen=True, slots=True)
class Altered:
    """Something that does not fit; `run_id` where it is about one run."""

    kind: Kind
    what: str
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What was compared, and what does not fit.  `earlier` runs are older than the log, and not judged."""

    lines: int
    runs: int
    earlier: int
    head: Head | None
    altered: tuple[Altered, ...]


def verify_records(
    engine: Engine, journal_dir: Path, anchor: Head | None = None, signed: SignedHead | None = None
) -> Checked:
    """Compares everything that this station has recorded; raises DatabaseUnavailable, OSError.

    `anchor`: a line that somebody kept elsewhere; `signed`: one that the station signed.
    """
    recorded = journal_dir / RECORDED
    lines, broken = read_log(recorded / LOG_FILE) if (recorded / LOG_FILE).exists() else ((), None)
    altered = [Altered("log-broken", str(broken))] if broken else []
    station = station_name(journal_dir)
    with library_errors(engine.url), Session(engine) as session:
        altered += _check_log(session, lines, station, whole=broken is None)
        altered += _check_anchor(lines, anchor)
        altered += _check_signed(lines, signed)
        runs = [line for line in lines if line.kind == "run"]
        for first in range(0, len(runs), BATCH):
            altered += _check_runs(session, runs[first : first + BATCH], recorded)
        added, earlier = _check_added(session, lines, recorded)
    head = Head(lines[-1].line, lines[-1].sha256) if lines else None
    return Checked(len(lines), len(runs), earlier, head, (*altered, *added))


def _check_log(session: Session, lines: Sequence[LogLine], station: str, *, whole: bool) -> Iterator[Altered]:
    """The file against the database's lines of it."""
    log_id = lines[0].data["log_id"] if lines else None
    others = select(RunLogRow.log_id).where(RunLogRow.station == station, RunLogRow.log_id != (log_id or ""))
    for other in session.scalars(others.distinct()):
        yield Altered(
            "log-replaced", f"the database knows the log {other} of this station; its file is not here"
        )
    if log_id is None:
        return
    query = select(RunLogRow.line, RunLogRow.line_sha256).where(RunLogRow.log_id == log_id)
    known: dict[int, str] = {row.line: row.line_sha256 for row in session.execute(query)}
    last = lines[-1].line
    if whole and known and max(known) > last:
        yield Altered(
            "log-cut", f"the log ends at line {last + 1}, the database knows {max(known) + 1} lines"
        )
    for line in lines:
        if line.line in known and known[line.line] != line.sha256:
            words = f"line {line.line + 1} is another one than the database knows"
            yield Altered("log-rewritten", words, line.data.get("run_id"))
        elif line.line not in known and known and line.line < max(known):
            words = f"the database does not know line {line.line + 1} any more"
            yield Altered("log-unknown", words, line.data.get("run_id"))


def _check_anchor(lines: Sequence[LogLine], anchor: Head | None) -> Iterator[Altered]:
    if anchor is None:
        return
    if len(lines) <= anchor.line or lines[anchor.line].sha256 != anchor.sha256:
        yield Altered("log-not-anchored", f"the log has no line {anchor}")


def _check_signed(lines: Sequence[LogLine], signed: SignedHead | None) -> Iterator[Altered]:
    if signed is None:
        return
    words = f"the evidence of {signed.serial}, signed {signed.signed_at},"
    if not lines or lines[0].data["log_id"] != signed.log_id:
        yield Altered("log-not-signed", f"{words} names the log {signed.log_id}, which is not here")
    elif len(lines) <= signed.head.line or lines[signed.head.line].sha256 != signed.head.sha256:
        yield Altered("log-not-signed", f"{words} names the line {signed.head}, which the log has not")


def _check_runs(session: Session, lines: Sequence[LogLine], recorded: Path) -> Iterator[Altered]:
    """Runs of the log against their journals and the database."""
    ids = [line.data["run_id"] for line in lines]
    rows = {row.run_id: row for row in session.scalars(select(RunRow).where(RunRow.run_id.in_(ids)))}
    events: dict[str, list[dict[str, Any]]] = {}
    query = select(EventRow.run_id, EventRow.data).where(EventRow.run_id.in_(ids))
    for run_id, data in session.execute(query.order_by(EventRow.run_id, EventRow.seq)):
        events.setdefault(run_id, []).append(data)
    attempts = select(AttemptRecord).where(AttemptRecord.run_id.in_(ids))
    tried = {attempt.run_id: attempt for attempt in session.scalars(attempts)}
    for line in lines:
        run_id = line.data["run_id"]
        told, wrong = _told(line, recorded)
        if wrong is not None:
            yield wrong
        if run_id not in rows:
            yield Altered("record-removed", "the run is not in the database", run_id)
        elif differing := _differing(line, told, rows[run_id], events.get(run_id, [])):
            words = f"the database says something else than the journal: {', '.join(differing)}"
            yield Altered("record-changed", words, run_id)
        if told is not None and run_id in tried and (fields := _attempt_differs(told, tried[run_id])):
            words = f"the attempt says something else than the journal: {', '.join(fields)}"
            yield Altered("attempt-changed", words, run_id)
    session.expunge_all()


def _told(line: LogLine, recorded: Path) -> tuple[Account | None, Altered | None]:
    """What the journal of a logged run says; or what is wrong with the journal."""
    run_id, name = line.data["run_id"], line.data["journal"]
    path = recorded / f"{name[:4]}-{name[4:6]}" / name
    if not path.exists():
        path = recorded.parent / name  # recorded, and its process died before it was filed away
    try:
        content, damage = _content(path)
        told = account(content, damage)
    except FileNotFoundError:
        return None, Altered("journal-removed", f"the journal {name} is not there", run_id)
    except (JournalDamaged, JournalTooNew) as error:
        return None, Altered("journal-changed", error.what, run_id)
    wanted = (line.data["journal_sha256"], line.data["verdict"], run_id)
    if (told.journal_sha256, told.verdict, told.run_id) != wanted:
        return None, Altered(
            "journal-changed", f"the journal {name} is not the one that was recorded", run_id
        )
    return told, None


def _content(path: Path) -> tuple[JournalContent, JournalDamaged | None]:
    """A journal as it was recorded: a damaged one as far as it can be read."""
    try:
        return read_journal(path), None
    except JournalDamaged as damage:
        if damage.readable is None or not damage.readable.events:
            raise
        return damage.readable, damage


def _differing(line: LogLine, told: Account | None, row: RunRow, events: list[dict[str, Any]]) -> list[str]:
    """Names of what the database has otherwise; of a lost journal the log still knows the verdict."""
    if told is None:
        wanted = {"journal_sha256": line.data["journal_sha256"], "verdict": line.data["verdict"]}
        return [name for name, value in wanted.items() if getattr(row, name) != value]
    names = ("verb", "slot", "target", "verdict", "result", "error", "host", "version", "complete")
    named = {name: storable(getattr(told, name)) for name in (*names, "journal_sha256")}
    named |= {"started_at": told.started_at, "finished_at": told.finished_at, "elapsed_s": told.elapsed_s}
    named["error_code"] = told.error["code"] if told.error else None
    found = [name for name, value in named.items() if getattr(row, name) != value]
    return found if events == [storable(event) for event in told.events] else [*found, "events"]


def _attempt_differs(told: Account, attempt: AttemptRecord) -> list[str]:
    """Names of what the lot's attempt has otherwise; one that was never ended says nothing yet."""
    if attempt.verdict is None:
        return []
    unit = next((event for event in told.events if event["event"] == "unit-began"), {})
    wanted = {"serial": unit.get("serial"), "lot_id": unit.get("lot")}
    if told.complete:
        wanted |= {"verdict": told.verdict, "error_code": told.error["code"] if told.error else None}
    return [name for name, value in wanted.items() if value != getattr(attempt, name)] if unit else []


def _check_added(session: Session, lines: Sequence[LogLine], recorded: Path) -> tuple[list[Altered], int]:
    """Journals and rows that no log knows; and how many runs are older than the log."""
    began_at = datetime.fromisoformat(lines[0].time) if lines else None
    logged = {line.data.get("run_id") for line in lines}
    hosts = {station_name(recorded.parent).partition(":")[0]}
    altered: list[Altered] = []
    earlier = 0
    query = select(RunRow.run_id, RunRow.host, RunRow.recorded_at).where(
        ~select(RunLogRow.run_id).where(RunLogRow.run_id == RunRow.run_id).exists()
    )
    unlogged = {run_id: at for run_id, host, at in session.execute(query) if host in hosts}
    for run_id, at in unlogged.items():
        if run_id in logged:
            continue
        if began_at is None or at < began_at:
            earlier += 1
        else:
            altered.append(Altered("record-added", "the run is in the database, and in no log", run_id))
    names = {line.data.get("journal") for line in lines}
    for path in _strays(recorded, names):
        run_id = path.stem.rpartition("Z-")[2]
        if run_id not in unlogged or (began_at is not None and unlogged[run_id] >= began_at):
            altered.append(Altered("journal-added", f"the journal {path.name} was never recorded", run_id))
    return altered, earlier


def _strays(recorded: Path, names: Iterable[str | None]) -> list[Path]:
    known = set(names)
    return sorted(path for path in recorded.glob(f"*/*{SUFFIX}") if path.name not in known)
