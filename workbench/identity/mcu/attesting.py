"""Asking a unit for its attestation, and what the ledger remembers of earlier answers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from workbench.identity.attest.verify import Asked, Attested, Known, Last, verify_eat
from workbench.identity.mcu.protocol import request_eat

if TYPE_CHECKING:
    from workbench.identity.attest.cose import Key
    from workbench.identity.ledger.ledger import Ledger
    from workbench.identity.ledger.values import Act, Unit
    from workbench.identity.mcu.means import Order
    from workbench.wires.smp import Smp

ATTEST: Final = "attest"
"""The act under which the ledger keeps what a unit attested."""
NONCE_BYTES: Final = 32


def known_of(order: Order, chip: bytes, key: Key, **more: Any) -> Known:
    """What is known of the unit that an order is for; `more` are further fields of Known."""
    return Known(
        chip_id=chip, key=key, image=order.image, version=order.version, profile=order.profile, **more
    )


def ask(smp: Smp, known: Known) -> Attested:
    """The unit's answer to a fresh nonce.  Raises EatRefused, and what the line raises."""
    asked = Asked(secrets.token_bytes(NONCE_BYTES), time.monotonic())
    return verify_eat(request_eat(smp, asked.nonce), asked, known, time.monotonic())


def last_of(acts: Iterable[Act]) -> Last | None:
    """What the last attestation that was believed said."""
    found = None
    for act in acts:
        seen = act.observed or {}
        if act.act == ATTEST and "counter" in seen and "version" in seen:
            found = Last(int(seen["counter"]), str(seen["version"]))
    return found


def keep(ledger: Ledger, unit: Unit, attested: Attested) -> None:
    """Remembers what a unit attested: nothing goes back behind it any more.

    An answer that a run was about to keep when it ended is closed: a newer one is kept in its place.
    """
    said = attested.as_json()
    for begun in ledger.open_acts(unit.unit_id):
        if begun.act == ATTEST:
            ledger.observe(begun.act_id, {"newer_eat_sha256": attested.sha256})
    act = ledger.intend(unit.unit_id, ATTEST, {"eat_sha256": attested.sha256})
    ledger.observe(act, said)
