"""A unit's way from state to state, inside a transaction that holds its row.

Each function returns the unit as it is afterwards; an IdentityConflict is returned instead of raised where
the quarantine that it tells of is to stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection

from workbench.errors import WorkbenchError
from workbench.identity.ledger import rows_owned, rows_rmas, rows_told, rows_units
from workbench.identity.ledger.claims import Identifier
from workbench.identity.ledger.errors import CertificateForeign, IdentityConflict, WrongState
from workbench.identity.ledger.quarantining import quarantine_all
from workbench.identity.ledger.values import Origin, Unit
from workbench.identity.state import ORDER, State, has_reached, may_follow, next_for

WITHOUT_CERTIFICATE: Final = frozenset({"challenge"})
"""Roles of keys that are symmetric, and so have no certificate."""
MAX_CERTIFICATE_BYTES: Final = 8192


def keyed(
    connection: Connection,
    unit_id: str,
    keys: Mapping[str, str],
    origin: Origin,
    details: dict[str, Any],
    station: str,
) -> Unit | WorkbenchError:
    """blank → keyed."""
    unit = rows_units.unit(connection, unit_id, lock=True)
    if has_reached(unit.state, State.KEYED):
        if dict(keys) == dict(unit.keys) and origin == unit.origin:
            return unit
        return _second(connection, unit, "it has other keys already", station)
    _check(unit, State.KEYED)
    wanted = [Identifier("key", value, role) for role, value in keys.items()]
    clash = _own(connection, unit, wanted, station)
    if clash is not None:
        return clash
    told = {"keys_sha256": dict(keys), "origin": origin}
    return _move(connection, unit, State.KEYED, told, station, origin=origin, details=details)


def requested(connection: Connection, unit_id: str, csr_sha256: str, station: str) -> Unit | WorkbenchError:
    """A CSR of a unit that is keyed."""
    unit = rows_units.unit(connection, unit_id, lock=True)
    if csr_sha256 in unit.csrs and unit.state in (State.KEYED, State.CERTIFIED, State.LOCKED, State.VERIFIED):
        return unit
    if unit.state is not State.KEYED:
        raise _wrong(unit, "a certificate can only be requested for a unit that is keyed")
    clash = _own(connection, unit, [Identifier("csr", csr_sha256, csr_sha256)], station)
    if clash is not None:
        return clash
    rows_told.tell(connection, unit_id, "requested", unit.state, station, {"csr_sha256": csr_sha256})
    return rows_units.unit(connection, unit_id)


def certified(
    connection: Connection, unit_id: str, certificates: Mapping[str, bytes], station: str
) -> Unit | WorkbenchError:
    """keyed → certified."""
    unit = rows_units.unit(connection, unit_id, lock=True)
    if has_reached(unit.state, State.CERTIFIED):
        if dict(certificates) == dict(unit.certificates):
            return unit
        return _second(connection, unit, "it has other certificates already", station)
    _check(unit, State.CERTIFIED)
    _check_certificates(unit, certificates)
    hashed = {role: (der, sha256(der).hexdigest()) for role, der in certificates.items()}
    wanted = [Identifier("certificate", digest, role) for role, (_, digest) in hashed.items()]
    clash = _own(connection, unit, wanted, station)
    if clash is not None:
        return clash
    rows_owned.insert_certificates(connection, unit_id, hashed)
    told = {"certificates_sha256": {role: digest for role, (_, digest) in hashed.items()}}
    return _move(connection, unit, State.CERTIFIED, told, station)


def locked(connection: Connection, unit_id: str, observed: dict[str, Any], station: str) -> Unit:
    """certified → locked."""
    unit = rows_units.unit(connection, unit_id, lock=True)
    if has_reached(unit.state, State.LOCKED):
        if observed != unit.lock_observed:
            rows_told.tell(connection, unit_id, "lock-observed", unit.state, station, observed)
        return unit
    _check(unit, State.LOCKED)
    return _move(connection, unit, State.LOCKED, observed, station, lock_observed=observed)


def verified(connection: Connection, unit_id: str, evidence_sha256: str, station: str) -> Unit:
    """locked → verified."""
    unit = rows_units.unit(connection, unit_id, lock=True)
    told = {"evidence_sha256": evidence_sha256}
    if unit.state is State.VERIFIED:
        if evidence_sha256 == unit.evidence_sha256:
            return unit
        rows_units.change_unit(connection, unit_id, evidence_sha256=evidence_sha256)
        rows_told.tell(connection, unit_id, "verified-again", unit.state, station, told)
        return rows_units.unit(connection, unit_id)
    _check(unit, State.VERIFIED)
    return _move(connection, unit, State.VERIFIED, told, station, evidence_sha256=evidence_sha256)


def quarantine(connection: Connection, unit_id: str, reason: str, station: str) -> Unit:
    """Any state but retired → quarantined."""
    unit = rows_units.unit(connection, unit_id, lock=True)
    if unit.state is State.RETIRED:
        raise _wrong(unit, "a record that an RMA ended stays ended")
    quarantine_all(connection, [unit_id], reason, station)
    return rows_units.unit(connection, unit_id)


def intend(connection: Connection, unit_id: str, act: str, intent: dict[str, Any], station: str) -> str:
    """A new act, or the open one that is the same."""
    if rows_units.lock_units(connection, [unit_id]).get(unit_id) not in ORDER:
        raise _wrong(rows_units.unit(connection, unit_id), f"'{act}' may not be begun")
    for known in rows_told.open_acts(connection, unit_id, act):
        if known.intent == intent:
            return known.act_id
    return rows_told.insert_act(connection, unit_id, act, intent, station)


def observe(connection: Connection, act_id: str, observed: dict[str, Any], station: str) -> None:
    """The outcome of an act."""
    act = rows_told.act(connection, act_id, lock=True)
    if act.observed_at is not None:
        if act.observed == observed:
            return
        raise WrongState(f"act {act_id} ({act.act}) was observed already, and differently")
    rows_told.observe_act(connection, act_id, observed)


def _own(
    connection: Connection, unit: Unit, wanted: list[Identifier], station: str
) -> IdentityConflict | None:
    """Makes the unit the owner; keys of units that its RMA ended come with it."""
    owners = rows_owned.owners(connection, wanted)
    old: tuple[str, ...] = ()
    if unit.rma is not None:
        rma = rows_rmas.rma(connection, unit.rma)
        old = rma.old_units if rma is not None else ()
    taken = [item for item in wanted if _owner(owners, item) in old and item.kind == "key"]
    others = {_owner(owners, item) for item in wanted if item not in taken} - {None, unit.unit_id}
    if others:
        contested = [item for item in wanted if _owner(owners, item) in others]
        return _clash(connection, unit, sorted(filter(None, others)), contested, station)
    rows_owned.hand_over(connection, unit.unit_id, taken, old)
    rows_owned.own(connection, unit.unit_id, [item for item in wanted if _owner(owners, item) is None])
    return None


def _owner(owners: Mapping[Any, Any], item: Identifier) -> str | None:
    found = owners.get((item.kind, item.value))
    return None if found is None else str(found.unit_id)


def _clash(
    connection: Connection, unit: Unit, others: list[str], contested: list[Identifier], station: str
) -> IdentityConflict:
    names = ", ".join(f"{item.kind} {item.role} {item.value[:16]}…" for item in contested)
    reason = f"{names} of unit {unit.unit_id} already belongs to unit {', '.join(others)}"
    ids = [unit.unit_id, *others]
    quarantine_all(connection, ids, reason, station, contested)
    return IdentityConflict(f"{reason}; they are in quarantine now", units=tuple(ids))


def _second(connection: Connection, unit: Unit, why: str, station: str) -> IdentityConflict:
    reason = f"unit {unit.unit_id} showed a second identity: {why}"
    quarantine_all(connection, [unit.unit_id], reason, station)
    return IdentityConflict(f"{reason}; it is in quarantine now", units=(unit.unit_id,))


def _check_certificates(unit: Unit, certificates: Mapping[str, bytes]) -> None:
    """One for each key that can have one, and each for its own key; raises CertificateForeign."""
    if set(certificates) != set(unit.keys) - WITHOUT_CERTIFICATE:
        raise CertificateForeign(
            f"unit {unit.unit_id} has the keys {', '.join(sorted(unit.keys))}, and the certificates are for "
            f"{', '.join(sorted(certificates)) or 'none'}"
        )
    for role, der in certificates.items():
        if _spki_sha256(der) != unit.keys[role]:
            raise CertificateForeign(
                f"the certificate {role} is not one for the key {role} of {unit.unit_id}"
            )


def _spki_sha256(der: bytes) -> str | None:
    """None where the bytes are no certificate."""
    if len(der) > MAX_CERTIFICATE_BYTES:
        return None
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _move(
    connection: Connection, unit: Unit, state: State, told: Mapping[str, Any], station: str, **values: Any
) -> Unit:
    rows_units.change_unit(connection, unit.unit_id, state=state, **values)
    rows_told.tell(connection, unit.unit_id, str(state), state, station, told)
    return rows_units.unit(connection, unit.unit_id)


def _check(unit: Unit, wanted: State) -> None:
    if not may_follow(unit.state, wanted):
        raise _wrong(unit, f"it cannot become {wanted}")


def _wrong(unit: Unit, what: str) -> WrongState:
    why = f" ({unit.reason})" if unit.reason else ""
    return WrongState(
        f"unit {unit.unit_id}, serial number {unit.serial}, is {unit.state}{why}: {what}",
        action=next_for(unit.state, open_acts=unit.open_acts).words,
    )
