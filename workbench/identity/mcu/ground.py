"""What every part of a microcontroller's enrolment stands on: who is there, ledger, CA, steps, ends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workbench.events import Observed
from workbench.identity.ledger.values import UnitClaim
from workbench.identity.mcu import bench_work
from workbench.identity.mcu.errors import (
    McuKeyDiffers,
    McuLabelDiffers,
    McuLockUnexpected,
    McuNotFinished,
)
from workbench.identity.mcu.means import Means, Order
from workbench.identity.mcu.protocol import (
    Enrolment,
)
from workbench.identity.one_unit import OneUnit, refuse_ended
from workbench.identity.state import State, has_reached
from workbench.identity.tpm_enroll.acts import Acts

if TYPE_CHECKING:
    pass

DEVICE: Final = "device"
CHALLENGE: Final = "challenge"
"""Roles of keys in the ledger: a unit's key pair; or what a symmetric unit answers challenges with."""


class Ground(OneUnit):
    """One run for one unit; what is known of it so far."""

    def __init__(self, order: Order, means: Means) -> None:
        super().__init__(order, means)
        self._order = order
        self._means = means
        self._sight: bench_work.Sight | None = None
        self._page = bench_work.key_page_of(means.target)

    def _hardware_id(self) -> str:
        return "" if self._sight is None else self._sight.chip_text

    @property
    def _seen(self) -> bench_work.Sight:
        assert self._sight is not None
        return self._sight

    @property
    def _symmetric(self) -> bool:
        return DEVICE not in self._known.keys

    @contextmanager
    def _step(self, name: str, title: str) -> Iterator[None]:
        self._means.check()
        with super()._step(name, title):
            yield

    @contextmanager
    def _act(self, name: str, intent: dict[str, Any]) -> Iterator[dict[str, Any]]:
        with self._acts.act(name, intent) as seen:
            yield seen

    def _meet(self) -> None:
        self._look_who()
        with self._step("claim", "entering the unit into the ledger"):
            self._claim()
        reached = has_reached(self._state, State.CERTIFIED)
        if self._seen.locked and not reached:
            raise McuLockUnexpected(f"the chip is locked, and the unit is only {self._state}")
        self._refuse_unlocked()

    def _look_who(self) -> None:
        """Chip and lock, by the probe; the label's part of the chip ID, where it shows one."""
        with self._step("look", "looking at the chip"), self._means.attach() as debug:
            self._sight = bench_work.look(debug)
        label = self._order.label_chip
        if label is not None and not self._seen.chip_text.endswith(label.lower()):
            raise McuLabelDiffers(
                f"the label names a chip …{label.lower()}, and this one is {self._seen.chip_text}"
            )

    def _refuse_unlocked(self) -> None:
        if not self._seen.locked and has_reached(self._state, State.LOCKED):
            raise McuLockUnexpected(f"the unit is {self._state}, and the chip is not locked any more")

    def _claim(self) -> None:
        order, ledger, chip = self._order, self._means.ledger, self._seen.chip_text
        found = ledger.find(hardware_id=chip) or ledger.find(serial=order.serial)
        claim = UnitClaim(
            kind="mcu",
            serial=order.serial,
            model=order.model,
            hardware_id=chip,
            target=self._means.target.name,
            station=order.station,
        )
        self._unit = unit = ledger.claim(claim, order.rma)
        self._resumed = str(unit.state) if found is not None else None
        self._means.emit(Observed(what="unit", value={"unit": unit.unit_id, "state": str(unit.state)}))
        refuse_ended(unit)
        self._acts = Acts(ledger, unit.unit_id)

    def _ask(self) -> Enrolment:
        with self._means.smp() as smp:
            found = bench_work.wait_for_unit(smp)
            bench_work.verify_chip(smp, self._seen.chip)
        return found

    def _verify_key(self, found: Enrolment) -> None:
        """The unit's key is the one that the ledger has."""
        told = None if found.point is None else spki_sha256_of(found.point)
        if told != self._known.keys.get(DEVICE):
            raise McuKeyDiffers("the unit has another key than the ledger has of it")

    def _challenge_key(self) -> bytes:
        key = self._order.challenge_key(self._seen.chip)
        if key is None:
            raise McuKeyDiffers(
                "the unit has a secret that the station gave it, and the station does not know it",
                cause="the unit was provisioned with another key folder",
                action="name the key folder that the unit was provisioned with: --keys",
            )
        self._means.ledger.forbid(key)
        return key

    def _secret(self) -> bytes:
        """The CA's one-time secret for this unit."""
        secret = self._nonce()[1]
        self._means.ledger.forbid(secret)
        return secret

    def _nonce(self) -> tuple[bytes, bytes]:
        given = self._need_ca().nonce(
            self._known.request_id,
            serial=self._order.serial,
            model=self._order.model,
            station=self._order.station,
            station_time=int(self._means.now().timestamp()),
            kind="mcu",
            replaces=self._known.replaces[0] if self._known.replaces else None,
        )
        if given.secret is None:
            raise McuNotFinished("the certificate authority gave no enrolment secret for a microcontroller")
        return given.nonce, given.secret


def spki_sha256_of(point: bytes) -> str:
    """SHA-256 of the point's SubjectPublicKeyInfo, hexadecimal.  Raises McuKeyDiffers."""
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise McuKeyDiffers("the unit's public key is no point on P-256") from error
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
