"""The ledger itself: one transaction for each step of a unit's life.

What is decided lives in `claims` and in `workbench.identity.state`; rows live in `storage`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from workbench.database.engine import library_errors
from workbench.errors import WorkbenchError
from workbench.identity.labels import compared
from workbench.identity.ledger import claiming, moves, rows_owned, rows_rmas, rows_told, rows_units
from workbench.identity.ledger.errors import LedgerValueInvalid
from workbench.identity.ledger.transactions import transact
from workbench.identity.ledger.values import (
    MAX_REASON,
    ORIGINS,
    Act,
    HistoryEntry,
    Origin,
    Rma,
    Unit,
    UnitClaim,
    check_role,
    check_sha256,
    check_text,
)
from workbench.identity.state import State
from workbench.identity.storable import storable, storable_text

__all__ = ["Ledger"]

T = TypeVar("T")


class Ledger:
    """The units in one database.

    All methods raise DatabaseUnavailable, those that take a unit's ID UnitUnknown, and those that store
    something SecretRefused and ValueNotStorable.  What a method returns was committed and is on the disk.
    """

    def __init__(self, engine: Engine, *, station: str = "") -> None:
        """`station` is written beside everything that this station does."""
        self._engine = engine
        self._station = station
        self._secrets: list[bytes] = []

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    def forbid(self, secret: bytes) -> None:
        """From now on refuses to store this secret in any form; the ledger keeps it in memory only."""
        self._secrets.append(secret)

    # --- the way of a unit ---------------------------------------------------------------------------------

    def claim(self, claim: UnitClaim, rma: str | None = None) -> Unit:
        """The unit of this label and chip: a new one, blank, or the one that it is already, in its state.

        With `rma`, what the units that it ended owned goes to the new unit.  Raises IdentityConflict where
        label or chip belong to another unit (both are then in quarantine), RmaRequired where they belonged to
        a unit that an RMA ended, RmaRefused, ClaimDiffers.
        """
        station = self._station or claim.station
        return self._change(lambda connection: claiming.claim(connection, claim, rma, station))

    def keyed(
        self, unit_id: str, keys: Mapping[str, str], origin: Origin, details: Mapping[str, Any]
    ) -> Unit:
        """Its keys exist: SHA-256 of each SubjectPublicKeyInfo by role; blank → keyed.

        Raises IdentityConflict where another unit has one of them, or where this unit has others.
        """
        if not keys or origin not in ORIGINS:
            raise LedgerValueInvalid("a unit has at least one key, of a known origin")
        found = {check_role(role): check_sha256(f"the key {role}", value) for role, value in keys.items()}
        if len(set(found.values())) != len(found):
            raise LedgerValueInvalid("two keys of a unit are the same")
        kept = self._storable(details)
        return self._change(
            lambda connection: moves.keyed(connection, unit_id, found, origin, kept, self._station)
        )

    def requested(self, unit_id: str, csr_sha256: str) -> Unit:
        """A CSR goes to the CA; the state stays keyed.  IdentityConflict where it is another unit's."""
        digest = check_sha256("the CSR's SHA-256", csr_sha256)
        return self._change(lambda connection: moves.requested(connection, unit_id, digest, self._station))

    def certified(self, unit_id: str, certificates: Mapping[str, bytes]) -> Unit:
        """The CA issued these, DER by role, one for each key that has one; keyed → certified.

        A unit whose only key is its "challenge" key is certified without certificates.  Raises
        CertificateForeign for one of another key, IdentityConflict for one that is not the first.
        """
        found = {check_role(role): bytes(der) for role, der in certificates.items()}
        return self._change(lambda connection: moves.certified(connection, unit_id, found, self._station))

    def locked(self, unit_id: str, observed: Mapping[str, Any]) -> Unit:
        """The locks were seen to hold; certified → locked.  A later observation goes into the history."""
        kept = self._storable(observed)
        return self._change(lambda connection: moves.locked(connection, unit_id, kept, self._station))

    def verified(self, unit_id: str, evidence_sha256: str) -> Unit:
        """Everything was read again and the evidence is signed; locked → verified.  Or verified once more."""
        digest = check_sha256("the evidence's SHA-256", evidence_sha256)
        return self._change(lambda connection: moves.verified(connection, unit_id, digest, self._station))

    def quarantine(self, unit_id: str, reason: str) -> Unit:
        """Ends all work on the unit, from any state; a unit that is in quarantine keeps its first reason."""
        words = storable_text(check_text("reason", reason, MAX_REASON), self._secrets)
        return self._change(lambda connection: moves.quarantine(connection, unit_id, words, self._station))

    # --- write-ahead acts ----------------------------------------------------------------------------------

    def intend(self, unit_id: str, act: str, intent: Mapping[str, Any]) -> str:
        """What is about to be done, on the disk when this returns; the act's ID for `observe`.

        The same act with the same intent that is still open is not written twice.  Raises WrongState.
        """
        name, kept = check_text("act", act), self._storable(intent)
        return self._change(lambda connection: moves.intend(connection, unit_id, name, kept, self._station))

    def observe(self, act_id: str, observed: Mapping[str, Any]) -> None:
        """What was seen after the act.  Raises WrongState where something else was observed before."""
        kept = self._storable(observed)
        self._change(lambda connection: moves.observe(connection, act_id, kept, self._station))

    def open_acts(self, unit_id: str) -> tuple[Act, ...]:
        """Acts whose outcome nobody has observed, oldest first: what a run that broke off leaves."""
        return tuple(act for act in self.acts(unit_id) if act.observed_at is None)

    def acts(self, unit_id: str) -> tuple[Act, ...]:
        """All acts of a unit, oldest first."""
        return self._read(lambda connection: rows_told.acts(connection, unit_id))

    # --- returns -------------------------------------------------------------------------------------------

    def rma(self, old_unit_id: str, reason: str, operator: str, also: tuple[str, ...] = ()) -> str:
        """Ends the record of a unit, and of `also` in the same transaction; the RMA's ID for `claim`.

        Their serial numbers, chips and keys may then be claimed by one unit, under this RMA.  An RMA of the
        same units that no unit has used yet is given again.  Raises RmaRefused.
        """
        words = storable_text(check_text("reason", reason, MAX_REASON), self._secrets)
        who = check_text("operator", operator)
        old = tuple(sorted({old_unit_id, *also}))
        return self._change(lambda connection: claiming.rma(connection, old, words, who, self._station))

    def rmas(self, unit_id: str) -> tuple[Rma, ...]:
        """The RMAs that name this unit's record, oldest first."""
        return self._read(lambda connection: rows_rmas.rmas(connection, unit_id))

    # --- questions -----------------------------------------------------------------------------------------

    def find(
        self,
        *,
        serial: str | None = None,
        hardware_id: str | None = None,
        spki: str | None = None,
        unit_id: str | None = None,
    ) -> Unit | None:
        """The unit that owns what is named (exactly one of them), or None."""
        if sum(value is not None for value in (serial, hardware_id, spki, unit_id)) != 1:
            raise LedgerValueInvalid("a unit is found by exactly one of its names")

        def look(connection: Connection) -> Unit | None:
            found = unit_id
            if serial is not None:
                found = rows_owned.owner_of(connection, "serial", compared(serial))
            elif hardware_id is not None:
                found = rows_owned.owner_of(connection, "hardware-id", hardware_id)
            elif spki is not None:
                found = rows_owned.owner_of(connection, "key", spki)
            return rows_units.unit_or_none(connection, found) if found is not None else None

        return self._read(look)

    def search(self, words: str, limit: int = 20) -> tuple[Unit, ...]:
        """Units that have or had `words` as serial number, chip, request or fingerprint; the newest first."""

        def look(connection: Connection) -> tuple[Unit, ...]:
            return tuple(
                rows_units.unit(connection, found) for found in rows_units.search(connection, words, limit)
            )

        return self._read(look)

    def units(self, state: State | None = None, limit: int = 100) -> tuple[Unit, ...]:
        """The units in a state, or all; the newest first."""

        def look(connection: Connection) -> tuple[Unit, ...]:
            return tuple(
                rows_units.unit(connection, found) for found in rows_units.newest(connection, state, limit)
            )

        return self._read(look)

    def history(self, unit_id: str) -> tuple[HistoryEntry, ...]:
        """Everything that happened to a unit, oldest first; it is only ever added to."""
        return self._read(lambda connection: rows_told.history(connection, unit_id))

    def _change(self, work: Callable[[Connection], T | WorkbenchError]) -> T:
        return transact(self._engine, work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with library_errors(self._engine.url), self._engine.connect() as connection, connection.begin():
            return work(connection)

    def _storable(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return storable(value, self._secrets)
