"""Rows of units: reads and writes inside a transaction that the caller holds.  Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import uuid4

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, update

from workbench.identity.ledger.errors import UnitUnknown
from workbench.identity.ledger.rows_rmas import replaced_requests
from workbench.identity.ledger.tables import ACTS, CERTIFICATES, IDENTIFIERS, UNITS
from workbench.identity.ledger.values import Origin, Unit, UnitClaim, UnitKind
from workbench.identity.state import State

_OPEN_ACTS: Final = (
    select(func.count())
    .select_from(ACTS)
    .where(ACTS.c.unit_id == UNITS.c.unit_id, ACTS.c.observed_at.is_(None))
    .scalar_subquery()
    .label("open_acts")
)

# Statements are put together once: that takes longer than to carry one out.
_UNIT: Final = select(UNITS, _OPEN_ACTS).where(UNITS.c.unit_id == bindparam("of_unit"))
_UNIT_LOCKED: Final = _UNIT.with_for_update(of=UNITS)
_OWNED: Final = (
    select(IDENTIFIERS.c.kind, IDENTIFIERS.c.role, IDENTIFIERS.c.value)
    .where(IDENTIFIERS.c.unit_id == bindparam("of_unit"), IDENTIFIERS.c.kind.in_(("key", "csr")))
    .order_by(IDENTIFIERS.c.value)
)
_CERTIFICATES: Final = select(CERTIFICATES.c.role, CERTIFICATES.c.der).where(
    CERTIFICATES.c.unit_id == bindparam("of_unit")
)
_CHANGE: Final = update(UNITS).where(UNITS.c.unit_id == bindparam("of_unit"))
_STATES_LOCKED: Final = (
    select(UNITS.c.unit_id, UNITS.c.state)
    .where(UNITS.c.unit_id.in_(bindparam("unit_ids", expanding=True)))
    .order_by(UNITS.c.unit_id)
    .with_for_update()
)

_WITHOUT: Final = (State.BLANK, State.KEYED)
"""States in which a unit has no certificate yet, so that none is looked for."""


def now() -> datetime:
    """The station's clock, in UTC."""
    return datetime.now(UTC)


def unit(connection: Connection, unit_id: str, *, lock: bool = False) -> Unit:
    """The unit, its row locked against other stations if asked for; raises UnitUnknown."""
    found = unit_or_none(connection, unit_id, lock=lock)
    if found is None:
        raise UnitUnknown(f"the ledger has no unit {unit_id[:40]!r}")
    return found


def unit_or_none(connection: Connection, unit_id: str, *, lock: bool = False) -> Unit | None:
    """The same, or None."""
    named = {"of_unit": unit_id}
    row = connection.execute(_UNIT_LOCKED if lock else _UNIT, named).first()
    if row is None:
        return None
    owned = connection.execute(_OWNED, named).all()
    certificates = {} if row.state in _WITHOUT else _certificates(connection, unit_id)
    replaces = replaced_requests(connection, row.rma_id) if row.rma_id else ()
    return _unit_of(row, owned, certificates, replaces)


def _certificates(connection: Connection, unit_id: str) -> dict[str, bytes]:
    return {row.role: bytes(row.der) for row in connection.execute(_CERTIFICATES, {"of_unit": unit_id})}


def _unit_of(
    row: Row[*tuple[Any, ...]],
    owned: Iterable[Row[str, str, str]],
    certificates: Mapping[str, bytes],
    replaces: tuple[str, ...],
) -> Unit:
    owned = list(owned)
    return Unit(
        unit_id=row.unit_id,
        kind=cast(UnitKind, row.kind),
        serial=row.serial,
        model=row.model,
        hardware_id=row.hardware_id,
        target=row.target,
        station=row.station,
        state=State(row.state),
        reason=row.reason,
        request_id=row.request_id,
        ek_cert_sha256=row.ek_cert_sha256,
        keys={role: value for kind, role, value in owned if kind == "key"},
        origin=cast(Origin | None, row.origin),
        details=row.details or {},
        csrs=tuple(value for kind, _, value in owned if kind == "csr"),
        certificates=certificates,
        lock_observed=row.lock_observed,
        evidence_sha256=row.evidence_sha256,
        rma=row.rma_id,
        replaces=replaces,
        open_acts=row.open_acts,
        claimed_at=row.claimed_at,
        changed_at=row.changed_at,
    )


def insert_unit(connection: Connection, claim: UnitClaim, state: State, **more: str | None) -> str:
    """A new row for the claim; the new unit's ID.  Nothing is owned yet."""
    unit_id, moment = str(uuid4()), now()
    connection.execute(
        insert(UNITS).values(
            unit_id=unit_id,
            kind=claim.kind,
            serial=claim.serial,
            model=claim.model,
            hardware_id=claim.hardware_id,
            ek_cert_sha256=claim.ek_cert_sha256,
            target=claim.target,
            station=claim.station,
            state=state,
            request_id=str(uuid4()),
            claimed_at=moment,
            changed_at=moment,
            **more,
        )
    )
    return unit_id


def change_unit(connection: Connection, unit_id: str, **values: Any) -> None:
    """New values of a unit's columns."""
    connection.execute(_CHANGE, {"of_unit": unit_id, "changed_at": now(), **values})


def lock_units(connection: Connection, unit_ids: Iterable[str]) -> dict[str, State]:
    """Locks the rows in one order for all stations, and tells their states."""
    rows = connection.execute(_STATES_LOCKED, {"unit_ids": sorted(set(unit_ids))})
    return {row.unit_id: State(row.state) for row in rows}


def newest(connection: Connection, state: State | None, limit: int) -> list[str]:
    """IDs of the units in a state, or of all; the newest first."""
    query = select(UNITS.c.unit_id).order_by(UNITS.c.claimed_at.desc(), UNITS.c.unit_id)
    query = query if state is None else query.where(UNITS.c.state == state)
    return list(connection.scalars(query.limit(limit)))


def search(connection: Connection, words: str, limit: int) -> list[str]:
    """IDs of units that have `words` as serial number, chip, fingerprint or request, now or before."""
    beginning = words.lower() if len(words) >= 8 else "-"
    query = (
        select(UNITS.c.unit_id)
        .where(
            or_(
                UNITS.c.serial == words,
                UNITS.c.hardware_id == words.lower(),
                UNITS.c.request_id == words.lower(),
                UNITS.c.unit_id.startswith(beginning, autoescape=True),
                UNITS.c.unit_id.in_(
                    select(IDENTIFIERS.c.unit_id).where(IDENTIFIERS.c.value.in_((words, words.lower())))
                ),
            )
        )
        .order_by(UNITS.c.claimed_at.desc(), UNITS.c.unit_id)
    )
    return list(connection.scalars(query.limit(limit)))
