"""The signer's certificates up to a root that is trusted, and the unit's own against the same CA.  Pure.

RFC 5280 as far as it applies to a chain of a root, issuing CAs and a signer, all with keys on NIST curves:
what is not needed for that is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

from workbench.identity.evidence.errors import EvidenceRefused

T = TypeVar("T", bound=x509.ExtensionType)

MAX_CHAIN: Final = 5
EVIDENCE_USAGE: Final = "1.3.6.1.5.5.7.3.36"
"""id-kp-documentSigning, RFC 9336."""
_CURVES: Final = ("secp256r1", "secp384r1")
_HASHES: Final = (SHA256, SHA384, SHA512)
_KNOWN: Final = {"2.5.29.15", "2.5.29.19", "2.5.29.32", "2.5.29.37"}
"""Extensions that may be critical: key usage, basic constraints, policies, extended key usage."""


def read_certificate(der: bytes) -> x509.Certificate:
    """The certificate, its extensions readable and their critical ones known; raises ValueError."""
    try:
        found = x509.load_der_x509_certificate(der)
        unknown = {e.oid.dotted_string for e in found.extensions if e.critical} - _KNOWN
        _ = (found.public_key(), found.subject, found.issuer, found.signature_hash_algorithm)
        _ = (found.not_valid_before_utc, found.not_valid_after_utc)  # parsed only when they are asked for
    except Exception as error:  # the parser has many, and none of them makes it a certificate
        raise ValueError("no certificate that can be read") from error
    if unknown:
        raise ValueError("a critical extension that is not known")
    return found


def check_chain(chain: Sequence[bytes], roots: Iterable[bytes], at: datetime) -> list[x509.Certificate]:
    """The chain in `chain`, DER, signer first and root last; raises EvidenceRefused.

    The root must be one of `roots`, byte for byte; every certificate must have been valid `at`.
    """
    if not 2 <= len(chain) <= MAX_CHAIN:
        raise EvidenceRefused("chain-malformed")
    try:
        found = [read_certificate(der) for der in chain]
    except ValueError:
        raise EvidenceRefused("chain-malformed") from None
    if chain[-1] not in set(roots):
        raise EvidenceRefused("chain-root-unknown")
    for depth, issuer in enumerate(found[1:]):
        if not _is_ca(issuer, below=depth):
            raise EvidenceRefused("chain-not-ca")
    for certificate, issuer in zip(found, [*found[1:], found[-1]], strict=True):
        if not is_issued_by(certificate, issuer):
            raise EvidenceRefused("chain-broken")
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise EvidenceRefused("chain-time")
    return found


def check_signer(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """The P-256 key of a certificate for evidence; raises EvidenceRefused."""
    public = certificate.public_key()
    usage = _extension(certificate, x509.KeyUsage)
    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    fine = (
        usage is not None
        and usage.digital_signature
        and purposes is not None
        and EVIDENCE_USAGE in {purpose.dotted_string for purpose in purposes}
        and not _is_ca(certificate, below=0)
    )
    if not fine or not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != "secp256r1":
        raise EvidenceRefused("signer-usage")
    return public


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether name and signature are the issuer's; ECDSA on P-256 or P-384 only."""
    public, algorithm = issuer.public_key(), certificate.signature_hash_algorithm
    if certificate.issuer != issuer.subject or not isinstance(algorithm, _HASHES):
        return False
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name not in (
        "secp256r1",
        "secp384r1",
    ):
        return False
    try:
        public.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True


def _is_ca(certificate: x509.Certificate, *, below: int) -> bool:
    """Whether it may issue, with `below` CAs between it and the end."""
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    if constraints is None or not constraints.ca or usage is None or not usage.key_cert_sign:
        return False
    return constraints.path_length is None or constraints.path_length >= below


def _extension(certificate: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
