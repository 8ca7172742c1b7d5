"""From an endorsement certificate to a pinned vendor root, and what revocation lists say of the way (RFC 5280
6).

Raises IdentityRefused.  The pinned roots are the only trust; all other certificates only help to find the
way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from workbench.identity.tpm import der
from workbench.identity.tpm.ek_certificate import UNREADABLE, EkCertificate, strictly
from workbench.identity.tpm.errors import IdentityRefused
from workbench.identity.tpm.policy import CrlMode, EkPolicy

MAX_PATH: Final = 6
MAX_CANDIDATES: Final = 64
MAX_GIVEN: Final = 16
MIN_RSA_BITS: Final = 2048
MIN_EC_BITS: Final = 256
MAX_STEPS: Final = 128
"""How many ways are followed: a thicket of authorities costs no more."""
_STRONG: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_SIGNATURES: Final[dict[str, tuple[str, hashes.HashAlgorithm]]] = {
    "1.2.840.113549.1.1.11": ("rsa", hashes.SHA256()),
    "1.2.840.113549.1.1.12": ("rsa", hashes.SHA384()),
    "1.2.840.113549.1.1.13": ("rsa", hashes.SHA512()),
    "1.2.840.10045.4.3.2": ("ec", hashes.SHA256()),
    "1.2.840.10045.4.3.3": ("ec", hashes.SHA384()),
    "1.2.840.10045.4.3.4": ("ec", hashes.SHA512()),
}
_KNOWN_CRITICAL: Final = frozenset(
    {"2.5.29.15", "2.5.29.19", "2.5.29.17", "2.5.29.37", "2.5.29.35", "2.5.29.14", "2.5.29.32"}
)
_KNOWN_CRL: Final = frozenset({"2.5.29.20", "2.5.29.35"})


@dataclass(frozen=True, slots=True)
class Path:
    """Issuers from the EK certificate's own to the pinned root, and what is worth noting in the record."""

    issuers: tuple[x509.Certificate, ...]
    notes: tuple[str, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """Their subjects as RFC 4514 text."""
        return tuple(issuer.subject.rfc4514_string() for issuer in self.issuers)


def find_path(leaf: EkCertificate, given: tuple[bytes, ...], policy: EkPolicy, now: datetime) -> Path:
    """A way from `leaf` to a pinned root; `given` are certificates (DER) that came with it.

    Raises IdentityRefused: `ek-chain-untrusted` where there is none, `ek-chain-expired` where the only ways
    lead over a certificate that is not valid at `now`.
    """
    roots = list(_load(policy.roots))
    pool = [*roots, *_load((*policy.intermediates, *given[:MAX_GIVEN]))][:MAX_CANDIDATES]
    pinned = {root.public_bytes(Encoding.DER) for root in roots}
    dated = False
    for path in _paths(leaf, pool, pinned):
        if all(c.not_valid_before_utc <= now <= c.not_valid_after_utc for c in path):
            return Path(path)
        dated = True
    if dated:
        raise IdentityRefused("ek-chain-expired", "a certificate over the EK certificate is not valid now")
    raise IdentityRefused(
        "ek-chain-untrusted", "no way leads from the EK certificate to a pinned vendor root"
    )


def verify_not_revoked(leaf: EkCertificate, path: Path, policy: EkPolicy, now: datetime) -> tuple[str, ...]:
    """Notes for the record; raises IdentityRefused with `ek-revoked`, `ek-crl-missing` or `ek-crl-stale`."""
    if policy.crl_mode is CrlMode.OFF:
        return ("revocation was not asked",)
    lists = _load_lists(policy.crls)
    serials = (int.from_bytes(leaf.serial, "big"), *(c.serial_number for c in path.issuers[:-1]))
    notes: list[str] = []
    for serial, issuer in zip(serials, path.issuers, strict=True):
        mine = [crl for crl in lists if _is_list_of(crl, issuer)]
        if any(crl.get_revoked_certificate_by_serial_number(serial) is not None for crl in mine):
            raise IdentityRefused("ek-revoked", f"certificate {serial:x} was revoked by {_who(issuer)}")
        reason = None if any(_is_fresh(crl, policy, now) for crl in mine) else _lack(mine)
        if reason and policy.crl_mode is CrlMode.FAIL_CLOSED:
            raise IdentityRefused(reason, f"no revocation list of {_who(issuer)} that is fresh enough")
        if reason:
            notes.append(f"{reason}: {_who(issuer)}")
    return tuple(notes)


def _lack(lists: list[x509.CertificateRevocationList]) -> str:
    return "ek-crl-stale" if lists else "ek-crl-missing"


def _who(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:100]


def _load(raw: tuple[bytes, ...]) -> Iterator[x509.Certificate]:
    for item in raw[:MAX_CANDIDATES]:
        try:
            certificate = x509.load_der_x509_certificate(der.read(item).raw)
            _ = (certificate.extensions, certificate.subject, certificate.public_key())
        except UNREADABLE:
            continue
        yield certificate


def _load_lists(raw: tuple[bytes, ...]) -> list[x509.CertificateRevocationList]:
    lists = []
    for item in raw[:MAX_CANDIDATES]:
        try:
            crl = x509.load_der_x509_crl(item)
            critical = {e.oid.dotted_string for e in crl.extensions if e.critical}
        except UNREADABLE:
            continue
        if critical <= _KNOWN_CRL:
            lists.append(crl)
    return lists


def _is_list_of(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if crl.issuer != issuer.subject or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    try:
        return isinstance(crl.signature_hash_algorithm, _STRONG) and crl.is_signature_valid(key)
    except (ValueError, UnsupportedAlgorithm):
        return False


def _is_fresh(crl: x509.CertificateRevocationList, policy: EkPolicy, now: datetime) -> bool:
    last, following = crl.last_update_utc, crl.next_update_utc
    if not last <= now or now - last > timedelta(seconds=policy.crl_max_age_s):
        return False
    return following is not None and now <= following


def _paths(
    leaf: EkCertificate, pool: list[x509.Certificate], pinned: set[bytes]
) -> Iterator[tuple[x509.Certificate, ...]]:
    left: list[tuple[x509.Certificate, ...]] = [
        (issuer,) for issuer in pool if _is_authority(issuer, 0) and _issued_leaf(leaf, issuer)
    ]
    for path in _shortest_first(left):
        last = path[-1]
        if last.public_bytes(Encoding.DER) in pinned:
            yield path
        elif len(path) < MAX_PATH:
            left.extend((*path, up) for up in pool if up not in path and _issued(last, up, len(path)))


def _shortest_first(
    left: list[tuple[x509.Certificate, ...]],
) -> Iterator[tuple[x509.Certificate, ...]]:
    """What is left to follow, which may grow meanwhile; at most MAX_STEPS of it."""
    for _ in range(MAX_STEPS):
        if not left:
            return
        yield left.pop(0)


def _is_authority(certificate: x509.Certificate, below: int) -> bool:
    """Whether it may issue, with `below` authorities between it and the end."""
    extensions = certificate.extensions
    if any(e.critical and e.oid.dotted_string not in _KNOWN_CRITICAL for e in extensions):
        return False
    try:
        basic = extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    try:
        may_sign = extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        may_sign = True
    fits = basic.path_length is None or basic.path_length >= below
    return basic.ca and may_sign and fits and _is_strong(certificate.public_key())


def _is_strong(key: object) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= MIN_RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= MIN_EC_BITS


def _issued(child: x509.Certificate, issuer: x509.Certificate, below: int) -> bool:
    if child.issuer != issuer.subject or not _is_authority(issuer, below):
        return False
    try:
        child.verify_directly_issued_by(issuer)
        return isinstance(child.signature_hash_algorithm, _STRONG)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False


def _issued_leaf(leaf: EkCertificate, issuer: x509.Certificate) -> bool:
    if leaf.issuer != issuer.subject.public_bytes():
        return False
    strict = None if leaf.deviations else strictly(leaf)
    if strict is not None:
        return _issued(strict, issuer, 0)
    return _signed_over_raw(leaf, issuer)


def _signed_over_raw(leaf: EkCertificate, issuer: x509.Certificate) -> bool:
    """The signature over the bytes as they stand, for a certificate that no strict parser takes."""
    try:
        algorithm = next(der.read(leaf.algorithm).children())
        kind, hash_alg = _SIGNATURES[der.oid_text(algorithm.content)]
    except (der.DerBroken, KeyError, StopIteration):
        return False
    key = issuer.public_key()
    try:
        if kind == "rsa" and isinstance(key, rsa.RSAPublicKey):
            key.verify(leaf.signature, leaf.tbs, padding.PKCS1v15(), hash_alg)
        elif kind == "ec" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(leaf.signature, leaf.tbs, ec.ECDSA(hash_alg))
        else:
            return False
    except InvalidSignature:
        return False
    return True
