"""Rows of returns: the records that each RMA ended, and the unit that came instead."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, insert, select, update

from workbench.identity.ledger.tables import RMA_UNITS, RMAS, UNITS
from workbench.identity.ledger.values import Rma


def rma(connection: Connection, rma_id: str, *, lock: bool = False) -> Rma | None:
    """The RMA, if there is one of that ID."""
    query = select(RMAS).where(RMAS.c.rma_id == rma_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        return None
    old = connection.scalars(
        select(RMA_UNITS.c.unit_id).where(RMA_UNITS.c.rma_id == rma_id).order_by(RMA_UNITS.c.unit_id)
    )
    return Rma(row.rma_id, row.reason, row.operator, row.time, tuple(old), row.new_unit_id)


def rmas(connection: Connection, unit_id: str) -> tuple[Rma, ...]:
    """The RMAs that name the unit as an old one, oldest first."""
    ids = connection.scalars(
        select(RMAS.c.rma_id)
        .join(RMA_UNITS, RMA_UNITS.c.rma_id == RMAS.c.rma_id)
        .where(RMA_UNITS.c.unit_id == unit_id)
        .order_by(RMAS.c.time, RMAS.c.rma_id)
    ).all()
    return tuple(found for rma_id in ids if (found := rma(connection, rma_id)) is not None)


def insert_rma(
    connection: Connection, old_units: Iterable[str], reason: str, operator: str, time: datetime
) -> str:
    """A new RMA; its ID."""
    rma_id = f"rma-{uuid4().hex[:12]}"
    connection.execute(
        insert(RMAS).values(rma_id=rma_id, reason=reason, operator=operator, time=time, new_unit_id=None)
    )
    connection.execute(insert(RMA_UNITS), [{"rma_id": rma_id, "unit_id": old} for old in old_units])
    return rma_id


def use_rma(connection: Connection, rma_id: str, new_unit_id: str) -> None:
    """Ties the RMA to the unit that was claimed under it."""
    connection.execute(update(RMAS).where(RMAS.c.rma_id == rma_id).values(new_unit_id=new_unit_id))


def replaced_requests(connection: Connection, rma_id: str) -> tuple[str, ...]:
    """Request IDs of the units that the RMA ended."""
    query = (
        select(UNITS.c.request_id)
        .join(RMA_UNITS, RMA_UNITS.c.unit_id == UNITS.c.unit_id)
        .where(RMA_UNITS.c.rma_id == rma_id)
        .order_by(UNITS.c.claimed_at, UNITS.c.unit_id)
    )
    return tuple(connection.scalars(query))
