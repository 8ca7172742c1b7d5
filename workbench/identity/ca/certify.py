"""Makes certificates in two steps: what is to be signed goes to the disk, then the issuing key signs it.

A worker killed between the steps signs the same bytes again; a certificate exists, and is given away, only
once it was committed.  So there is never a second certificate for a request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workbench.identity.ca.errors import CaKeyUnavailable
from workbench.identity.ca.key_store import SigningKey
from workbench.identity.ca.messages import KeyStoreKind
from workbench.identity.ca.signed_der import signed_der
from workbench.identity.ca.store import Certificate, Store
from workbench.identity.certificates.build import PublicKey, build_tbs, new_serial
from workbench.identity.certificates.fields import CertificateFields
from workbench.identity.certificates.lint import lint, refuse_findings
from workbench.identity.certificates.profile import CertificateProfile, load_profile


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate to make: its name in the answer, its profile, what it says, and for which key."""

    name: str
    profile: CertificateProfile
    fields: CertificateFields
    public_key: PublicKey


class Certifier:
    """Reserves and signs with the issuing key."""

    def __init__(self, store: Store, issuer: x509.Certificate, key: SigningKey, profiles: Path) -> None:
        self._store = store
        self._issuer = issuer
        self._key = key
        self._profiles = profiles
        self._issuer_sha256 = bytes.fromhex(spki_sha256(key.public_key))

    @property
    def key_store(self) -> KeyStoreKind:
        """Where the issuing key lives."""
        return self._key.kind

    @property
    def issuer(self) -> x509.Certificate:
        """The issuing certificate."""
        return self._issuer

    @property
    def issuer_sha256(self) -> bytes:
        """SHA-256 of the issuing key: it stays when the issuing certificate is renewed."""
        return self._issuer_sha256

    def sign_bytes(self, data: bytes) -> bytes:
        """The issuing key's signature; for CRLs."""
        return self._key.sign(data)

    def profile(self, name: str) -> CertificateProfile:
        """The profile of that name, from the CA's own folder or the workbench's."""
        return load_profile(name, folder=self._profiles if self._profiles.is_dir() else None)

    def prepare(self, request_id: str, wanted: Wanted, now: datetime) -> Certificate:
        """What will be signed, linted under a throw-away signature; as reserved before if it is the same.

        Raises CertificateFieldInvalid, CertificateLintFailed, IssuerUnsuitable.
        """
        basis = self._basis(wanted)
        for found in self._store.certificates(request_id):
            if found.name == wanted.name and found.basis == basis and found.der is None:
                return found
        serial = new_serial()
        tbs = build_tbs(wanted.profile, wanted.fields, self._issuer, wanted.public_key, now, serial)
        issued_at = int(now.timestamp())
        moment = datetime.fromtimestamp(issued_at, UTC)
        findings = lint(tbs.dummy_certificate, wanted.profile, self._issuer, now=moment, signed=False)
        refuse_findings(findings, wanted.profile)
        return Certificate(
            serial_number=f"{serial:x}",
            request_id=request_id,
            name=wanted.name,
            profile=wanted.profile.name,
            basis=basis,
            tbs=tbs.der,
            issuer_sha256=self._issuer_sha256,
            der=None,
            issued_at=issued_at,
        )

    def sign(self, reserved: Certificate) -> bytes:
        """The certificate: its signature is verified, and it is linted, before anybody sees it."""
        der = signed_der(reserved.tbs, self._key.public_key, self._key.sign(reserved.tbs))
        made = x509.load_der_x509_certificate(der)
        try:
            made.verify_directly_issued_by(self._issuer)
        except (InvalidSignature, ValueError) as error:
            raise CaKeyUnavailable("the issuing key is not the one of issuing.crt") from error
        profile = self.profile(reserved.profile)
        now = datetime.fromtimestamp(reserved.issued_at, UTC)
        refuse_findings(lint(der, profile, self._issuer, now=now), profile)
        return der

    def finish(self, request_id: str, now: datetime) -> Mapping[str, bytes]:
        """Signs all that the request has reserved, commits, and returns the certificates by name."""
        reserved = self._store.certificates(request_id)
        signed = {row.serial_number: self.sign(row) for row in reserved if row.der is None}
        if signed:
            with self._store.writing():
                self._store.issue(request_id, signed, int(now.timestamp()))
        return {row.name: row.der for row in self._store.certificates(request_id) if row.der is not None}

    def _basis(self, wanted: Wanted) -> bytes:
        issuer = self._issuer.fingerprint(SHA256()).hex()
        said = repr((issuer, spki_sha256(wanted.public_key), wanted.profile, wanted.fields))
        return hashlib.sha256(said.encode()).digest()


def spki_sha256(key: PublicKey) -> str:
    """SHA-256 of the SubjectPublicKeyInfo in DER, in hexadecimal."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
