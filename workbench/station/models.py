"""The tables of the records, for SQLite and PostgreSQL alike.  Migrations make them, a test compares."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from workbench.database.base import Base


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
    error_code: Mapped[str | None] = mapped_column(index=True)
    serial_key: Mapped[str | None] = mapped_column(index=True)
    """Serial number of the unit that the result names, as serial numbers are compared."""
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
    about: Mapped[str | None] = mapped_column(deferred=True)
    """What a person may look for in the run, in lower case: see `records_search.about`."""


class EventRow(Base):
    """One event of a run; `data` is its public form."""

    __tablename__ = "events"

    run_id: Mapped[str] = mapped_column(ForeignKey(RunRow.run_id, ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time: Mapped[datetime]
    event: Mapped[str]
    data: Mapped[dict[str, Any]]


class ObservationRow(Base):
    """Something a run read from the unit: what kind of thing, and its value wrapped as {"value": …}.

    `text` is a short value that is text, in lower case: by it the runs that saw a chip are found.
    """

    __tablename__ = "observations"
    __table_args__ = (Index("ix_observations_text", "what", "text"),)

    run_id: Mapped[str] = mapped_column(ForeignKey(RunRow.run_id, ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time: Mapped[datetime]
    what: Mapped[str] = mapped_column(index=True)
    value: Mapped[dict[str, Any]]
    text: Mapped[str | None]


class RunLogRow(Base):
    """A line of a station's log of runs, as the station's own file has it; `run_id` is NULL for its header.

    No foreign key: that a run was removed from the records must show, not go with it.
    """

    __tablename__ = "run_log"

    log_id: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    run_id: Mapped[str | None] = mapped_column(index=True)
    line_sha256: Mapped[str]
    station: Mapped[str] = mapped_column(index=True)
    """Machine and folder of the file."""
