"""Phases 2 and 3: the keys are made in the TPM, and their certificates asked for with a proof of them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from workbench.identity.ca.errors import CaUnreachable
from workbench.identity.tpm.request import TpmFacts, TpmRequest
from workbench.identity.tpm_enroll import credential, evidence, keys, preflight, verify
from workbench.identity.tpm_enroll.errors import TpmKeyDiffers
from workbench.identity.tpm_enroll.ground import Ground

if TYPE_CHECKING:
    from workbench.identity.ca.client import CaClient
    from workbench.identity.ca.messages import Issued
    from workbench.identity.tpm_enroll.keys import Key
    from workbench.wires.tpm.tpm import Tpm


class Keying(Ground):
    """From blank to certified."""

    def _make_keys(self, tpm: Tpm) -> None:
        preflight.nv_hierarchy(self._sight, self._recipe)  # before anything is made
        nonce = self._nonce() if self._ca is not None else b""
        with self._step("keys", "making the keys in the TPM"):
            self._keys = self._make(tpm, nonce)
            intent = {kind: _kept_words(key) for kind, key in self._keys.items()}
            with self._acts.act("persist", intent) as seen:
                for kind, key in self._keys.items():
                    keys.persist(tpm, key)
                    seen[kind] = _kept_words(key)
            self._unit = self._means.ledger.keyed(
                self._known.unit_id,
                {kind: key.spki_sha256 for kind, key in self._keys.items()},
                "tpm",
                {"keys": {kind: key.as_json() for kind, key in self._keys.items()}, "ek": self._ek.as_json()},
            )

    def _make(self, tpm: Tpm, nonce: bytes) -> dict[str, Key]:
        """Both keys as transient objects, the CA's nonce in their creation data."""
        outside_info = hashlib.sha256(nonce).digest() if nonce else b""
        return {
            place.kind: keys.make(tpm, self._recipe, place, outside_info) for place in self._recipe.places
        }

    def _nonce(self) -> bytes:
        """The CA's nonce; b"" where the CA just went away."""
        assert self._ca is not None
        try:
            return self._ca.nonce(
                self._known.request_id,
                serial=self._order.serial,
                model=self._recipe.model,
                station=self._order.station,
                station_time=int(self._means.now().timestamp()),
                replaces=self._known.replaces[0] if self._known.replaces else None,
            ).nonce
        except CaUnreachable as error:
            self._ca, self._ca_error = None, error
            return b""

    def _request(self, tpm: Tpm, ca: CaClient) -> None:
        with self._step("request", "proving the keys to the certificate authority"):
            issued = ca.issued(self._known.request_id) if self._resumed else None
            if issued is not None:  # the answer was lost, not the certificates
                self._acts.close("request", _issued_words(issued))
            else:
                issued = self._ask(tpm, ca)
            for kind, der in issued.certificates.items():
                verify.verify_certificate(der, self._known.keys[kind], issued.chain)
            self._unit = self._means.ledger.certified(self._known.unit_id, dict(issued.certificates))
            self._chain = issued.chain

    def _ask(self, tpm: Tpm, ca: CaClient) -> Issued:
        nonce = self._nonce()
        if not nonce:
            assert self._ca_error is not None
            raise self._ca_error
        if not self._keys:
            self._keys = self._make(tpm, nonce)  # for the proof of their creation
            self._verify_kept(tpm)
        evidence.make_clock_safe(tpm)
        csr = evidence.make_csr(tpm, self._keys["iak"], self._keys["idevid"], self._subject(), nonce)
        digest = hashlib.sha256(csr).hexdigest()
        with self._acts.act("request", {"nonce": nonce.hex(), "csr_sha256": digest}) as seen:
            self._unit = self._means.ledger.requested(self._known.unit_id, digest)
            issued = credential.ask(tpm, ca, self._tpm_request(csr), self._ek, self._keys["iak"])
            seen.update(_issued_words(issued))
        return issued

    def _subject(self) -> evidence.Subject:
        order = self._order
        return evidence.Subject(self._recipe.model, order.serial, order.station, self._ek.certificate)

    def _tpm_request(self, csr: bytes) -> TpmRequest:
        found, clock = self._sight.properties, self._sight.clock
        return TpmRequest(
            request_id=self._known.request_id,
            serial=self._order.serial,
            model=self._recipe.model,
            station=self._order.station,
            ek_cert=self._ek.certificate,
            ek_public=self._ek.public,
            csr=csr,
            properties=TpmFacts(
                manufacturer=found.manufacturer,
                vendor=found.vendor,
                firmware=found.firmware[0] << 32 | found.firmware[1],
                reset_count=clock.reset_count,
                restart_count=clock.restart_count,
            ),
            station_time=int(self._means.now().timestamp()),
            ek_chain=self._ek.chain,
        )

    def _verify_kept(self, tpm: Tpm) -> None:
        """The keys at their handles are those that the ledger has, and those that were just made."""
        names = verify.recorded_names(self._known)
        for kind, key in self._keys.items():
            if key.name != names[kind]:
                raise TpmKeyDiffers(f"the TPM makes another {kind} than the one that the ledger has")
            keys.persist(tpm, key)


def _kept_words(key: Key) -> dict[str, Any]:
    return {"handle": key.place.handle, "name": key.name.hex(), "template": key.template.id}


def _issued_words(issued: Issued) -> dict[str, Any]:
    """What came from the CA: digests of the certificates, which the ledger has, and the certificates over
    them.
    """
    digests = {kind: hashlib.sha256(der).hexdigest() for kind, der in issued.certificates.items()}
    return {"certificate_sha256": digests, "chain": [der.hex() for der in issued.chain]}
