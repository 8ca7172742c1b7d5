"""Fetches what reports are made of: the runs of a lot or a unit, from the database's attempts and runs.

Reads only.  All functions raise DatabaseUnavailable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, Row, Select, and_, exists, func, select, union

from workbench.database.engine import library_errors
from workbench.events import Verdict
from workbench.identity.labels import compared
from workbench.station.lots.errors import LotUnknown, SerialUnknown
from workbench.station.lots.tables import ATTEMPTS, LOTS, SERIALS
from workbench.station.models import ObservationRow, RunRow
from workbench.station.reports.brief import Brief
from workbench.station.reports.unit_run import UnitRun, measurement, step_run

AT_ONCE: Final = 2000
"""Rows that are fetched at once."""
MAX_OTHER_RUNS: Final = 200
"""Most runs beside its attempts that a unit's history shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LotFacts:
    """What the database knows of a lot; `states` counts its units by their state."""

    lot: str
    recipe: str | None
    quantity: int | None
    state: str
    rule: str
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    states: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFacts:
    """What the database knows of a unit; `others` are runs that saw the unit's chip or name it, but belong to
    no lot: repairs, trials, whatever was done by hand."""

    serial: str
    lot: str
    state: str
    station: str | None
    chip_id: str | None
    fingerprint: str | None
    note: str | None
    changed_at: datetime
    runs: tuple[UnitRun, ...]
    others: tuple[UnitRun, ...]


def lot_facts(engine: Engine, lot: str) -> LotFacts:
    """Raises LotUnknown."""
    with library_errors(engine.url), engine.connect() as connection:
        row = connection.execute(select(LOTS).where(LOTS.c.lot_id == lot)).one_or_none()
        if row is None:
            raise LotUnknown(f"there is no lot '{lot[:80]}'")
        counts = select(SERIALS.c.state, func.count()).where(SERIALS.c.lot_id == lot)
        found = [(state, count) for state, count in connection.execute(counts.group_by(SERIALS.c.state))]
        return LotFacts(
            lot=row.lot_id,
            recipe=row.recipe,
            quantity=row.quantity,
            state=row.state,
            rule=row.rule_words,
            opened_at=row.opened_at,
            opened_by=row.opened_by,
            closed_at=row.closed_at,
            states=dict(sorted(found)),
        )


def lot_runs(engine: Engine, lot: str, since: datetime | None = None) -> Iterator[UnitRun]:
    """The ended runs of a lot, in the order of their beginnings."""
    query = _ended().where(ATTEMPTS.c.lot_id == lot)
    if since is not None:
        query = query.where(ATTEMPTS.c.started_at >= since)
    with library_errors(engine.url), engine.connect() as connection:
        for row in connection.execute(query.execution_options(yield_per=AT_ONCE)):
            yield _run(row)


def lot_briefs(engine: Engine, lot: str, since: datetime | None = None) -> Iterator[Brief]:
    """The same in brief, for a lot's figures."""
    a, error = ATTEMPTS.c, RunRow.__table__.c.error
    failed = and_(RunRow.run_id == a.run_id, a.verdict != "PASS")
    times = (a.started_at, a.finished_at, a.elapsed_s)
    columns = (a.serial, a.verdict, *times, a.station, a.slot, a.error_code, error, a.steps, a.measurements)
    query = select(*columns).select_from(ATTEMPTS.outerjoin(RunRow.__table__, failed))
    query = query.where(a.verdict.is_not(None), a.lot_id == lot).order_by(a.started_at, a.number)
    if since is not None:
        query = query.where(a.started_at >= since)
    with library_errors(engine.url), engine.connect() as connection:
        for row in connection.execute(query.execution_options(yield_per=AT_ONCE)):
            yield _brief(*row)


