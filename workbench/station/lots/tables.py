"""The tables of lots, serial numbers and attempts, for SQLite and PostgreSQL alike.

Migrations make them, a test compares.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workbench.database.base import Base, JsonData


class LotRecord(Base):
    """A lot.

    `next_position` is the first one that was never handed out; `taken` counts its serial numbers that use up
    a part of the quantity.  `moved_…`: units that were judged here and taken into another lot later.
    """

    __tablename__ = "lots"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'closed')", name="ck_lots_state"),
        CheckConstraint("taken >= 0", name="ck_lots_taken"),
    )

    lot_id: Mapped[str] = mapped_column(primary_key=True)
    recipe: Mapped[str | None]
    quantity: Mapped[int | None]
    state: Mapped[str]
    rule_sha256: Mapped[str]
    rule_words: Mapped[str]
    gives: Mapped[bool]
    next_position: Mapped[int]
    taken: Mapped[int]
    moved_passed: Mapped[int]
    moved_judged: Mapped[int]
    moved_first_pass: Mapped[int]
    opened_at: Mapped[datetime] = mapped_column(index=True)
    opened_by: Mapped[str]
    closed_at: Mapped[datetime | None]


class SerialRecord(Base):
    """A unit by its serial number, which exists once over all lots; case and double spaces do not count.

    `holder` is the ID of the station's own file that holds it; `run_id` the run that works on it or did last.
    The lease is only of a unit in work: until then no other station may begin it; see `lease_clock`.
    """

    __tablename__ = "lot_serials"
    __table_args__ = (
        UniqueConstraint("lot_id", "position", name="uq_lot_serials_lot_id"),
        Index("ix_lot_serials_tally", "lot_id", "state", "first_verdict"),
    )

    serial_key: Mapped[str] = mapped_column(primary_key=True)
    serial: Mapped[str]
    lot_id: Mapped[str] = mapped_column(ForeignKey(LotRecord.lot_id))
    position: Mapped[int | None]
    state: Mapped[str]
    station: Mapped[str | None]
    holder: Mapped[str | None]
    run_id: Mapped[str | None]
    lease_epoch: Mapped[str | None]
    lease_until: Mapped[float | None]
    attempts: Mapped[int]
    first_verdict: Mapped[str | None]
    chip_id: Mapped[str | None] = mapped_column(index=True)
    fingerprint: Mapped[str | None] = mapped_column(index=True)
    note: Mapped[str | None]
    changed_at: Mapped[datetime]


class AttemptRecord(Base):
    """What a run did with a unit; `verdict` is NULL from its begin to its end."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_lot_id", "lot_id", "started_at"),)

    run_id: Mapped[str] = mapped_column(primary_key=True)
    serial_key: Mapped[str] = mapped_column(index=True)
    serial: Mapped[str]
    lot_id: Mapped[str] = mapped_column(ForeignKey(LotRecord.lot_id))
    number: Mapped[int]
    station: Mapped[str]
    slot: Mapped[str | None]
    operator: Mapped[str | None]
    recipe: Mapped[str]
    recipe_sha256: Mapped[str]
    verdict: Mapped[str | None]
    error_code: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]
    elapsed_s: Mapped[float | None]
    first_pass: Mapped[bool]
    steps: Mapped[list[Any]] = mapped_column(JsonData)
    measurements: Mapped[list[Any]] = mapped_column(JsonData)
    chip_id: Mapped[str | None] = mapped_column(index=True)
    fingerprint: Mapped[str | None]
    conflict: Mapped[str | None]


class StationRecord(Base):
    """A station that has used the database."""

    __tablename__ = "stations"

    station: Mapped[str] = mapped_column(primary_key=True)
    last_seen: Mapped[datetime]
    version: Mapped[str]


def _table(record: type[Base]) -> Table:
    table = record.__table__
    assert isinstance(table, Table)
    return table


LOTS: Final = _table(LotRecord)
SERIALS: Final = _table(SerialRecord)
ATTEMPTS: Final = _table(AttemptRecord)
STATIONS: Final = _table(StationRecord)
