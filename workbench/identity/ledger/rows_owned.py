"""Rows of what units own: the heart is `identifiers`, whose primary key lets nothing exist twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, tuple_, update

from workbench.identity.ledger.claims import Identifier, Owner
from workbench.identity.ledger.tables import CERTIFICATES, IDENTIFIERS, UNITS
from workbench.identity.ledger.values import IdentifierKind
from workbench.identity.state import State

_OWNERS: Final = (
    select(IDENTIFIERS.c.kind, IDENTIFIERS.c.value, UNITS.c.unit_id, UNITS.c.state)
    .join(UNITS, UNITS.c.unit_id == IDENTIFIERS.c.unit_id)
    .where(tuple_(IDENTIFIERS.c.kind, IDENTIFIERS.c.value).in_(bindparam("wanted", expanding=True)))
)
_OWN: Final = insert(IDENTIFIERS)
_OWNER: Final = select(IDENTIFIERS.c.unit_id).where(
    IDENTIFIERS.c.kind == bindparam("of_kind"), IDENTIFIERS.c.value == bindparam("of_value")
)


def owners(connection: Connection, wanted: Iterable[Identifier]) -> dict[tuple[IdentifierKind, str], Owner]:
    """Who owns those of the identifiers that are owned."""
    values = [(item.kind, item.value) for item in wanted]
    rows = connection.execute(_OWNERS, {"wanted": values})
    return {(row.kind, row.value): Owner(row.unit_id, State(row.state)) for row in rows}


def own(connection: Connection, unit_id: str, items: Iterable[Identifier]) -> None:
    """Writes that the unit owns them; the database refuses what somebody owns already."""
    rows = [{"kind": i.kind, "value": i.value, "role": i.role, "unit_id": unit_id} for i in items]
    if rows:
        connection.execute(_OWN, rows)


def hand_over(connection: Connection, unit_id: str, items: Iterable[Identifier], old: Iterable[str]) -> None:
    """Gives identifiers of units that an RMA ended to the unit of that RMA."""
    for item in items:
        connection.execute(
            update(IDENTIFIERS)
            .where(
                IDENTIFIERS.c.kind == item.kind,
                IDENTIFIERS.c.value == item.value,
                IDENTIFIERS.c.unit_id.in_(list(old)),
            )
            .values(unit_id=unit_id, role=item.role)
        )


def owner_of(connection: Connection, kind: IdentifierKind, value: str) -> str | None:
    """ID of the unit that owns it."""
    return connection.scalar(_OWNER, {"of_kind": kind, "of_value": value})


def ek_certificates(connection: Connection, unit_ids: Iterable[str]) -> dict[str, str | None]:
    """The hash of the EK certificate that each unit was claimed with."""
    query = select(UNITS.c.unit_id, UNITS.c.ek_cert_sha256).where(UNITS.c.unit_id.in_(list(unit_ids)))
    return {row.unit_id: row.ek_cert_sha256 for row in connection.execute(query)}


def insert_certificates(connection: Connection, unit_id: str, found: Mapping[str, tuple[bytes, str]]) -> None:
    """Certificates by role, as DER and its SHA-256."""
    rows = [
        {"unit_id": unit_id, "role": role, "der": der, "sha256": digest}
        for role, (der, digest) in found.items()
    ]
    if rows:
        connection.execute(insert(CERTIFICATES), rows)
