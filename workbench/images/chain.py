"""The signer's certificates in an image: whether they lead to the root, in time and for the purpose.  Pure.

The device has no clock: certificates must be valid at the signing time, which the signature covers.  Of the
root, name and key count, as on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from workbench.images import refusals as no
from workbench.images.certificates import CODE_SIGNING, PublicKey

MAX_CERTIFICATES: Final = 4
MIN_DIGEST_BYTES: Final = 32
_SEQUENCE: Final = 0x30
_X509_ERRORS: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_UNDERSTOOD: Final = (x509.BasicConstraints.oid, x509.KeyUsage.oid, x509.ExtendedKeyUsage.oid)

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Signer:
    """A signer whom the root vouches for, at the signing time."""

    name: str
    key: PublicKey
    certificate: x509.Certificate


def split_der(chain: bytes) -> list[bytes]:
    """The certificates that lie one after the other; raises TlvMalformed."""
    found, at = [], 0
    while at < len(chain):
        end = _der_end(chain, at)
        found.append(chain[at:end])
        at = end
        if len(found) > MAX_CERTIFICATES:
            raise no.TlvMalformed(f"the signer chain has more than {MAX_CERTIFICATES} certificates")
    if not found:
        raise no.TlvMalformed("the signer chain is empty")
    return found


def certificates_of(chain: bytes) -> list[x509.Certificate]:
    """The same, parsed; raises TlvMalformed."""
    try:
        return [x509.load_der_x509_certificate(found) for found in split_der(chain)]
    except _X509_ERRORS as error:
        raise no.TlvMalformed("the signer chain holds something that is no certificate") from error


def verify_chain(chain: bytes, root: x509.Certificate, signed_at_s: int) -> Signer:
    """The signer, if the root vouches for it at `signed_at_s` (seconds since 1970 UTC).

    Raises SignerUntrusted, SignerExpired, SignerNotYetValid, SignerWrongPurpose, TlvMalformed.
    """
    try:
        found = certificates_of(chain)
        _verify_links([*found, root])
        for depth, certificate in enumerate(found):
            _verify_extensions(certificate, depth)
        for certificate in found:
            _verify_time(certificate, signed_at_s)
        _verify_signer(found[0])
        return Signer(words(found[0].subject), _public_key(found[0]), found[0])
    except _X509_ERRORS as error:
        raise no.SignerUntrusted(f"a certificate of the signer cannot be understood: {error}") from error


def words(name: x509.Name) -> str:
    """A name for people."""
    return name.rfc4514_string()


def _verify_links(path: Sequence[x509.Certificate]) -> None:
    """Each certificate is issued by the next; the last is the root."""
    for certificate, issuer in pairwise(path):
        if certificate.issuer != issuer.subject:
            raise no.SignerUntrusted(
                f"{words(certificate.subject)} is issued by {words(certificate.issuer)}, "
                f"not by {words(issuer.subject)}"
            )
        algorithm = certificate.signature_hash_algorithm
        if algorithm is not None and algorithm.digest_size < MIN_DIGEST_BYTES:
            raise no.SignerUntrusted(f"{words(certificate.subject)} is signed with {algorithm.name}")
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, TypeError):
            raise no.SignerUntrusted(
                f"the key of {words(issuer.subject)} did not sign the certificate of "
                f"{words(certificate.subject)}"
            ) from None


def _verify_extensions(certificate: x509.Certificate, depth: int) -> None:
    """Nothing critical that is not understood; those above the signer are CAs."""
    extensions = certificate.extensions
    _refuse_unknown(extensions, certificate)
    if depth > 0:
        constraints, usage = _get(extensions, x509.BasicConstraints), _get(extensions, x509.KeyUsage)
        _verify_ca(words(certificate.subject), constraints, usage, depth)


def _verify_signer(certificate: x509.Certificate) -> None:
    """The first is for signing code, and no CA."""
    name, extensions = words(certificate.subject), certificate.extensions
    constraints = _get(extensions, x509.BasicConstraints)
    usage = _get(extensions, x509.KeyUsage)
    purposes = _get(extensions, x509.ExtendedKeyUsage)
    if constraints is not None and constraints.ca:
        raise no.SignerWrongPurpose(f"{name} is a CA, and CAs sign no images")
    if usage is None or not usage.digital_signature:
        raise no.SignerWrongPurpose(f"the key usage of {name} has no digitalSignature")
    if purposes is None or CODE_SIGNING not in purposes:
        raise no.SignerWrongPurpose(f"the extended key usage of {name} has no codeSigning")


def _verify_ca(
    name: str, constraints: x509.BasicConstraints | None, usage: x509.KeyUsage | None, depth: int
) -> None:
    if constraints is None or not constraints.ca or usage is None or not usage.key_cert_sign:
        raise no.SignerUntrusted(f"{name} is no CA")
    if constraints.path_length is not None and constraints.path_length < depth - 1:
        raise no.SignerUntrusted(f"{name} may not have {depth - 1} CAs below it")


def _verify_time(certificate: x509.Certificate, signed_at_s: int) -> None:
    name = words(certificate.subject)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if signed_at_s > end.timestamp():
        raise no.SignerExpired(f"{name} was valid until {end:%Y-%m-%d}; signed {shown_time(signed_at_s)}")
    if signed_at_s < begin.timestamp():
        raise no.SignerNotYetValid(f"{name} is valid from {begin:%Y-%m-%d}; signed {shown_time(signed_at_s)}")


def shown_time(seconds: int) -> str:
    """Seconds since 1970 UTC as people read them; RFC 3339 as far as it goes."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s after 1970"


def _refuse_unknown(extensions: x509.Extensions, certificate: x509.Certificate) -> None:
    for extension in extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            raise no.SignerUntrusted(
                f"{words(certificate.subject)} has a critical extension {extension.oid.dotted_string} "
                "that is not understood"
            )


def _get(extensions: x509.Extensions, kind: type[_Extension]) -> _Extension | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _public_key(certificate: x509.Certificate) -> PublicKey:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        return key
    raise no.SignerUntrusted(f"{words(certificate.subject)} has a key of a kind that signs no images")


def _der_end(data: bytes, at: int) -> int:
    """End of the DER SEQUENCE that begins at `at`; its length is in at most three bytes."""
    head = data[at : at + 4]
    if len(head) < 4 or head[0] != _SEQUENCE:
        raise no.TlvMalformed("the signer chain holds something that is no certificate")
    if head[1] < 0x80:
        end = at + 2 + head[1]
    elif head[1] == 0x81:
        end = at + 3 + head[2]
    elif head[1] == 0x82:
        end = at + 4 + int.from_bytes(head[2:4], "big")
    else:
        raise no.TlvMalformed("a certificate in the signer chain tells of too many bytes")
    if end > len(data):
        raise no.TlvMalformed("a certificate in the signer chain reaches beyond it")
    return end
