"""Runs, their events and their observations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes the first three tables."""
    _make_runs()
    _make_child("events", sa.Column("event", sa.String(), nullable=False), "data")
    _make_child("observations", sa.Column("what", sa.String(), nullable=False), "value")
    op.create_index("ix_runs_slot", "runs", ["slot"])
    op.create_index("ix_runs_started_at", "runs", ["started_at"])
    op.create_index("ix_observations_what", "observations", ["what"])


def _make_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("slot", sa.String()),
        sa.Column("target", sa.String()),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME, nullable=False),
        sa.Column("elapsed_s", sa.Double(), nullable=False),
        sa.Column("result", _JSON, nullable=False),
        sa.Column("error", _JSON),
        sa.Column("error_code", sa.String()),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("journal", sa.String(), nullable=False),
        sa.Column("journal_sha256", sa.String(), nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )


def _make_child(name: str, subject: sa.Column[str], payload: str) -> None:
    op.create_table(
        name,
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("time", _TIME, nullable=False),
        subject,
        sa.Column(payload, _JSON, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "seq", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.run_id"], name=f"fk_{name}_run_id_runs", ondelete="CASCADE"
        ),
    )
