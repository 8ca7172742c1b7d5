"""A unit that was enrolled, held against the ledger.

    outcome = verify_again(order, means, restart=True)

Everything is asked anew: whether the chip is still locked, what the unit attests of itself over a fresh
nonce, its certificate, a challenge, and every known way past the lock.  The ledger keeps the attestation and
nothing else: what the unit runs from now on may not be older than that.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from workbench.errors import WorkbenchError
from workbench.identity.ledger.errors import UnitUnknown, WrongState
from workbench.identity.mcu import attesting, bench_work
from workbench.identity.mcu.errors import McuKeyDiffers, McuLabelDiffers
from workbench.identity.mcu.ground import CHALLENGE, spki_sha256_of
from workbench.identity.mcu.hearing import Hearing
from workbench.identity.one_unit import refuse_ended
from workbench.identity.state import State
from workbench.identity.tpm_enroll.acts import Acts

if TYPE_CHECKING:
    from workbench.identity.attest.cose import Key
    from workbench.identity.ledger.values import Unit
    from workbench.identity.mcu.means import Means, Order
    from workbench.identity.tpm_enroll.outcome import UnitOutcome

STRANGER_S: Final = 15.0
"""How long a chip that the ledger does not know is asked for its key."""


def verify_again(order: Order, means: Means, *, restart: bool) -> UnitOutcome:
    """Verifies a unit that was enrolled; needs neither permission nor CA.  `order.serial` may be "".

    Without `restart` nothing shows that the unit starts and answers by itself.  Raises UnitUnknown,
    McuLabelDiffers, UnitQuarantined, WrongState, and what speaks against the unit: McuLockUnexpected,
    McuKeyDiffers, McuCertificateDiffers, EatRefused, UpdateNotVerified.
    """
    bench_work.key_page_of(means.target)
    return _Again(order, means).run(restart=restart)


class _Again(Hearing):
    """One look at one unit."""

    def run(self, *, restart: bool) -> UnitOutcome:
        """All of it."""
        self._look_who()
        with self._step("claim", "looking for the unit in the ledger"):
            self._unit = self._in_ledger()
            self._resumed = str(self._unit.state)
            self._acts = Acts(self._means.ledger, self._unit.unit_id)
        self._refuse_unlocked()
        if restart:
            self._restart()
        with self._step("verify", "hearing the locked unit, and trying to read it"):
            findings = self._prove()
            attesting.keep(self._means.ledger, self._known, findings.attested)
        observed = {**findings.observed, "restarted": restart}
        return replace(self._ended("verified"), observed=observed, tried=findings.tried)

    def _in_ledger(self) -> Unit:
        serial, chip = self._order.serial, self._seen.chip_text
        unit = self._means.ledger.find(hardware_id=chip)
        if unit is None:
            raise self._stranger()
        if serial not in ("", unit.serial):
            raise McuLabelDiffers(f"this is the unit {unit.serial}, and the label says {serial}")
        refuse_ended(unit)
        if unit.state != State.VERIFIED:
            raise WrongState(
                f"unit {unit.serial} is {unit.state}: its enrolment is not over yet",
                action="run `workbench identity enroll` with the same words as before: it goes on from there",
            )
        return unit

    def _stranger(self) -> WorkbenchError:
        """What to say of a chip that is not in the ledger: a clone, or nobody known."""
        chip, owner = self._seen.chip_text, None
        try:
            with self._means.smp() as smp:
                point = bench_work.wait_for_unit(smp, STRANGER_S).point
            owner = None if point is None else self._means.ledger.find(spki=spki_sha256_of(point))
        except WorkbenchError:
            pass  # it is unknown either way
        if owner is None:
            return UnitUnknown(f"the ledger has no unit with the chip {chip}")
        return McuKeyDiffers(
            f"chip {chip} shows the key of unit {owner.serial}, which was made on chip {owner.hardware_id}",
            cause="a clone: the memory of that unit was copied into another chip",
            action=f"keep this board for analysis, and have unit {owner.serial} brought in: its key is known",
        )

    def _key(self) -> Key:
        """As the ledger has it: also the one that a unit without a key pair answers with."""
        key = super()._key()
        if isinstance(key, bytes) and hashlib.sha256(key).hexdigest() != self._known.keys.get(CHALLENGE):
            raise McuKeyDiffers(
                "the key folder has another secret for this unit than the ledger knows of",
                cause="another key folder than the one that the unit was provisioned with",
                action="name the key folder that the unit was provisioned with: --keys",
            )
        return key
