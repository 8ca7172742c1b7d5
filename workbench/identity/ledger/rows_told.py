"""Rows of what happened: histories, and the acts that are written before they are carried out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Select, func, insert, select, update

from workbench.identity.ledger.errors import UnitUnknown
from workbench.identity.ledger.rows_units import now
from workbench.identity.ledger.tables import ACTS, HISTORY
from workbench.identity.ledger.values import Act, HistoryEntry
from workbench.identity.state import State


def tell(
    connection: Connection, unit_id: str, what: str, state: State, station: str, detail: Mapping[str, Any]
) -> None:
    """Adds to the unit's history."""
    seq = connection.scalar(select(func.count()).where(HISTORY.c.unit_id == unit_id))
    connection.execute(
        insert(HISTORY).values(
            unit_id=unit_id,
            seq=seq,
            time=now(),
            station=station,
            what=what,
            state=state,
            detail=dict(detail),
        )
    )


def history(connection: Connection, unit_id: str) -> tuple[HistoryEntry, ...]:
    """The unit's history, oldest first."""
    rows = connection.execute(select(HISTORY).where(HISTORY.c.unit_id == unit_id).order_by(HISTORY.c.seq))
    return tuple(
        HistoryEntry(row.unit_id, row.seq, row.time, row.station, row.what, State(row.state), row.detail)
        for row in rows
    )


def acts(connection: Connection, unit_id: str) -> tuple[Act, ...]:
    """The unit's acts, oldest first."""
    return _acts(connection, select(ACTS).where(ACTS.c.unit_id == unit_id).order_by(ACTS.c.seq))


def open_acts(connection: Connection, unit_id: str, act: str) -> tuple[Act, ...]:
    """The unit's acts of that name that nobody has observed, oldest first."""
    query = select(ACTS).where(ACTS.c.unit_id == unit_id, ACTS.c.act == act, ACTS.c.observed_at.is_(None))
    return _acts(connection, query.order_by(ACTS.c.seq))


def act(connection: Connection, act_id: str, *, lock: bool = False) -> Act:
    """One act; raises UnitUnknown."""
    query = select(ACTS).where(ACTS.c.act_id == act_id)
    found = _acts(connection, query.with_for_update() if lock else query)
    if not found:
        raise UnitUnknown(f"the ledger has no act {act_id[:40]!r}")
    return found[0]


def _acts(connection: Connection, query: Select[Any]) -> tuple[Act, ...]:
    return tuple(
        Act(
            act_id=row.act_id,
            unit_id=row.unit_id,
            seq=row.seq,
            act=row.act,
            intent=row.intent,
            intended_at=row.intended_at,
            station=row.station,
            observed=row.observed,
            observed_at=row.observed_at,
        )
        for row in connection.execute(query)
    )


def insert_act(
    connection: Connection, unit_id: str, act: str, intent: Mapping[str, Any], station: str
) -> str:
    """A new act of the unit; its ID."""
    act_id = str(uuid4())
    seq = connection.scalar(select(func.count()).where(ACTS.c.unit_id == unit_id))
    connection.execute(
        insert(ACTS).values(
            act_id=act_id,
            unit_id=unit_id,
            seq=seq,
            act=act,
            intent=dict(intent),
            intended_at=now(),
            station=station,
        )
    )
    return act_id


def observe_act(connection: Connection, act_id: str, observed: Mapping[str, Any]) -> None:
    """What was seen after an act."""
    connection.execute(
        update(ACTS).where(ACTS.c.act_id == act_id).values(observed=dict(observed), observed_at=now())
    )
