"""Claims and returns, inside a transaction: who owns what from now on."""

from __future__ import annotations

from sqlalchemy import Connection

from workbench.errors import WorkbenchError
from workbench.identity.ledger import rows_owned, rows_rmas, rows_told, rows_units
from workbench.identity.ledger.claims import Clash, Ended, Fresh, Identifier, Resume, decide, identifiers
from workbench.identity.ledger.errors import (
    ClaimDiffers,
    IdentityConflict,
    RmaRefused,
    RmaRequired,
    UnitUnknown,
)
from workbench.identity.ledger.quarantining import quarantine_all
from workbench.identity.ledger.values import Rma, Unit, UnitClaim
from workbench.identity.state import State


def claim(
    connection: Connection, claim: UnitClaim, rma_id: str | None, station: str
) -> Unit | WorkbenchError:
    """The unit of a claim; an IdentityConflict is returned, for its quarantine stays."""
    rma = _usable_rma(connection, rma_id)
    owners = rows_owned.owners(connection, identifiers(claim))
    rows_units.lock_units(connection, {owner.unit_id for owner in owners.values()})
    owners = rows_owned.owners(connection, identifiers(claim))
    ids = {owner.unit_id for owner in owners.values()}
    old = rma.old_units if rma is not None and rma.new_unit_id is None else ()
    decision = decide(claim, owners, old, ek_of=rows_owned.ek_certificates(connection, ids))
    match decision:
        case Resume():
            return _resume(connection, claim, decision, rma, station)
        case Fresh() if rma is None or rma.new_unit_id is None:
            return _begin(connection, claim, decision, rma, station)
        case Clash():
            return _clash(connection, claim, decision, station)
        case Ended():
            raise RmaRequired(
                f"the {_words(decision.contested)} belonged to unit {', '.join(decision.unit_ids)}, "
                "whose record was ended by an RMA"
            )
    raise RmaRefused(f"RMA {rma_id} is not one of this label or chip, or another unit has used it")


def rma(
    connection: Connection, old: tuple[str, ...], reason: str, operator: str, station: str
) -> str | WorkbenchError:
    """Ends the records of the old units; the RMA's ID."""
    states = rows_units.lock_units(connection, old)
    for unit_id in old:
        if unit_id not in states:
            raise UnitUnknown(f"the ledger has no unit {unit_id[:40]!r}")
    unused = {known for unit_id in old for known in _unused(connection, unit_id)}
    if unused:
        (first, *more) = sorted(unused)
        found = rows_rmas.rma(connection, first)
        if not more and found is not None and found.old_units == old:
            return first
        raise RmaRefused(
            f"a unit is named by {', '.join(sorted(unused))} already, which no unit has used yet",
            action="enrol the unit under that RMA first",
        )
    rma_id = rows_rmas.insert_rma(connection, old, reason, operator, rows_units.now())
    for unit_id in old:
        rows_units.change_unit(connection, unit_id, state=State.RETIRED, reason=f"{rma_id}: {reason}")
        detail = {"rma_id": rma_id, "reason": reason, "operator": operator, "from": states[unit_id]}
        rows_told.tell(connection, unit_id, "retired", State.RETIRED, station, detail)
    return rma_id


def _unused(connection: Connection, unit_id: str) -> list[str]:
    return [rma.rma_id for rma in rows_rmas.rmas(connection, unit_id) if rma.new_unit_id is None]


def _usable_rma(connection: Connection, rma_id: str | None) -> Rma | None:
    if rma_id is None:
        return None
    found = rows_rmas.rma(connection, rma_id, lock=True)
    if found is None:
        raise RmaRefused(f"the ledger has no RMA {rma_id[:40]!r}")
    return found


def _resume(
    connection: Connection, claim: UnitClaim, decision: Resume, rma: Rma | None, station: str
) -> Unit:
    unit = rows_units.unit(connection, decision.unit_id, lock=True)
    if rma is not None and unit.rma != rma.rma_id:
        raise RmaRefused(f"unit {unit.unit_id} was not claimed under {rma.rma_id}")
    known = (unit.kind, unit.serial, unit.model, unit.target)
    told = (claim.kind, claim.serial, claim.model, claim.target)
    if known != told:
        raise ClaimDiffers(
            f"unit {unit.unit_id} is known as {' '.join(known)}, and was now claimed as {' '.join(told)}"
        )
    if decision.new:
        rows_owned.own(connection, unit.unit_id, decision.new)
        names = {"hardware_ids": [item.value for item in decision.new]}
        rows_told.tell(connection, unit.unit_id, "named", unit.state, station, names)
    return unit


def _begin(connection: Connection, claim: UnitClaim, fresh: Fresh, rma: Rma | None, station: str) -> Unit:
    old = () if rma is None else rma.old_units
    unit_id = rows_units.insert_unit(
        connection, claim, State.BLANK, rma_id=None if rma is None else rma.rma_id
    )
    rows_owned.hand_over(connection, unit_id, fresh.taken, old)
    rows_owned.own(connection, unit_id, [item for item in identifiers(claim) if item not in fresh.taken])
    unit = rows_units.unit(connection, unit_id)
    rows_owned.own(connection, unit_id, [Identifier("request-id", unit.request_id)])
    detail = {"serial": claim.serial, "hardware_id": claim.hardware_id, "request_id": unit.request_id}
    if rma is not None:
        rows_rmas.use_rma(connection, rma.rma_id, unit_id)
        detail["rma_id"] = rma.rma_id
        for unit_old in old:
            rows_told.tell(connection, unit_old, "replaced", State.RETIRED, station, {"by_unit_id": unit_id})
    rows_told.tell(connection, unit_id, "claimed", State.BLANK, station, detail)
    return unit


def _clash(connection: Connection, claim: UnitClaim, clash: Clash, station: str) -> IdentityConflict:
    words = f"the {_words(clash.contested)} already belong to unit {', '.join(clash.unit_ids)}"
    reason = f"claimed with serial number {claim.serial} and chip {claim.hardware_id[:16]}: {words}"
    ids = list(clash.unit_ids)
    if clash.newcomer:
        unit_id = _newcomer(connection, claim, reason)
        ids.append(unit_id)
        rows_told.tell(
            connection, unit_id, "conflict", State.QUARANTINED, station, {"with_unit_ids": ids[:-1]}
        )
    quarantine_all(connection, ids, reason, station, contested=clash.contested)
    return IdentityConflict(f"{words}; in quarantine now: {', '.join(ids)}", units=tuple(ids))


def _words(items: tuple[Identifier, ...]) -> str:
    return ", ".join(f"{item.kind} {item.value[:16]}{'…' if len(item.value) > 16 else ''}" for item in items)


def _newcomer(connection: Connection, claim: UnitClaim, reason: str) -> str:
    """A record in quarantine for a claim that cannot be, owning what nobody owned; its unit ID."""
    unit_id = rows_units.insert_unit(connection, claim, State.QUARANTINED, reason=reason)
    taken = rows_owned.owners(connection, identifiers(claim))
    rows_owned.own(connection, unit_id, [i for i in identifiers(claim) if (i.kind, i.value) not in taken])
    return unit_id
