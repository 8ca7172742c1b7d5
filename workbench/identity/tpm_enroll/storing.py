"""Phase 4: what cannot be undone.  Certificates under write locks, Clear disabled, the lockout password."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from workbench.events import Observed
from workbench.identity.tpm_enroll import lock, preflight, store
from workbench.identity.tpm_enroll.keying import Keying

if TYPE_CHECKING:
    from workbench.wires.tpm.tpm import Tpm
    from workbench.wires.tpm.values import TpmProperties


class Storing(Keying):
    """From certified to locked."""

    def _store_and_lock(self, tpm: Tpm) -> None:
        self._means.commit()
        for place in self._recipe.places:
            if place.index in self._sight.locked:
                store.verify_stored(tpm, place, self._known.certificates[place.kind])
        by = preflight.nv_hierarchy(self._sight, self._recipe)
        with self._step("lock", "setting passwords and limits"):
            self._lock(tpm)
        with self._step("store", "storing and locking the certificates"):
            stored = self._store(tpm, by)
            found = tpm.properties(self._sight.properties)
            observed = {"stored": stored, "stored_by": by, **_limits(found)}
            self._unit = self._means.ledger.locked(self._known.unit_id, observed)
            self._means.emit(Observed(what="locked", value=observed))

    def _store(self, tpm: Tpm, by: str) -> dict[str, Any]:
        """The IDevID's write lock comes last of all: it says that the factory is done."""
        certificates = self._known.certificates
        intent: dict[str, Any] = {
            place.kind: {"index": place.index, "sha256": hashlib.sha256(certificates[place.kind]).hexdigest()}
            for place in self._recipe.places
        }
        with self._acts.act("store", {**intent, "by": by}) as seen:
            for place in self._recipe.places:
                found = store.store(tpm, place, certificates[place.kind], by, tpm.nv_piece)
                seen[place.kind] = found.as_json()
        return seen

    def _lock(self, tpm: Tpm) -> None:
        wanted, found = self._recipe.attack, tpm.properties()
        if found.lockout_auth_set:  # by an earlier run: it comes last
            self._acts.close("lock", _limits(found))
            return
        assert self._recipe.escrow is not None
        sealed = lock.escrow_password(self._recipe.escrow, self._known.unit_id)
        intent = {
            "dictionary_attack": [wanted.max_tries, wanted.interval_s, wanted.recovery_s],
            "clear_disabled": True,
            "escrow_file_name": sealed.path.name,
            "escrow_key_sha256": sealed.key,
        }
        with self._acts.act("lock", intent) as seen:
            lock.set_parameters(tpm, wanted)
            if not found.disable_clear:
                lock.disable_clear(tpm)
            lock.give_password(tpm, sealed)
            seen.update(_limits(tpm.properties(self._sight.properties)))
        self._password = sealed.password


def _limits(found: TpmProperties) -> dict[str, Any]:
    """What a TPM shows of passwords and limits."""
    return {
        "dictionary_attack": [found.max_auth_fail, found.lockout_interval_s, found.lockout_recovery_s],
        "clear_disabled": found.disable_clear,
        "lockout_auth_set": found.lockout_auth_set,
    }