def _brief(
    serial: str,
    verdict: Verdict,
    started_at: datetime,
    finished_at: datetime | None,
    elapsed_s: float | None,
    station: str,
    slot: str | None,
    code: str | None,
    error: Mapping[str, str] | None,
    steps: Sequence[Mapping[str, Any]] | None,
    values: Sequence[Mapping[str, Any]] | None,
) -> Brief:
    ended_at = finished_at or started_at
    took_s = (ended_at - started_at).total_seconds() if elapsed_s is None else elapsed_s
    told = (error or {"code": code or "", "what": ""}) if verdict != "PASS" else {}
    code, what = told.get("code", ""), told.get("what", "")
    return Brief(
        serial, verdict, started_at, ended_at, took_s, station, slot, code, what, steps or (), values or ()
    )


def unit_facts(engine: Engine, serial: str) -> UnitFacts:
    """A unit with all that was done with it; raises SerialUnknown."""
    key = compared(serial)
    with library_errors(engine.url), engine.connect() as connection:
        row = connection.execute(select(SERIALS).where(SERIALS.c.serial_key == key)).one_or_none()
        if row is None:
            raise SerialUnknown(f"there is no unit '{serial[:80]}'")
        runs = [_run(found) for found in connection.execute(_ended().where(ATTEMPTS.c.serial_key == key))]
        chips = {run.chip_id for run in runs if run.chip_id} | ({row.chip_id} if row.chip_id else set())
        others = connection.execute(_others(key, chips)).all()
        return UnitFacts(
            serial=row.serial,
            lot=row.lot_id,
            state=row.state,
            station=row.station,
            chip_id=row.chip_id,
            fingerprint=row.fingerprint,
            note=row.note,
            changed_at=row.changed_at,
            runs=tuple(runs),
            others=tuple(_other(found) for found in others),
        )


def _ended() -> Select[Any]:
    """Attempts that have ended, each with its run's error, in the order of their beginnings."""
    joined = ATTEMPTS.outerjoin(RunRow.__table__, RunRow.run_id == ATTEMPTS.c.run_id)
    query = select(ATTEMPTS, RunRow.error, RunRow.target, RunRow.version).select_from(joined)
    return query.where(ATTEMPTS.c.verdict.is_not(None)).order_by(ATTEMPTS.c.started_at, ATTEMPTS.c.number)


def _others(key: str, chips: set[str]) -> Select[Any]:
    """Runs without an attempt that saw one of the chips, or name the unit in their result."""
    wanted = sorted({chip.lower() for chip in chips})
    saw = select(ObservationRow.run_id).where(
        ObservationRow.what == "chip-id", ObservationRow.text.in_(wanted)
    )
    named = select(RunRow.run_id).where(RunRow.serial_key == key)
    query = select(RunRow.__table__).where(RunRow.run_id.in_(union(saw, named)))
    query = query.where(~exists().where(ATTEMPTS.c.run_id == RunRow.run_id))
    return query.order_by(RunRow.started_at).limit(MAX_OTHER_RUNS)


def _run(row: Row[Any]) -> UnitRun:
    error = row.error or ({"code": row.error_code, "what": ""} if row.error_code else None)
    finished_at = row.finished_at or row.started_at
    elapsed_s = row.elapsed_s
    return UnitRun(
        run_id=row.run_id,
        verdict=row.verdict,
        started_at=row.started_at,
        finished_at=finished_at,
        elapsed_s=(finished_at - row.started_at).total_seconds() if elapsed_s is None else elapsed_s,
        serial=row.serial,
        lot=row.lot_id,
        station=row.station,
        slot=row.slot,
        target=row.target,
        operator=row.operator,
        recipe=row.recipe,
        recipe_sha256=row.recipe_sha256,
        attempt=row.number,
        error=None if row.verdict == "PASS" else error,
        chip_id=row.chip_id,
        fingerprint=row.fingerprint,
        steps=tuple(step_run(step) for step in row.steps or ()),
        measurements=tuple(measurement(told) for told in row.measurements or ()),
        version=row.version or "",
    )


def _other(row: Row[Any]) -> UnitRun:
    return UnitRun(
        run_id=row.run_id,
        verb=row.verb,
        verdict=row.verdict,
        started_at=row.started_at,
        finished_at=row.finished_at,
        elapsed_s=row.elapsed_s,
        station=row.host,
        slot=row.slot,
        target=row.target,
        error=row.error,
        version=row.version,
    )
