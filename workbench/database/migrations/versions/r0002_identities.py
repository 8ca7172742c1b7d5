"""The ledger of identities: units, what each owns, certificates, acts, history and RMAs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
_TIME = sa.DateTime(timezone=True)

_SQLITE_TRIGGERS = (
    "CREATE TRIGGER unit_history_no_update BEFORE UPDATE ON unit_history "
    "BEGIN SELECT RAISE(ABORT, 'history is only added to'); END",
    "CREATE TRIGGER unit_history_no_delete BEFORE DELETE ON unit_history "
    "BEGIN SELECT RAISE(ABORT, 'history is only added to'); END",
    "CREATE TRIGGER units_no_delete BEFORE DELETE ON units "
    "BEGIN SELECT RAISE(ABORT, 'units are only added to'); END",
    "CREATE TRIGGER units_no_return BEFORE UPDATE OF state ON units "
    "WHEN OLD.state = 'retired' AND NEW.state <> 'retired' "
    "OR OLD.state = 'quarantined' AND NEW.state NOT IN ('quarantined', 'retired') "
    "BEGIN SELECT RAISE(ABORT, 'only an RMA ends a quarantine'); END",
)
_POSTGRESQL_TRIGGERS = (
    "CREATE FUNCTION workbench_only_added_to() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '% is only added to', TG_TABLE_NAME; END $$",
    "CREATE FUNCTION workbench_no_return() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'only an RMA ends a quarantine'; END $$",
    "CREATE TRIGGER unit_history_no_update BEFORE UPDATE OR DELETE ON unit_history "
    "FOR EACH ROW EXECUTE FUNCTION workbench_only_added_to()",
    "CREATE TRIGGER units_no_delete BEFORE DELETE ON units "
    "FOR EACH ROW EXECUTE FUNCTION workbench_only_added_to()",
    "CREATE TRIGGER units_no_return BEFORE UPDATE OF state ON units FOR EACH ROW "
    "WHEN (OLD.state = 'retired' AND NEW.state <> 'retired' "
    "OR OLD.state = 'quarantined' AND NEW.state NOT IN ('quarantined', 'retired')) "
    "EXECUTE FUNCTION workbench_no_return()",
)


def upgrade() -> None:
    """Makes the ledger's tables, and the triggers that guard them."""
    _make_rmas()
    _make_units()
    _make_owned()
    _make_acts()
    _make_history()
    triggers = _SQLITE_TRIGGERS if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL_TRIGGERS
    for trigger in triggers:
        op.execute(trigger)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _of_unit(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["unit_id"], ["units.unit_id"], name=f"fk_{table}_unit_id_units")


def _make_rmas() -> None:
    op.create_table(
        "rmas",
        _text("rma_id"),
        _text("reason"),
        _text("operator"),
        sa.Column("time", _TIME, nullable=False),
        _text("new_unit_id", nullable=True),
        sa.PrimaryKeyConstraint("rma_id", name="pk_rmas"),
        sa.UniqueConstraint("new_unit_id", name="uq_rmas_new_unit_id"),
    )


def _make_units() -> None:
    op.create_table(
        "units",
        *(_text(name) for name in ("unit_id", "kind", "serial", "model", "hardware_id")),
        _text("ek_cert_sha256", nullable=True),
        *(_text(name) for name in ("target", "station", "state")),
        _text("reason", nullable=True),
        _text("request_id"),
        _text("rma_id", nullable=True),
        _text("origin", nullable=True),
        sa.Column("details", _JSON),
        sa.Column("lock_observed", _JSON),
        _text("evidence_sha256", nullable=True),
        sa.Column("claimed_at", _TIME, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("unit_id", name="pk_units"),
        sa.UniqueConstraint("request_id", name="uq_units_request_id"),
        sa.UniqueConstraint("rma_id", name="uq_units_rma_id"),
        sa.ForeignKeyConstraint(["rma_id"], ["rmas.rma_id"], name="fk_units_rma_id_rmas"),
        sa.CheckConstraint(
            "state IN ('blank', 'keyed', 'certified', 'locked', 'verified', 'quarantined', 'retired')",
            name="ck_units_state",
        ),
    )
    op.create_index("ix_units_serial", "units", ["serial"])
    op.create_index("ix_units_hardware_id", "units", ["hardware_id"])
    op.create_table(
        "rma_units",
        _text("rma_id"),
        _text("unit_id"),
        sa.PrimaryKeyConstraint("rma_id", "unit_id", name="pk_rma_units"),
        sa.ForeignKeyConstraint(["rma_id"], ["rmas.rma_id"], name="fk_rma_units_rma_id_rmas"),
        _of_unit("rma_units"),
    )


def _make_owned() -> None:
    op.create_table(
        "identifiers",
        *(_text(name) for name in ("kind", "value", "role", "unit_id")),
        sa.PrimaryKeyConstraint("kind", "value", name="pk_identifiers"),
        sa.UniqueConstraint("unit_id", "kind", "role", name="uq_identifiers_unit_id"),
        _of_unit("identifiers"),
        sa.CheckConstraint(
            "kind IN ('serial', 'hardware-id', 'ek-certificate', 'key', 'csr', 'certificate', 'request-id')",
            name="ck_identifiers_kind",
        ),
    )
    op.create_table(
        "unit_certificates",
        _text("unit_id"),
        _text("role"),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        _text("sha256"),
        sa.PrimaryKeyConstraint("unit_id", "role", name="pk_unit_certificates"),
        sa.UniqueConstraint("sha256", name="uq_unit_certificates_sha256"),
        _of_unit("unit_certificates"),
    )


def _make_acts() -> None:
    op.create_table(
        "acts",
        _text("act_id"),
        _text("unit_id"),
        sa.Column("seq", sa.Integer(), nullable=False),
        _text("act"),
        sa.Column("intent", _JSON, nullable=False),
        sa.Column("intended_at", _TIME, nullable=False),
        _text("station"),
        sa.Column("observed", _JSON),
        sa.Column("observed_at", _TIME),
        sa.PrimaryKeyConstraint("act_id", name="pk_acts"),
        sa.UniqueConstraint("unit_id", "seq", name="uq_acts_unit_id"),
        _of_unit("acts"),
    )
    op.create_index("ix_acts_unit_id", "acts", ["unit_id"])


def _make_history() -> None:
    op.create_table(
        "unit_history",
        _text("unit_id"),
        sa.Column("seq", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("time", _TIME, nullable=False),
        *(_text(name) for name in ("station", "what", "state")),
        sa.Column("detail", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("unit_id", "seq", name="pk_unit_history"),
        _of_unit("unit_history"),
    )
