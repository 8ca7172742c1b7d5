"""A vendor of TPMs, made now: its authorities, its EK certificates in all kinds of repair, its revocation
lists.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from workbench.identity.tpm.policy import EkMode, EkPolicy
from workbench.identity.tpm.public_key import key_of
from workbench.identity.tpm.structures import (
    PublicArea,
)

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Vendor:
    """Root and intermediate authority of a TPM vendor, made now."""

    def __init__(self, title: str = "Vendor") -> None:
        self.root_key = ec.generate_private_key(ec.SECP384R1())
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._authority(title + " Root", title + " Root", self.root_key, self.root_key, 1)
        self.issuer = self._authority(title + " EK CA", title + " Root", self.key, self.root_key, 0)

    def _authority(
        self,
        subject: str,
        issuer: str,
        key: ec.EllipticCurvePrivateKey,
        by: ec.EllipticCurvePrivateKey,
        path: int,
    ) -> x509.Certificate:
        return self.authority(subject, issuer, key, by, path)

    @staticmethod
    def authority(
        subject: str,
        issuer: str,
        key: ec.EllipticCurvePrivateKey,
        by: ec.EllipticCurvePrivateKey,
        path: int | None,
        *,
        ca: bool = True,
        until: datetime = NOW + 3650 * DAY,
        sign: bool = True,
    ) -> x509.Certificate:
        """A certificate of an authority."""
        usage = x509.KeyUsage(not sign, False, False, False, False, sign, sign, False, False)
        return (
            x509.CertificateBuilder()
            .subject_name(_dn(subject))
            .issuer_name(_dn(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 3650 * DAY)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca, path if ca else None), True)
            .add_extension(usage, True)
            .sign(by, hashes.SHA256())
        )

    def certify(
        self,
        ek: PublicArea,
        *,
        manufacturer: str | None = "id:00001014",
        purposes: tuple[str, ...] = ("2.23.133.8.1",),
        start: datetime = NOW - 100 * DAY,
        end: datetime = NOW + 3650 * DAY,
        ca: bool = False,
        extra: x509.ExtensionType | None = None,
        by: ec.EllipticCurvePrivateKey | None = None,
        issuer: str | None = None,
        serial: int | None = None,
        subject: str = "",
        hash_alg: hashes.SHA256 | hashes.SHA224 | None = None,
    ) -> bytes:
        """An EK certificate, DER."""
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(_dn(subject) if subject else x509.Name([]))
            .issuer_name(_dn(issuer) if issuer else self.issuer.subject)
            .public_key(key_of(ek))
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(identifier, False)
            .add_extension(x509.BasicConstraints(ca, None), True)
        )
        if manufacturer is not None:
            builder = builder.add_extension(_tpm_name(manufacturer), True)
        if purposes:
            oids = [x509.ObjectIdentifier(oid) for oid in purposes]
            builder = builder.add_extension(x509.ExtendedKeyUsage(oids), False)
        if extra is not None:
            builder = builder.add_extension(extra, True)
        return builder.sign(by or self.key, hash_alg or hashes.SHA256()).public_bytes(Encoding.DER)

    def crl(
        self,
        revoked: tuple[int, ...] = (),
        *,
        root: bool = False,
        at: datetime = NOW - DAY,
        until: datetime = NOW + 6 * DAY,
        by: ec.EllipticCurvePrivateKey | None = None,
    ) -> bytes:
        """A revocation list of the intermediate, or of the root, DER."""
        name, key = (self.root.subject, self.root_key) if root else (self.issuer.subject, self.key)
        builder = x509.CertificateRevocationListBuilder().issuer_name(name).last_update(at).next_update(until)
        for serial in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(by or key, hashes.SHA256()).public_bytes(Encoding.DER)

    @property
    def policy(self) -> EkPolicy:
        """An authority that believes this vendor."""
        return EkPolicy(
            EkMode.REQUIRE_CERTIFICATE, roots=(der_of(self.root),), intermediates=(der_of(self.issuer),)
        )


def der_of(certificate: x509.Certificate) -> bytes:
    """DER."""
    return certificate.public_bytes(Encoding.DER)


def _dn(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _tpm_name(manufacturer: str) -> x509.SubjectAlternativeName:
    values = {"2.23.133.2.1": manufacturer, "2.23.133.2.2": "swtpm", "2.23.133.2.3": "id:20191023"}
    attributes = [x509.NameAttribute(x509.ObjectIdentifier(o), v) for o, v in values.items()]
    return x509.SubjectAlternativeName([x509.DirectoryName(x509.Name(attributes))])
