"""The enrolment of one microcontroller, from whatever state an earlier run left it in.

    outcome = enroll(order, means)

The probe writes a one-time secret, the unit makes its key beside it and asks for a certificate with a MAC
under that secret; the certificate goes in over the line and is read back; then the secret is overwritten, the
chip is locked, and every known way past the lock is tried.  Before each act that leaves something in the unit
the ledger says on the disk what is about to happen; afterwards the unit is read, and what was seen is written
beside it.  A unit never gets a second key: a whole key is never replaced.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from workbench.errors import Blame, WorkbenchError
from workbench.identity.ca.errors import CaRefused
from workbench.identity.mcu import attesting, bench_work, locking
from workbench.identity.mcu.certificate import verify_certificate
from workbench.identity.mcu.errors import (
    McuCertificateDiffers,
    McuNotFinished,
)
from workbench.identity.mcu.ground import DEVICE
from workbench.identity.mcu.hearing import Hearing
from workbench.identity.mcu.means import Means, Order
from workbench.identity.mcu.protocol import (
    Enrolment,
    commit,
    read_certificate,
    request_csr,
    write_certificate,
)
from workbench.identity.mcu.record import judge_record
from workbench.identity.mcu.request import McuRequest
from workbench.identity.one_unit import Enrolment as OneEnrolment
from workbench.identity.state import State, has_reached
from workbench.identity.tpm_enroll.errors import LockNotPermitted
from workbench.identity.tpm_enroll.outcome import UnitOutcome

if TYPE_CHECKING:
    from workbench.wires.smp import Smp

STATION_REASONS: Final = frozenset(
    {"clock", "station-time", "nonce", "nonce-expired", "nonce-unknown", "nonce-of-another-station", "secret"}
    | {"request-id", "serial", "model", "station", "key-origin", "model-unknown", "serial-not-ordered"}
    | {"field-invalid", "request-malformed", "op-unknown", "operator-only"}
)
"""Reasons for which a CA refuses that are the station's, the recipe's or the CA's own: the same unit may be
tried again when that was set right.  Every other one speaks against the unit.
"""


def enroll(order: Order, means: Means) -> UnitOutcome:
    """Gives the unit its identity, or finishes what an earlier run began.

    Raises LockNotPermitted and McuTargetUnsuitable before anything is touched, and what says that the unit
    or the station must be looked at while the unit keeps its state; whatever speaks against the unit itself
    is an outcome `quarantined`.
    """
    if not order.permit_lock:
        raise LockNotPermitted("this enrolment would lock the unit: it can then only be erased")
    bench_work.key_page_of(means.target)
    return _Enrolment(order, means).run()


class _Enrolment(OneEnrolment, Hearing):
    """From wherever it stands to verified."""

    def _speaks_against_unit(self, error: WorkbenchError) -> bool:
        return speaks_against_unit(error)

    def _run(self) -> UnitOutcome:
        self._meet()
        if not has_reached(self._state, State.CERTIFIED):
            with ExitStack() as stack:
                self._reach_ca(stack)
                if self._state == State.BLANK:
                    self._make_key()
                self._request()
        if self._state == State.CERTIFIED and not self._seen.locked:
            self._store()
            self._lock()
        self._restart()
        return self._verify()

    def _request(self) -> None:
        with self._step("request", "asking for the unit's certificate"):
            if self._symmetric:
                self._unit = self._means.ledger.certified(self._known.unit_id, {})
                return
            ca = self._need_ca()
            issued = ca.issued(self._known.request_id) if self._resumed else None
            if issued is None:
                issued = ca.submit_mcu(self._made_request())
            der = issued.certificates[DEVICE]
            verify_certificate(der, self._known.keys[DEVICE], issued.chain)
            self._unit = self._means.ledger.certified(self._known.unit_id, {DEVICE: der})

    def _made_request(self) -> McuRequest:
        nonce, secret = self._nonce()
        self._means.ledger.forbid(secret)
        self._write_record(secret)
        with self._means.smp() as smp:
            self._verify_key(bench_work.wait_for_unit(smp))
            csr = request_csr(smp, nonce)
        digest = hashlib.sha256(csr).hexdigest()
        with self._act("request", {"nonce": nonce.hex(), "csr_sha256": digest}) as seen:
            self._unit = self._means.ledger.requested(self._known.unit_id, digest)
            seen.update(csr_sha256=digest)
        return McuRequest(
            request_id=self._known.request_id,
            serial=self._order.serial,
            model=self._order.model,
            station=self._order.station,
            chip_id=self._seen.chip,
            csr=csr,
            key_origin=str(self._known.origin),
            station_time=int(self._means.now().timestamp()),
        )

    def _store(self) -> None:
        with self._step("store", "storing the certificate in the unit"), self._means.smp() as smp:
            found = bench_work.wait_for_unit(smp)
            self._verify_key(found)
            if not self._symmetric:
                self._store_certificate(smp, found)
            with self._act("end-enrolment", {"state": "done"}) as seen:
                found = commit(smp)
                if found.state != "done":
                    raise McuNotFinished(f"the unit's enrolment is {found.state} after its end")
                seen.update(state=found.state, certificates=list(found.certificates))

    def _store_certificate(self, smp: Smp, found: Enrolment) -> None:
        der = self._known.certificates[DEVICE]
        digest = hashlib.sha256(der).hexdigest()
        with self._act("store-certificate", {"certificate_sha256": digest}) as seen:
            if found.state != "done" and not (found.certificates == (True, True) and self._holds(smp, der)):
                write_certificate(smp, der)
            held = read_certificate(smp)
            if held != der:
                raise McuCertificateDiffers("the certificate that the unit holds is not the one issued")
            seen.update(certificate_sha256=hashlib.sha256(held).hexdigest())

    def _holds(self, smp: Smp, der: bytes) -> bool:
        return read_certificate(smp) == der

    def _lock(self) -> None:
        self._means.commit()
        with self._step("lock", "locking the chip"), self._means.attach() as debug:
            record = debug.read_memory(self._page, 44)
            if not self._symmetric and judge_record(record, b"\0" * 32) != "spent":
                raise McuNotFinished("the one-time secret is still in the unit after its enrolment")
            with self._act("lock", locking.intent(debug.target)) as seen:
                seen.update(locking.lock_chip(debug, permit_lock=self._order.permit_lock))

    def _verify(self) -> UnitOutcome:
        with self._step("verify", "hearing the locked unit, and trying to read it"):
            findings = self._prove()
            self._acts.close("lock", {"locked": True})
            attesting.keep(self._means.ledger, self._known, findings.attested)
            if self._state == State.CERTIFIED:
                self._unit = self._means.ledger.locked(self._known.unit_id, findings.observed)
        with self._step("evidence", "signing the evidence"):
            if self._state == State.LOCKED:
                digest = self._means.conclude(replace(findings, unit=self._known))
                self._unit = self._means.ledger.verified(self._known.unit_id, digest)
        return replace(self._ended("verified"), observed=findings.observed, tried=findings.tried)


def speaks_against_unit(error: WorkbenchError) -> bool:
    """Whether a unit goes into quarantine for this: it must not be trusted, and nobody else is to blame."""
    if isinstance(error, CaRefused) and error.reason in STATION_REASONS:
        return False
    return error.blame is Blame.TRUST
