"""A unit's key: the one-time secret goes in, the key is made on the chip, the probe sees its public half."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from workbench.events import Observed
from workbench.identity.mcu import attesting, bench_work
from workbench.identity.mcu.errors import (
    McuKeyDiffers,
    McuNotBlank,
    McuNotFinished,
    RandomUnhealthy,
)
from workbench.identity.mcu.ground import CHALLENGE, DEVICE, Ground, spki_sha256_of
from workbench.identity.mcu.protocol import (
    RANDOM,
    Enrolment,
    generate,
)
from workbench.identity.mcu.record import can_complete, enrolment_record, judge_record
from workbench.probes.words import add_words, erase_sector
from workbench.wires.smp_errors import SmpRefused

if TYPE_CHECKING:
    pass

RANDOM_TRIES: Final = 3


class KeyMaking(Ground):
    """From blank to keyed."""

    def _make_key(self) -> None:
        with self._step("key", "having the unit make its key"):
            found = self._ask()
            if found.point is None and found.origin == "injected":
                self._keyed_by_secret()
                return
            self._refuse_foreign(found)
            if found.origin != "injected":
                found = self._generate()
            assert found.point is not None
            self._keyed(found)

    def _refuse_foreign(self, found: Enrolment) -> None:
        """A key of its own that the ledger does not know must have been made beside our own record."""
        if found.point is None or found.origin == "injected":
            return
        owner = self._means.ledger.find(spki=spki_sha256_of(found.point))
        ours = judge_record(self._seen.record or b"", self._secret())
        if owner is not None and owner.unit_id != self._known.unit_id:
            self._keyed(found)  # the ledger sees the conflict, and puts both units into quarantine
        if ours != "ours" or found.state == "done":
            raise McuNotBlank("the unit has a key, and no intent in the ledger names it")

    def _generate(self) -> Enrolment:
        secret = self._secret()
        self._write_record(secret)
        with self._act("make-key", {"origin": "on-chip"}) as seen:
            found = self._generated()
            if found.point is None or found.origin != "on-chip":
                raise McuNotFinished("the unit says that it made a key, and shows none of its own")
            if not found.healthy:
                raise RandomUnhealthy("the unit made a key, and its source of random numbers fails its tests")
            seen.update(spki_sha256=spki_sha256_of(found.point), state=found.state)
        return found

    def _generated(self) -> Enrolment:
        """The unit's key.  A healthy source fails its tests once in a long while: no key is made then, and
        the unit is started again and asked anew, a few times.
        """
        for _ in range(RANDOM_TRIES):
            with self._means.smp() as smp:
                bench_work.wait_for_unit(smp)
                try:
                    return generate(smp)
                except SmpRefused as error:
                    if not error.is_own(RANDOM):
                        raise
            with self._means.attach() as debug:
                debug.reset()
        raise RandomUnhealthy("the unit's source of random numbers fails its tests: no key was made")

    def _write_record(self, secret: bytes) -> None:
        """The one-time secret goes into the unit by the probe; beside a key nothing is erased."""
        wanted, found = enrolment_record(secret), self._seen.record
        assert found is not None
        if found == wanted:
            self._acts.close("enrolment-record", {"there": True})
            return
        self._means.commit()
        intent = {"record_sha256": hashlib.sha256(wanted).hexdigest()}
        with self._act("enrolment-record", intent) as seen, self._means.attach() as debug:
            if not can_complete(found, wanted):
                erase_sector(debug, self._page)
            add_words(debug, self._page, wanted)
            debug.reset()
            seen.update(there=True)
        self._sight = replace(self._seen, record=wanted)

    def _keyed(self, found: Enrolment) -> None:
        assert found.point is not None
        number = None
        if found.origin == "on-chip":
            with self._means.attach() as debug:
                number = bench_work.find_key_record(debug, found.point)
            if number is None:
                raise McuKeyDiffers("the probe sees another public key in the unit than the line tells")
        details = {"key_record": number, "curve": "P-256", "probe": self._seen.probe}
        self._unit = self._means.ledger.keyed(
            self._known.unit_id,
            {DEVICE: spki_sha256_of(found.point)},
            "injected" if found.origin == "injected" else "on-chip",
            details,
        )
        self._means.emit(
            Observed(what="device-key", value={"origin": found.origin, "spki": spki_sha256_of(found.point)})
        )

    def _keyed_by_secret(self) -> None:
        """A unit of tier 1 or 1+: it shows that it has the secret that the station gave it."""
        key = self._challenge_key()
        with self._means.smp() as smp:
            bench_work.wait_for_unit(smp)
            attesting.ask(smp, attesting.known_of(self._order, self._seen.chip, key, origin="injected"))
        digest = hashlib.sha256(key).hexdigest()
        self._unit = self._means.ledger.keyed(
            self._known.unit_id, {CHALLENGE: digest}, "injected", {"probe": self._seen.probe}
        )
        self._means.emit(Observed(what="challenge-key", value={"origin": "injected", "sha256": digest}))
