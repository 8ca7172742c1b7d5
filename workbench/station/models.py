"""The tables of the records, for SQLite and PostgreSQL alike.  Migrations make them, a test compares."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine


class JsonData(TypeDecorator[dict[str, Any]]):
    """JSON; in PostgreSQL its binary form, whose part of SQLAlchemy is loaded only where it is used."""

    impl = JSON
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(none_as_null=True)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type for one engine."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(JSON(none_as_null=True))
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB(none_as_null=True))


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite, which knows no time zones, keeps it as UTC without saying so."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database; raises ValueError for a time without a time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of the tables, with names for constraints that both engines and all migrations agree on."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime, dict[str, Any]: JsonData}


class RunRow(Base):
    """One run, from its journal."""

    __tablename__ = "runs"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    verb: Mapped[str]
    slot: Mapped[str | None] = mapped_column(index=True)
    target: Mapped[str | None]
    verdict: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime]
    elapsed_s: Mapped[float]
    result: Mapped[dict[str, Any]]
    error: Mapped[dict[str, Any] | None]
    error_code: Mapped[str | None]
    host: Mapped[str]
    version: Mapped[str]
    """Version of the workbench that carried the run out."""
    complete: Mapped[bool]
    """Whether the journal holds the run's end."""
    journal: Mapped[str]
    """File name of the journal."""
    journal_sha256: Mapped[str]
    """SHA-256 of the journal's last line, and so of all of it."""
    recorded_at: Mapped[datetime]


class EventRow(Base):
    """One event of a run; `data` is its public form."""

    __tablename__ = "events"

    run_id: Mapped[str] = mapped_column(ForeignKey(RunRow.run_id, ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time: Mapped[datetime]
    event: Mapped[str]
    data: Mapped[dict[str, Any]]


class ObservationRow(Base):
    """Something a run read from the unit: what kind of thing, and its value wrapped as {"value": …}."""

    __tablename__ = "observations"

    run_id: Mapped[str] = mapped_column(ForeignKey(RunRow.run_id, ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time: Mapped[datetime]
    what: Mapped[str] = mapped_column(index=True)
    value: Mapped[dict[str, Any]]
