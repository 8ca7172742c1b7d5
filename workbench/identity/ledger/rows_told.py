"""Rows of what happened: histories, and the acts that are written before they are carried out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Connection, Select, bindparam, func, insert, select, update

from workbench.identity.ledger.errors import UnitUnknown
from workbench.identity.ledger.rows_units import now
from workbench.identity.ledger.tables import ACTS, HISTORY
from workbench.identity.ledger.values import Act, HistoryEntry
from workbench.identity.state import State

# Statements are put together once: that takes longer than to carry one out.
_TOLD: Final = select(func.count()).where(HISTORY.c.unit_id == bindparam("of_unit"))
_TELL: Final = insert(HISTORY)
_ACTS: Final = select(ACTS).where(ACTS.c.unit_id == bindparam("of_unit")).order_by(ACTS.c.seq)
_OPEN: Final = _ACTS.where(ACTS.c.act == bindparam("of_name"), ACTS.c.observed_at.is_(None))
_ACT: Final = select(ACTS).where(ACTS.c.act_id == bindparam("of_act"))
_ACT_LOCKED: Final = _ACT.with_for_update()
_COUNT: Final = select(func.count()).where(ACTS.c.unit_id == bindparam("of_unit"))
_INSERT: Final = insert(ACTS)
_OBSERVE: Final = update(ACTS).where(ACTS.c.act_id == bindparam("of_act"))


def tell(
    connection: Connection, unit_id: str, what: str, state: State, station: str, detail: Mapping[str, Any]
) -> None:
    """Adds to the unit's history."""
    seq = connection.scalar(_TOLD, {"of_unit": unit_id})
    told = {"unit_id": unit_id, "seq": seq, "time": now(), "station": station, "what": what}
    connection.execute(_TELL, {**told, "state": state, "detail": dict(detail)})


def history(connection: Connection, unit_id: str) -> tuple[HistoryEntry, ...]:
    """The unit's history, oldest first."""
    rows = connection.execute(select(HISTORY).where(HISTORY.c.unit_id == unit_id).order_by(HISTORY.c.seq))
    return tuple(
        HistoryEntry(row.unit_id, row.seq, row.time, row.station, row.what, State(row.state), row.detail)
        for row in rows
    )


def acts(connection: Connection, unit_id: str) -> tuple[Act, ...]:
    """The unit's acts, oldest first."""
    return _acts(connection, _ACTS, of_unit=unit_id)


def open_acts(connection: Connection, unit_id: str, act: str) -> tuple[Act, ...]:
    """The unit's acts of that name that nobody has observed, oldest first."""
    return _acts(connection, _OPEN, of_unit=unit_id, of_name=act)


def act(connection: Connection, act_id: str, *, lock: bool = False) -> Act:
    """One act; raises UnitUnknown."""
    found = _acts(connection, _ACT_LOCKED if lock else _ACT, of_act=act_id)
    if not found:
        raise UnitUnknown(f"the ledger has no act {act_id[:40]!r}")
    return found[0]


def _acts(connection: Connection, query: Select[Any], **named: str) -> tuple[Act, ...]:
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
        for row in connection.execute(query, named)
    )


def insert_act(
    connection: Connection, unit_id: str, act: str, intent: Mapping[str, Any], station: str
) -> str:
    """A new act of the unit; its ID."""
    act_id = str(uuid4())
    seq = connection.scalar(_COUNT, {"of_unit": unit_id})
    told = {"act_id": act_id, "unit_id": unit_id, "seq": seq, "act": act, "station": station}
    connection.execute(_INSERT, {**told, "intent": dict(intent), "intended_at": now()})
    return act_id


def observe_act(connection: Connection, act_id: str, observed: Mapping[str, Any]) -> None:
    """What was seen after an act."""
    connection.execute(_OBSERVE, {"of_act": act_id, "observed": dict(observed), "observed_at": now()})
