"""Finds runs by their unit, lot, operator, outcome, time, or a text that stands in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, String, cast, or_, select, union

from workbench.events import Verdict
from workbench.identity.labels import compared
from workbench.station.lots.tables import AttemptRecord
from workbench.station.models import ObservationRow, RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """What runs must have; what is None may be anything.  Times have a time zone, `until` is excluded.

    serial    of the unit, in any lot; upper and lower case are one
    code      of the error that the run ended with
    chip      ID of a chip that the run saw
    texts     each stands in the run's ID, verb, slot, target, verdict, machine, error or result, or in its
              unit's serial number, chip ID or operator; upper and lower case are one
    """

    serial: str | None = None
    lot: str | None = None
    operator: str | None = None
    slot: str | None = None
    verb: str | None = None
    verdict: Verdict | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    chip: str | None = None
    texts: tuple[str, ...] = ()


def query_of(wanted: RunFilter) -> Select[RunRow]:
    """The question to the database, the newest runs first."""
    query: Select[Any] = select(RunRow)
    if units := _of_unit(wanted):  # the attempts' own index gives them in their order
        query = query.join(AttemptRecord, AttemptRecord.run_id == RunRow.run_id).where(*units)
        query = query.order_by(AttemptRecord.started_at.desc(), RunRow.run_id)
    else:
        query = query.order_by(RunRow.started_at.desc(), RunRow.run_id)
    equal = {
        RunRow.slot: wanted.slot,
        RunRow.verb: wanted.verb,
        RunRow.verdict: wanted.verdict,
        RunRow.error_code: wanted.code,
    }
    for column, value in equal.items():
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(RunRow.started_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(RunRow.started_at < wanted.until)
    if wanted.serial is not None:
        query = query.where(RunRow.run_id.in_(_of_serial(compared(wanted.serial))))
    if wanted.chip is not None:
        seen = select(ObservationRow.run_id).where(ObservationRow.what == "chip-id")
        query = query.where(RunRow.run_id.in_(seen.where(ObservationRow.text == wanted.chip.lower())))
    for text in wanted.texts:
        query = query.where(_has_text(text))
    return query


def _of_serial(key: str) -> CompoundSelect[Any]:
    """Runs of a unit: those of a line are known before their result is, others name it in their result."""
    tried = select(AttemptRecord.run_id).where(AttemptRecord.serial_key == key)
    return union(tried, select(RunRow.run_id).where(RunRow.serial_key == key))


def _of_unit(wanted: RunFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.lot is not None:
        found.append(AttemptRecord.lot_id == wanted.lot)
    if wanted.operator is not None:
        found.append(AttemptRecord.operator == wanted.operator)
    return found


def _has_text(text: str) -> ColumnElement[bool]:
    """Without an index: it is for a person who looks, and reads each run once."""
    about = (RunRow.run_id, RunRow.host, RunRow.verdict)
    columns = (*about, RunRow.verb, RunRow.slot, RunRow.target, RunRow.error_code)
    documents = (cast(RunRow.error, String), cast(RunRow.result, String))
    inside = [column.icontains(text, autoescape=True) for column in (*columns, *documents)]
    unit = (AttemptRecord.serial, AttemptRecord.chip_id, AttemptRecord.operator)
    of_unit = select(AttemptRecord.run_id).where(
        or_(*(column.icontains(text, autoescape=True) for column in unit))
    )
    seen = select(ObservationRow.run_id).where(
        ObservationRow.what == "chip-id", cast(ObservationRow.value, String).icontains(text, autoescape=True)
    )
    return or_(*inside, RunRow.run_id.in_(of_unit), RunRow.run_id.in_(seen))
