"""The records: every run with what it saw, in a database.  Filled from journals and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast

from sqlalchemy import Connection, Engine, Select, insert, select
from sqlalchemy.orm import Session

from workbench.database.engine import library_errors, open_engine, writing
from workbench.errors import InputError
from workbench.events import Verdict
from workbench.identity.labels import compared
from workbench.station.accounts import Account, account
from workbench.station.journal_reader import JournalDamaged, read_journal
from workbench.station.models import EventRow, ObservationRow, RunRow
from workbench.station.records_search import RunFilter, about, named_in, query_of
from workbench.station.run_log_file import opened

if TYPE_CHECKING:
    from workbench.station.reports.unit_run import UnitRun
    from workbench.station.run_log_check import Checked
    from workbench.station.run_log_head import Head, SignedHead

MAX_RUNS: Final = 10_000
"""Most runs that one query gives."""
MAX_TEXT: Final = 200
"""Longest text by which an observation can be found."""


class RunNotFound(InputError):
    """No run in the records, or more than one, has the ID that was asked for."""

    code = "run-not-found"
    default_cause = "a mistyped run ID, or another bench's records"
    default_action = (
        "list the runs to find its ID; its first characters are enough where they fit one run only"
    )


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run as lists show it; times are in UTC, `error` is WorkbenchError.as_dict() or None."""

    run_id: str
    verb: str
    slot: str | None
    target: str | None
    verdict: Verdict
    started_at: datetime
    finished_at: datetime
    elapsed_s: float
    result: dict[str, Any]
    error: dict[str, str] | None
    host: str
    version: str
    complete: bool
    journal: str
    journal_sha256: str


@dataclass(frozen=True, slots=True)
class Observation:
    """Something a run read from the unit."""

    run_id: str
    seq: int
    time: datetime
    what: str
    value: Any


@dataclass(frozen=True, slots=True)
class RunDetail:
    """A run with its events in their public form, oldest first, and its observations."""

    summary: RunSummary
    events: tuple[dict[str, Any], ...]
    observations: tuple[Observation, ...]


