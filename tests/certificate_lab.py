"""Certificates for tests: a root, an issuing CA and one of each profile, with throw-away keys; and a way to
change one part of a certificate and sign it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from asn1crypto import core
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from workbench.identity.certificates.build import (
    PublicKey,
    Sign,
    assemble,
    build_certificate,
    build_tbs,
    new_serial,
)
from workbench.identity.certificates.fields import CertificateFields, HardwareModule, PermanentIdentifier
from workbench.identity.certificates.finding import Finding
from workbench.identity.certificates.lint import lint
from workbench.identity.certificates.profile import CertificateProfile, load_profile

NOW: Final = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
LEAVES: Final = (
    "idevid",
    "iak",
    "mcu-idevid",
    "ldevid",
    "release-signer",
    "update-server",
    "evidence-signer",
)
PROFILES: Final = ("root", "issuing", *LEAVES)
EK_SERIAL: Final = "IFX:" + "ab" * 20 + ":01f2"
EK_DIGEST: Final = hashlib.sha256(b"an EK certificate").digest()


@dataclass(frozen=True)
class Issued:
    """A certificate, its key, and who issued it (None: itself)."""

    profile: CertificateProfile
    key: ec.EllipticCurvePrivateKey
    der: bytes
    issuer: Issued | None = field(repr=False, default=None)

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.der)

    @property
    def signer(self) -> ec.EllipticCurvePrivateKey:
        return self.key if self.issuer is None else self.issuer.key

    @property
    def issuer_certificate(self) -> x509.Certificate | None:
        return None if self.issuer is None else self.issuer.certificate

    def lint(self, *, signed: bool = True) -> list[Finding]:
        """All findings."""
        return lint(self.der, self.profile, self.issuer_certificate, now=NOW, signed=signed)

    def codes(self) -> set[str]:
        """Codes of all findings."""
        return {finding.code for finding in self.lint()}


def signer_of(key: ec.EllipticCurvePrivateKey) -> Sign:
    """Signs as the issuer's worker does: SHA-256 on P-256, SHA-384 on P-384."""
    hash_algorithm = SHA384() if isinstance(key.curve, ec.SECP384R1) else SHA256()
    return lambda tbs: key.sign(tbs, ec.ECDSA(hash_algorithm))


def fields_for(name: str) -> CertificateFields:
    """Values that the profile of that name takes."""
    unit = CertificateFields(common_name="Gauge 7", serial_number="SN-0042")
    match name:
        case "idevid" | "iak":
            module = HardwareModule.tpm(EK_SERIAL)
            return replace(
                unit, hardware_module=module, permanent_identifier=PermanentIdentifier.ek(EK_DIGEST)
            )
        case "mcu-idevid":
            module = load_profile(name).hardware_module(bytes.fromhex("0011223344556677"))
            return replace(unit, hardware_module=module)
        case "update-server":
            return CertificateFields(
                common_name="updates.example", dns_names=("updates.example",), ip_addresses=("192.0.2.7",)
            )
    return CertificateFields(common_name=f"TEST {name}", country="DE")


def make(
    profile: CertificateProfile,
    fields: CertificateFields,
    issuer: Issued | None,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    public: PublicKey | None = None,
    now: datetime = NOW,
) -> Issued:
    """A certificate of that profile, as the CA makes it."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    signer = own if issuer is None else issuer.key
    above = None if issuer is None else issuer.certificate
    der = build_certificate(
        profile, fields, above, public or own.public_key(), now, new_serial(), signer_of(signer)
    )
    return Issued(profile, own, der, issuer)


def issued(name: str, curve: str = "p256") -> Issued:
    """One certificate of the profile of that name; the same one each time.  `curve` is that of the CAs."""
    return _issued(name, curve)


@cache
def _issued(name: str, curve: str) -> Issued:
    issuer = {"root": None, "issuing": "root"}.get(name, "issuing")
    above = None if issuer is None else issued(issuer, curve)
    ca_key = ec.generate_private_key(ec.SECP384R1() if curve == "p384" else ec.SECP256R1())
    key = ca_key if name in ("root", "issuing") else None
    return make(load_profile(name), fields_for(name), above, key=key)


def unlinted(
    profile: CertificateProfile,
    fields: CertificateFields,
    issuer: Issued | None,
    public: PublicKey | None = None,
) -> Issued:
    """A certificate that no lint saw."""
    own = ec.generate_private_key(ec.SECP256R1())
    above = None if issuer is None else issuer.certificate
    tbs = build_tbs(profile, fields, above, public or own.public_key(), NOW, new_serial())
    signer = own if issuer is None else issuer.key
    return Issued(profile, own, assemble(tbs, signer_of(signer)(tbs.der)), issuer)


def changed(found: Issued, change: Callable[[Any], None]) -> Issued:
    """`found` with its TBS (asn1crypto's) changed by `change`, and signed again by its issuer's key."""
    tbs = asn1.Certificate.load(found.der)["tbs_certificate"]
    change(tbs)
    return signed_again(found, tbs.dump(force=True))


def bytes_changed(found: Issued, old: bytes, new: bytes) -> Issued:
    """`found` with the first `old` in its TBS replaced by `new`, of the same length, and signed again."""
    tbs = asn1.Certificate.load(found.der)["tbs_certificate"].dump()
    assert old in tbs
    assert len(old) == len(new)
    return signed_again(found, tbs.replace(old, new, 1))


def signed_again(found: Issued, tbs: bytes) -> Issued:
    """`found` with another TBS, signed by its issuer's key."""
    algorithm = asn1.Certificate.load(found.der)["signature_algorithm"].dump()
    signature = core.OctetBitString(signer_of(found.signer)(tbs)).dump()
    return replace(found, der=core.Sequence(contents=tbs + algorithm + signature).dump())


def extension(oid: str, value: bytes, *, critical: bool = False) -> Callable[[Any], None]:
    """A change that puts an extension in, in place of the one with that OID."""

    def change(tbs: Any) -> None:
        without(oid)(tbs)
        tbs["extensions"].append(_extension(oid, value, critical))

    return change


def also(oid: str, value: bytes, *, critical: bool = False) -> Callable[[Any], None]:
    """A change that adds an extension, also where there is one with that OID."""
    return lambda tbs: tbs["extensions"].append(_extension(oid, value, critical))


def without(oid: str) -> Callable[[Any], None]:
    """A change that takes an extension out."""

    def change(tbs: Any) -> None:
        tbs["extensions"] = asn1.Extensions([e for e in tbs["extensions"] if e["extn_id"].dotted != oid])

    return change


def made_critical(oid: str, critical: bool = True) -> Callable[[Any], None]:
    """A change of an extension's critical flag."""

    def change(tbs: Any) -> None:
        value = next(e["extn_value"].contents for e in tbs["extensions"] if e["extn_id"].dotted == oid)
        extension(oid, value, critical=critical)(tbs)

    return change


def _extension(oid: str, value: bytes, critical: bool) -> Any:
    return asn1.Extension(
        {"extn_id": oid, "critical": critical, "extn_value": core.ParsableOctetString(value)}
    )
