"""Certificate revocation lists (RFC 5280, 5): version 2, with number and authority key identifier.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from workbench.errors import InputError
from workbench.identity.ca.errors import CaKeyUnavailable
from workbench.identity.ca.key_store import hash_of
from workbench.identity.ca.signed_der import signed_der
from workbench.identity.ca.store import Certificate

REASONS: Final = {
    "unspecified": x509.ReasonFlags.unspecified,
    "keyCompromise": x509.ReasonFlags.key_compromise,
    "affiliationChanged": x509.ReasonFlags.affiliation_changed,
    "superseded": x509.ReasonFlags.superseded,
    "cessationOfOperation": x509.ReasonFlags.cessation_of_operation,
    "privilegeWithdrawn": x509.ReasonFlags.privilege_withdrawn,
}
"""Reasons by their names in RFC 5280, 5.3.1.  certificateHold is not one: nothing is ever taken back."""


def check_reason(reason: str) -> str:
    """The reason; raises InputError where it is none."""
    if reason not in REASONS:
        raise InputError(f"'{reason[:40]}' is no reason to revoke", cause=f"there are {', '.join(REASONS)}")
    return reason


def build_crl(
    issuer: x509.Certificate,
    revoked: Iterable[Certificate],
    *,
    number: int,
    now: datetime,
    days: int,
    sign: Callable[[bytes], bytes],
) -> bytes:
    """A CRL in DER, its signature verified.  `sign` takes the bytes to be signed, and gives ECDSA in DER."""
    key = issuer.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise CaKeyUnavailable("the CA's key is on no elliptic curve")
    moment = now.astimezone(UTC).replace(microsecond=0)
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=issuer.subject, last_update=moment, next_update=moment + timedelta(days=days)
    )
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
    )
    builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    for entry in revoked:
        builder = builder.add_revoked_certificate(_entry(entry, moment))
    dummy = builder.sign(_throw_away_key(type(key.curve)), hash_of(key.curve))
    tbs = dummy.tbs_certlist_bytes
    der = signed_der(tbs, key, sign(tbs))
    try:
        valid = x509.load_der_x509_crl(der).is_signature_valid(key)
    except InvalidSignature:
        valid = False
    if not valid:
        raise CaKeyUnavailable("the key that signed the CRL is not the one of the CA's certificate")
    return der


def crl_pem(der: bytes) -> bytes:
    """The CRL in PEM."""
    return x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)


def _entry(entry: Certificate, moment: datetime) -> x509.RevokedCertificate:
    when = min(datetime.fromtimestamp(entry.revoked_at or 0, UTC), moment)
    builder = x509.RevokedCertificateBuilder(int(entry.serial_number, 16), when)
    reason = REASONS[entry.revocation or "unspecified"]
    if reason is not x509.ReasonFlags.unspecified:  # RFC 5280, 5.3.1: left out instead
        builder = builder.add_extension(x509.CRLReason(reason), critical=False)
    return builder.build()


@lru_cache(maxsize=2)
def _throw_away_key(curve: type[ec.EllipticCurve]) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())