class Records:
    """The records in one database.  All methods raise DatabaseUnavailable."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """Opens the database at `url`, makes or migrates its tables.

        Raises DatabaseUrlInvalid, DatabaseUnavailable, DatabaseTooNew.
        """
        return cls(open_engine(url))

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def record(self, journal: Path) -> RunSummary:
        """Takes the run of a journal whose process has ended into the records; more than once does no harm.

        A damaged journal is recorded as far as it can be read, with verdict ERROR.  A run that is new gets
        its line in the station's log of runs.  Raises JournalDamaged where nothing can be read,
        JournalTooNew, RunLogDamaged, RunLogUnwritable, OSError.
        """
        told = _account_of(journal)
        with opened(journal) as log, library_errors(self._engine.url), writing(self._engine) as connection:
            if not _known(connection, told.run_id):
                _insert(connection, told, journal.name)
                log.add(connection, journal, told.run_id, told.journal_sha256, told.verdict)
        return self._one(told.run_id)

    def check_journal(self, journal: Path) -> RunSummary:
        """The run of a recorded journal, if the journal still is what was recorded.

        Raises JournalDamaged where a line was changed, added or removed, the last one included, and
        RunNotFound, JournalTooNew, OSError.
        """
        content = read_journal(journal)
        run = self._one(account(content).run_id)
        if content.last_sha256 != run.journal_sha256:
            raise JournalDamaged(f"the journal {journal} does not end as the records say", content)
        return run

    def runs(
        self,
        *,
        slot: str | None = None,
        verdict: Verdict | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> list[RunSummary]:
        """The newest runs first, at most `limit`; `since` bounds their start and has a time zone."""
        wanted = RunFilter(slot=slot, verdict=verdict, since=since)
        return self.search(wanted, limit=limit)

    def search(self, wanted: RunFilter, *, limit: int = 100) -> list[RunSummary]:
        """The newest runs that have all that is wanted first, at most `limit`."""
        return self._summaries(query_of(wanted).limit(max(0, min(limit, MAX_RUNS))))

    def verify(
        self, journal_dir: Path, anchor: Head | None = None, signed: SignedHead | None = None
    ) -> Checked:
        """Compares log, journals and database of the station with this folder of journals; raises OSError."""
        from workbench.station.run_log_check import verify_records

        return verify_records(self._engine, journal_dir, anchor, signed)

    @property
    def engine(self) -> Engine:
        """The database, for reports."""
        return self._engine

    def run(self, run_id: str) -> RunDetail:
        """The run with this ID, or whose ID alone begins so; raises RunNotFound."""
        return self._detail(self._one(run_id))

    def unit_run(self, run_id: str) -> UnitRun:
        """As `run`, in the form of reports; what the records judged counts, not what the events say."""
        from workbench.station.reports.unit_run import from_events

        detail = self.run(run_id)
        told = detail.summary
        judged = {"verdict": told.verdict, "error": told.error, "finished_at": told.finished_at}
        return from_events(detail.events, station=told.host, version=told.version, **judged)

    def observations(self, what: str, *, limit: int = 100) -> list[Observation]:
        """What runs read of one kind, the newest first: the way from a chip ID or a build ID to its runs."""
        query = select(ObservationRow).where(ObservationRow.what == what)
        query = query.order_by(ObservationRow.time.desc(), ObservationRow.run_id, ObservationRow.seq.desc())
        with library_errors(self._engine.url), Session(self._engine) as session:
            return [_observation(row) for row in session.scalars(query.limit(max(0, min(limit, MAX_RUNS))))]

    def _one(self, run_id: str) -> RunSummary:
        wanted = run_id.strip().lower()
        query = select(RunRow).where(RunRow.run_id.startswith(wanted, autoescape=True)).limit(2)
        found = self._summaries(query)
        if len(found) != 1:
            how_many = "more than one run" if found else "no run"
            raise RunNotFound(f"{how_many} in the records has an ID that begins with {run_id[:40]!r}")
        return found[0]

    def _summaries(self, query: Select[RunRow]) -> list[RunSummary]:
        with library_errors(self._engine.url), Session(self._engine) as session:
            return [_summary(row) for row in session.scalars(query)]

    def _detail(self, summary: RunSummary) -> RunDetail:
        events = select(EventRow.data).where(EventRow.run_id == summary.run_id).order_by(EventRow.seq)
        seen = (
            select(ObservationRow).where(ObservationRow.run_id == summary.run_id).order_by(ObservationRow.seq)
        )
        with library_errors(self._engine.url), Session(self._engine) as session:
            return RunDetail(
                summary,
                tuple(session.scalars(events)),
                tuple(_observation(row) for row in session.scalars(seen)),
            )


def _account_of(journal: Path) -> Account:
    try:
        return account(read_journal(journal))
    except JournalDamaged as exc:
        if exc.readable is None or not exc.readable.events:
            raise
        return account(exc.readable, exc)


def _known(connection: Connection, run_id: str) -> bool:
    return connection.execute(select(RunRow.run_id).where(RunRow.run_id == run_id)).first() is not None


def _insert(connection: Connection, told: Account, journal: str) -> None:
    events = [storable(event) for event in told.events]
    values = _run_values(told, journal)
    connection.execute(insert(RunRow), [{**values, "about": about(values, named_in(events))}])
    connection.execute(insert(EventRow), [_event_values(told.run_id, event) for event in events])
    seen = [_observation_values(told.run_id, e) for e in events if e["event"] == "observed"]
    if seen:
        connection.execute(insert(ObservationRow), seen)


def _run_values(told: Account, journal: str) -> dict[str, Any]:
    error = told.error
    values = {
        "run_id": told.run_id,
        "verb": told.verb,
        "slot": told.slot,
        "target": told.target,
        "verdict": told.verdict,
        "elapsed_s": told.elapsed_s,
        "result": told.result,
        "error": error,
        "error_code": error["code"] if error else None,
        "serial_key": _serial_key(told.result),
        "host": told.host,
        "version": told.version,
        "complete": told.complete,
        "journal": journal,
        "journal_sha256": told.journal_sha256,
    }
    times = {"started_at": told.started_at, "finished_at": told.finished_at, "recorded_at": datetime.now(UTC)}
    return {**cast(dict[str, Any], storable(values)), **times}


def _serial_key(result: Mapping[str, Any]) -> str | None:
    serial = result.get("serial")
    return compared(serial) if isinstance(serial, str) and serial else None


def _event_values(run_id: str, event: dict[str, Any]) -> dict[str, Any]:
    time = datetime.fromisoformat(event["time"])
    return {"run_id": run_id, "seq": event["seq"], "time": time, "event": event["event"], "data": event}


def _observation_values(run_id: str, event: dict[str, Any]) -> dict[str, Any]:
    time = datetime.fromisoformat(event["time"])
    value = event["value"]
    text = value.lower() if isinstance(value, str) and len(value) <= MAX_TEXT else None
    found = {"what": event["what"], "value": {"value": value}, "text": text}
    return {"run_id": run_id, "seq": event["seq"], "time": time, **found}


def storable(value: Any) -> Any:
    """`value` as the database keeps it: NUL and lone surrogates, which PostgreSQL's text cannot hold, become
    U+FFFD."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return value


def _summary(row: RunRow) -> RunSummary:
    return RunSummary(
        run_id=row.run_id,
        verb=row.verb,
        slot=row.slot,
        target=row.target,
        verdict=cast(Verdict, row.verdict),
        started_at=row.started_at,
        finished_at=row.finished_at,
        elapsed_s=row.elapsed_s,
        result=row.result,
        error=row.error,
        host=row.host,
        version=row.version,
        complete=row.complete,
        journal=row.journal,
        journal_sha256=row.journal_sha256,
    )


def _observation(row: ObservationRow) -> Observation:
    return Observation(row.run_id, row.seq, row.time, row.what, row.value["value"])
