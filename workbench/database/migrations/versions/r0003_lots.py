"""Lots, their serial numbers, what was tried with each unit, and the stations that share them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes the tables of the line."""
    _make_lots()
    _make_serials()
    _make_attempts()
    op.create_table(
        "stations",
        _text("station"),
        sa.Column("last_seen", _TIME, nullable=False),
        _text("version"),
        sa.PrimaryKeyConstraint("station", name="pk_stations"),
    )


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _make_lots() -> None:
    op.create_table(
        "lots",
        _text("lot_id"),
        _text("recipe", nullable=True),
        _number("quantity", nullable=True),
        _text("state"),
        _text("rule_sha256"),
        _text("rule_words"),
        sa.Column("gives", sa.Boolean(), nullable=False),
        *(_number(name) for name in ("next_position", "taken")),
        *(_number(name) for name in ("moved_passed", "moved_judged", "moved_first_pass")),
        sa.Column("opened_at", _TIME, nullable=False),
        _text("opened_by"),
        sa.Column("closed_at", _TIME),
        sa.PrimaryKeyConstraint("lot_id", name="pk_lots"),
        sa.CheckConstraint("state IN ('open', 'closed')", name="ck_lots_state"),
        sa.CheckConstraint("taken >= 0", name="ck_lots_taken"),
    )
    op.create_index("ix_lots_opened_at", "lots", ["opened_at"])


def _make_serials() -> None:
    op.create_table(
        "lot_serials",
        *(_text(name) for name in ("serial_key", "serial", "lot_id")),
        _number("position", nullable=True),
        _text("state"),
        *(_text(name, nullable=True) for name in ("station", "holder", "run_id", "lease_epoch")),
        sa.Column("lease_until", sa.Double()),
        _number("attempts"),
        *(_text(name, nullable=True) for name in ("first_verdict", "chip_id", "fingerprint", "note")),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("serial_key", name="pk_lot_serials"),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.lot_id"], name="fk_lot_serials_lot_id_lots"),
        sa.UniqueConstraint("lot_id", "position", name="uq_lot_serials_lot_id"),
        sa.CheckConstraint(
            "state IN ('free', 'reserved', 'withdrawn', 'in-work', 'unfinished', 'passed', 'failed', "
            "'shipped', 'scrapped')",
            name="ck_lot_serials_state",
        ),
    )
    op.create_index("ix_lot_serials_tally", "lot_serials", ["lot_id", "state", "first_verdict"])
    op.create_index("ix_lot_serials_chip_id", "lot_serials", ["chip_id"])
    op.create_index("ix_lot_serials_fingerprint", "lot_serials", ["fingerprint"])


def _make_attempts() -> None:
    op.create_table(
        "attempts",
        *(_text(name) for name in ("run_id", "serial_key", "serial", "lot_id")),
        _number("number"),
        _text("station"),
        *(_text(name, nullable=True) for name in ("slot", "operator")),
        *(_text(name) for name in ("recipe", "recipe_sha256")),
        *(_text(name, nullable=True) for name in ("verdict", "error_code")),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME),
        sa.Column("elapsed_s", sa.Double()),
        sa.Column("first_pass", sa.Boolean(), nullable=False),
        sa.Column("steps", _JSON, nullable=False),
        sa.Column("measurements", _JSON, nullable=False),
        *(_text(name, nullable=True) for name in ("chip_id", "fingerprint", "conflict")),
        sa.PrimaryKeyConstraint("run_id", name="pk_attempts"),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.lot_id"], name="fk_attempts_lot_id_lots"),
    )
    op.create_index("ix_attempts_serial_key", "attempts", ["serial_key"])
    op.create_index("ix_attempts_lot_id", "attempts", ["lot_id", "started_at"])
    op.create_index("ix_attempts_started_at", "attempts", ["started_at"])
    op.create_index("ix_attempts_chip_id", "attempts", ["chip_id"])
