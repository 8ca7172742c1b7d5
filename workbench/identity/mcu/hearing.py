"""A locked unit over its probe and its line: what it answers, and what cannot be got out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.events import Observed
from workbench.identity.mcu import attesting, bench_work, locking
from workbench.identity.mcu.certificate import verify_certificate
from workbench.identity.mcu.errors import McuCertificateDiffers
from workbench.identity.mcu.ground import DEVICE
from workbench.identity.mcu.keying import KeyMaking
from workbench.identity.mcu.means import Findings
from workbench.identity.mcu.protocol import read_certificate

if TYPE_CHECKING:
    from workbench.identity.attest.cose import Key


class Hearing(KeyMaking):
    """Restart, proof of the lock, attestation."""

    def _restart(self) -> None:
        """Power off and on: what is seen afterwards does not come from before."""
        with self._step("restart", "switching the unit off and on"), self._watch.board():
            self._means.power.cycle(self._order.off_s)

    def _prove(self) -> Findings:
        """What the locked unit answers before and after every way past its lock was tried."""
        self._hear()  # so that RAM is as a working unit leaves it
        with self._means.attach() as debug:
            tried, observed = locking.prove(debug, self._known, self._key())
        self._means.emit(Observed(what="tried", value=[f"{t.act}: {t.outcome}" for t in tried]))
        locking.refuse_broken(tried)
        return self._hear(tried, observed)

    def _hear(self, tried: Any = (), observed: dict[str, Any] | None = None) -> Findings:
        """The locked unit over its line: its certificate, its attestation, an answer to a challenge."""
        with self._means.smp() as smp:
            found = bench_work.wait_for_unit(smp)
            self._verify_key(found)
            key = self._key()
            known = attesting.known_of(
                self._order,
                self._seen.chip,
                key,
                locked=True,
                origin=str(self._known.origin),
                last=attesting.last_of(self._means.ledger.acts(self._known.unit_id)),
            )
            attested = attesting.ask(smp, known)
            held = None if self._symmetric else read_certificate(smp)
            proof = self._means.prove(smp, self._seen.chip, key)
        if held != self._known.certificates.get(DEVICE):
            raise McuCertificateDiffers("the locked unit holds another certificate than was issued")
        seen = {"state": found.state, "attested": attested.as_json(), "challenge": proof} | (observed or {})
        return Findings(self._known, attested, held, tuple(tried), self._seen.probe, seen)

    def _key(self) -> Key:
        if self._symmetric:
            return self._challenge_key()
        certificate, spki = self._known.certificates[DEVICE], self._known.keys[DEVICE]
        return verify_certificate(certificate, spki, self._order.chain)
