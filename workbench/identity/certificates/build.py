"""Building certificates: a profile, a request's fields and a key become DER.  Pure but for the callable that
signs.

The part to be signed (TBS) is linted under a throw-away signature before the issuer's key sees it, and the
certificate is linted again afterwards.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding

from workbench.errors import InputError
from workbench.identity.certificates.extensions import add_extensions
from workbench.identity.certificates.fields import CertificateFields
from workbench.identity.certificates.lint import lint, refuse_findings
from workbench.identity.certificates.profile import CertificateProfile
from workbench.identity.certificates.subject import subject_name

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
Sign = Callable[[bytes], bytes]
"""Signs a TBS: bytes in, signature out (ECDSA as DER SEQUENCE of r and s), with the hash of `issuer_hash`."""

END_OF_TIME: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""99991231235959Z: no well-defined expiration, RFC 5280 section 4.1.2.5."""
SERIAL_BITS: Final = 159


class IssuerUnsuitable(InputError):
    """A key cannot issue certificates."""

    code = "certificate-issuer-unsuitable"
    default_cause = "CAs here sign with ECDSA on P-256 or P-384"
    default_action = "make the CA anew with such a key: `workbench ca init`"


@dataclass(frozen=True, slots=True)
class Tbs:
    """What is to be signed: `der` (TBSCertificate), and the same under a throw-away signature for lints."""

    der: bytes
    dummy_certificate: bytes


def build_certificate(
    profile: CertificateProfile,
    fields: CertificateFields,
    issuer: x509.Certificate | None,
    public_key: PublicKey,
    now: datetime,
    serial: int,
    sign: Sign,
) -> bytes:
    """A certificate in DER, linted before and after it was signed.

    `issuer` is None for a root, which signs itself: `public_key` is then the one that `sign` belongs to.
    `now` has a time zone.  `serial` from `new_serial`.  Raises CertificateFieldInvalid, IssuerUnsuitable,
    CertificateLintFailed, and whatever `sign` raises.
    """
    tbs = build_tbs(profile, fields, issuer, public_key, now, serial)
    refuse_findings(lint(tbs.dummy_certificate, profile, issuer, now=now, signed=False), profile)
    der = assemble(tbs, sign(tbs.der))
    refuse_findings(lint(der, profile, issuer, now=now), profile)
    return der


def build_tbs(
    profile: CertificateProfile,
    fields: CertificateFields,
    issuer: x509.Certificate | None,
    public_key: PublicKey,
    now: datetime,
    serial: int,
) -> Tbs:
    """The part to be signed.  Nothing is linted yet."""
    subject = subject_name(profile, fields)
    signer_key = public_key if issuer is None else issuer.public_key()
    not_before, not_after = validity(profile, issuer, now)
    builder = x509.CertificateBuilder(
        issuer_name=subject if issuer is None else issuer.subject,
        subject_name=subject,
        public_key=public_key,
        serial_number=serial,
        not_valid_before=not_before,
        not_valid_after=not_after,
    )
    builder = add_extensions(builder, profile, fields, issuer, public_key)
    hash_algorithm = issuer_hash(signer_key)
    dummy = builder.sign(_throw_away_key(hash_algorithm.name), hash_algorithm)
    return Tbs(dummy.tbs_certificate_bytes, dummy.public_bytes(Encoding.DER))


def assemble(tbs: Tbs, signature: bytes) -> bytes:
    """The certificate: `tbs`, its algorithm, and `signature`."""
    algorithm = core.load(tbs.dummy_certificate).contents[len(tbs.der) :]
    algorithm_der = core.Sequence.load(algorithm).dump()
    return _sequence(tbs.der + algorithm_der + core.OctetBitString(signature).dump())


def new_serial() -> int:
    """A random serial number of the certificate: 159 bits with the highest set, so always 20 bytes."""
    return secrets.randbits(SERIAL_BITS) | 1 << (SERIAL_BITS - 1)


def issuer_hash(key: object) -> SHA256 | SHA384:
    """SHA-256 for P-256, SHA-384 for P-384; raises IssuerUnsuitable for any other key."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        if isinstance(key.curve, ec.SECP256R1):
            return SHA256()
        if isinstance(key.curve, ec.SECP384R1):
            return SHA384()
    raise IssuerUnsuitable("the issuer's key is neither on P-256 nor on P-384")


def validity(
    profile: CertificateProfile, issuer: x509.Certificate | None, now: datetime
) -> tuple[datetime, datetime]:
    """From when and until when: within the issuer's time, whole seconds.

    Identities of units have no end.  Raises IssuerUnsuitable where the issuer is not valid now.
    """
    moment = now.astimezone(UTC).replace(microsecond=0)
    begin = moment - timedelta(seconds=profile.validity.backdate_s)
    days = profile.validity.days
    end = END_OF_TIME if days is None else begin + timedelta(days=days)
    if issuer is None:
        return begin, end
    if not issuer.not_valid_before_utc <= moment <= issuer.not_valid_after_utc:
        raise IssuerUnsuitable(
            f"the issuer is valid from {issuer.not_valid_before_utc:%Y-%m-%d %H:%M} to "
            f"{issuer.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, and it is {moment:%Y-%m-%d %H:%M}",
            cause="the clock is wrong, or the CA's certificate ran out",
            action="compare the clock with another, then renew the CA's certificate",
        )
    begin = max(begin, issuer.not_valid_before_utc)
    return begin, end if days is None else min(end, issuer.not_valid_after_utc)


def _sequence(content: bytes) -> bytes:
    der: bytes = core.Sequence(contents=content).dump()
    return der


@lru_cache(maxsize=2)
def _throw_away_key(hash_name: str) -> ec.EllipticCurvePrivateKey:
    """A key of this process that nobody trusts: it only fills the place of the signature."""
    return ec.generate_private_key(ec.SECP384R1() if hash_name == "sha384" else ec.SECP256R1())
