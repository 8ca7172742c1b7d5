"""The log of runs, and the way to runs from an error's code, and from what they saw."""

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
    _make_runs_findable()


def _make_runs_findable() -> None:
    """By the unit that a run's result names, and by the chip that it saw."""
    op.add_column("runs", sa.Column("serial_key", sa.String()))
    runs = sa.table("runs", sa.column("result", sa.JSON()), sa.column("serial_key"))
    op.execute(runs.update().values(serial_key=sa.func.lower(runs.c.result["serial"].as_string())))
    op.create_index("ix_runs_serial_key", "runs", ["serial_key"])
    op.add_column("observations", sa.Column("text", sa.String()))
    seen = sa.table("observations", sa.column("what"), sa.column("value", sa.JSON()), sa.column("text"))
    chip_id = sa.func.lower(seen.c.value["value"].as_string())
    op.execute(seen.update().where(seen.c.what == "chip-id").values(text=chip_id))
    op.create_index("ix_observations_text", "observations", ["what", "text"])
