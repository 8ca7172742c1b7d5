"""Puts units into quarantine, inside a transaction: all that are involved, or none."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from workbench.identity.ledger import rows_told, rows_units
from workbench.identity.ledger.claims import Identifier
from workbench.identity.state import State, may_follow


def quarantine_all(
    connection: Connection,
    unit_ids: Iterable[str],
    reason: str,
    station: str,
    contested: Iterable[Identifier] = (),
) -> None:
    """Puts those of the units into quarantine that are not there yet, and says why in their histories."""
    ids = list(unit_ids)
    for unit_id, state in rows_units.lock_units(connection, ids).items():
        if not may_follow(state, State.QUARANTINED):
            continue
        rows_units.change_unit(connection, unit_id, state=State.QUARANTINED, reason=reason)
        detail = {
            "reason": reason,
            "from": state,
            "with_unit_ids": [other for other in ids if other != unit_id],
            "contested": [{"kind": item.kind, "hash_or_id": item.value} for item in contested],
        }
        rows_told.tell(connection, unit_id, "quarantined", State.QUARANTINED, station, detail)
