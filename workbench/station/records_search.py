"""Finds runs by their unit, lot, operator, outcome, time, or a text that stands in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, CompoundSelect, Select, select, union

from workbench.events import Verdict
from workbench.identity.labels import compared
from workbench.station.lots.tables import AttemptRecord
from workbench.station.models import ObservationRow, RunRow

MAX_ABOUT: Final = 4000
"""Most characters of a run in which a text is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """What runs must have; what is None may be anything.  Times have a time zone, `until` is excluded.

    serial    of the unit, in any lot; upper and lower case are one
    code      of the error that the run ended with
    chip      ID of a chip that the run saw
    texts     each stands in the run's ID, verb, slot, target, verdict, machine, error or result (but its
              steps and measurements), or in its unit's serial number, chip ID or operator; upper and lower
              case are one
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
        query = query.where(RunRow.about.contains(text.lower(), autoescape=True))
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


def about(run: Mapping[str, Any], named: Iterable[str]) -> str:
    """What a person may look for in a run, as one text in lower case, of at most MAX_ABOUT characters.

    `run` is its row; `named` are its unit's serial number, chip IDs and operator.  Steps and measurements are
    left out: nearly every run would be found.
    """
    result = {name: said for name, said in run["result"].items() if name not in ("steps", "measurements")}
    error = (run["error"] or {}).values()
    plain = (run[name] for name in ("run_id", "host", "verdict", "verb", "slot", "target"))
    parts = [*plain, *named, *map(str, error), json.dumps(result, ensure_ascii=False)]
    return "\n".join(part for part in parts if part).lower()[:MAX_ABOUT]


def named_in(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Serial number, operator and chip IDs that the events of a run name."""
    found: list[Any] = []
    for event in events:
        if event["event"] == "unit-began":
            found += [event.get("serial"), event.get("operator"), event.get("lot")]
        elif event["event"] == "observed" and event["what"] == "chip-id":
            found.append(event["value"])
    return [text for text in found if isinstance(text, str) and text]
