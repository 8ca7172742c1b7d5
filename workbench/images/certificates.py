"""Certificates of image signers: how they are made.  Pure; keys and DER in memory only.

A root issues, over intermediates if wanted, the signer's certificate: digitalSignature, codeSigning, no CA.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
KeyKind = Literal["ecdsa-p256", "rsa-2048", "rsa-3072", "ed25519"]

CODE_SIGNING: Final = ExtendedKeyUsageOID.CODE_SIGNING
TEST_MARK: Final = "TEST"
VALID: Final = timedelta(days=3652)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs a certificate: its name and its key."""

    name: x509.Name
    key: PrivateKey


@dataclass(frozen=True, slots=True)
class Pki:
    """A root and a signer below it.  `chain` is DER, the signer's first, without the root."""

    root_key: PrivateKey
    root: x509.Certificate
    signer_key: PrivateKey
    chain: tuple[bytes, ...]


def new_key(kind: KeyKind) -> PrivateKey:
    """A fresh signing key."""
    match kind:
        case "ecdsa-p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "rsa-2048":
            return rsa.generate_private_key(65537, 2048)
        case "rsa-3072":
            return rsa.generate_private_key(65537, 3072)
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()


def name(common_name: str, *, test: bool = True) -> x509.Name:
    """A subject; test keys say TEST in it, so that whoever sees the certificate knows."""
    text = f"{TEST_MARK} {common_name}" if test else common_name
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def is_test(certificate: x509.Certificate) -> bool:
    """Whether the certificate, or its issuer, is marked as one for tests."""
    names = [*certificate.subject, *certificate.issuer]
    return any(TEST_MARK in str(attribute.value).split() for attribute in names)


def issue(
    subject: x509.Name,
    public_key: PublicKey,
    issuer: Issuer,
    *,
    ca: bool,
    not_before: datetime,
    not_after: datetime,
    purposes: Sequence[ObjectIdentifier] | None = None,
    signs: bool | None = None,
    path_length: int | None = None,
) -> x509.Certificate:
    """A certificate.

    `purposes` is the extended key usage (default: code signing for a signer, none for a CA), `signs` whether
    the key usage has digitalSignature (default: only a signer).  Trials pass what must be refused.
    """
    signs = not ca if signs is None else signs
    purposes = ([] if ca else [CODE_SIGNING]) if purposes is None else purposes
    builder = (
        x509.CertificateBuilder(issuer.name, subject, public_key, x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .add_extension(_key_usage(ca=ca, signs=signs), critical=True)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(issuer.key, _hash_for(issuer.key))


def make_pki(
    kind: KeyKind,
    *,
    test: bool = True,
    intermediates: int = 0,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> Pki:
    """A root, `intermediates` CAs below it, and a signer; valid for ten years from yesterday by default."""
    begin = not_before or datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    end = not_after or begin + VALID
    issuer = Issuer(name("workbench image root", test=test), new_key(kind))
    root_key, chain = issuer.key, list[x509.Certificate]()
    root = issue(issuer.name, root_key.public_key(), issuer, ca=True, not_before=begin, not_after=end)
    for number in range(intermediates):
        below = Issuer(name(f"workbench image CA {number + 1}", test=test), new_key(kind))
        public = below.key.public_key()
        chain.append(issue(below.name, public, issuer, ca=True, not_before=begin, not_after=end))
        issuer = below
    key = new_key(kind)
    subject = name("workbench image signer", test=test)
    chain.append(issue(subject, key.public_key(), issuer, ca=False, not_before=begin, not_after=end))
    return Pki(root_key, root, key, tuple(der(found) for found in reversed(chain)))


def der(certificate: x509.Certificate) -> bytes:
    """The certificate as it rides in an image."""
    return certificate.public_bytes(Encoding.DER)


def _hash_for(key: PrivateKey) -> SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()


def _key_usage(*, ca: bool, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
