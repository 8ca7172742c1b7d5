"""The tables of the ledger.  Migrations make them, a test compares.

`identifiers` is the heart: whatever may exist only once is a row there, and its primary key is the promise.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workbench.database.base import Base

STATES_CHECK: Final = (
    "state IN ('blank', 'keyed', 'certified', 'locked', 'verified', 'quarantined', 'retired')"
)
KINDS_CHECK: Final = (
    "kind IN ('serial', 'hardware-id', 'ek-certificate', 'key', 'csr', 'certificate', 'request-id')"
)


class RmaRow(Base):
    """A return: the only way by which what a unit owned goes to another."""

    __tablename__ = "rmas"

    rma_id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    operator: Mapped[str]
    time: Mapped[datetime]
    new_unit_id: Mapped[str | None] = mapped_column(unique=True)
    """Unit that was claimed under this RMA; an RMA serves one."""


class UnitRow(Base):
    """A unit.  `serial` and `hardware_id` are what it came with; what it owns is in `identifiers`."""

    __tablename__ = "units"
    __table_args__ = (CheckConstraint(STATES_CHECK, name="ck_units_state"),)

    unit_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    serial: Mapped[str] = mapped_column(index=True)
    model: Mapped[str]
    hardware_id: Mapped[str] = mapped_column(index=True)
    ek_cert_sha256: Mapped[str | None]
    target: Mapped[str]
    station: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    """Why it is in quarantine, or was retired."""
    request_id: Mapped[str] = mapped_column(unique=True)
    rma_id: Mapped[str | None] = mapped_column(ForeignKey(RmaRow.rma_id), unique=True)
    origin: Mapped[str | None]
    details: Mapped[dict[str, Any] | None]
    lock_observed: Mapped[dict[str, Any] | None]
    evidence_sha256: Mapped[str | None]
    claimed_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class RmaUnitRow(Base):
    """A record that an RMA names and ends."""

    __tablename__ = "rma_units"

    rma_id: Mapped[str] = mapped_column(ForeignKey(RmaRow.rma_id), primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey(UnitRow.unit_id), primary_key=True)


class IdentifierRow(Base):
    """Something that exists once in the world, and the one unit that owns it.

    `role` tells several of a kind apart: "idevid" and "iak" of keys, the value itself where a unit may have
    any number of them, and "" where it has one.
    """

    __tablename__ = "identifiers"
    __table_args__ = (
        UniqueConstraint("unit_id", "kind", "role", name="uq_identifiers_unit_id"),
        CheckConstraint(KINDS_CHECK, name="ck_identifiers_kind"),
    )

    kind: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    unit_id: Mapped[str] = mapped_column(ForeignKey(UnitRow.unit_id))


class UnitCertificateRow(Base):
    """A certificate of a unit, in DER as it was issued; one for each key."""

    __tablename__ = "unit_certificates"

    unit_id: Mapped[str] = mapped_column(ForeignKey(UnitRow.unit_id), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    der: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(unique=True)


class ActRow(Base):
    """An irreversible act: what was about to happen, and what was seen afterwards."""

    __tablename__ = "acts"

    act_id: Mapped[str] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey(UnitRow.unit_id), index=True)
    seq: Mapped[int]
    act: Mapped[str]
    intent: Mapped[dict[str, Any]]
    intended_at: Mapped[datetime]
    station: Mapped[str]
    observed: Mapped[dict[str, Any] | None]
    observed_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("unit_id", "seq", name="uq_acts_unit_id"),)


class UnitHistoryRow(Base):
    """One thing that happened to a unit.  The database refuses to change or delete these rows."""

    __tablename__ = "unit_history"

    unit_id: Mapped[str] = mapped_column(ForeignKey(UnitRow.unit_id), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time: Mapped[datetime]
    station: Mapped[str]
    what: Mapped[str]
    state: Mapped[str]
    """The unit's state afterwards."""
    detail: Mapped[dict[str, Any]]


UNITS: Final = cast(Table, UnitRow.__table__)
IDENTIFIERS: Final = cast(Table, IdentifierRow.__table__)
CERTIFICATES: Final = cast(Table, UnitCertificateRow.__table__)
ACTS: Final = cast(Table, ActRow.__table__)
HISTORY: Final = cast(Table, UnitHistoryRow.__table__)
RMAS: Final = cast(Table, RmaRow.__table__)
RMA_UNITS: Final = cast(Table, RmaUnitRow.__table__)
