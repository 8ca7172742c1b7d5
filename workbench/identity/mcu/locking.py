"""A unit's lock: setting it, and the proof by trying to break it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workbench.identity.mcu.bench_work import key_page_of
from workbench.identity.mcu.errors import McuLockUnexpected
from workbench.identity.mcu.lock_proof import Canary, prove_lock, refuse_broken
from workbench.identity.mcu.record import PUBLIC_IN_RECORD, RECORDS_AT
from workbench.images.provisioning import MAGIC
from workbench.probes.lock import set_lock

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.identity.attest.cose import Key
    from workbench.identity.evidence.content import Tried
    from workbench.identity.ledger.values import Unit
    from workbench.probes.session import Debug

__all__ = ["canaries_of", "intent", "lock_chip", "prove", "refuse_broken"]

CANARY_BYTES: Final = 16
"""Enough of a public key to know it by."""


def intent(target: Target) -> dict[str, Any]:
    """What is about to be written."""
    assert target.lock is not None
    return {"register": f"{target.lock.register_:#010x}", "word": f"{target.lock.locking_word:#010x}"}


def lock_chip(debug: Debug, *, permit_lock: bool) -> dict[str, Any]:
    """Sets the lock; what was seen.  It takes hold at the next power cycle."""
    state = set_lock(debug, permit_lock=permit_lock)
    debug.reset()
    return {"configured": state.configured}


def prove(debug: Debug, unit: Unit, key: Key) -> tuple[tuple[Tried, ...], dict[str, Any]]:
    """Tries every known way past the lock; what came of each, and what was observed.

    Raises McuLockUnexpected where the chip is not locked at all.
    """
    state = debug.lock_state()
    if not state.observed:
        raise McuLockUnexpected("the lock was written and does not hold: the chip can be read")
    lock = debug.target.lock
    assert lock is not None
    public = key if isinstance(key, ec.EllipticCurvePublicKey) else None
    tried = prove_lock(debug, canaries_of(debug.target, unit, public), key, lock.weaknesses)
    ways = {one.act: one.outcome for one in tried}
    return tried, {"lock": {"configured": state.configured, "observed": state.observed, "ways": ways}}


def canaries_of(target: Target, unit: Unit, key: ec.EllipticCurvePublicKey | None) -> tuple[Canary, ...]:
    """What must not be readable: the page of secrets, and the page with the unit's own key."""
    page = target.provisioning_page
    assert page is not None
    found = [Canary("provisioning-page", page, MAGIC)]
    number = unit.details.get("key_record")
    if key is not None and isinstance(number, int):
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        at = key_page_of(target) + RECORDS_AT[number] + PUBLIC_IN_RECORD
        found.append(Canary("key-page", at, point[1 : 1 + CANARY_BYTES]))
    return tuple(found)
