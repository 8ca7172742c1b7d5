"""The log of runs, and the way from an error's code to its runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table and the indices."""
    op.create_table(
        "run_log",
        sa.Column("log_id", sa.String(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("run_id", sa.String()),
        sa.Column("line_sha256", sa.String(), nullable=False),
        sa.Column("station", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("log_id", "line", name="pk_run_log"),
    )
    op.create_index("ix_run_log_run_id", "run_log", ["run_id"])
    op.create_index("ix_run_log_station", "run_log", ["station"])
    op.create_index("ix_runs_error_code", "runs", ["error_code"])
