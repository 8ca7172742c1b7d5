"""A certificate taken apart for the lints: what its bytes say, also where they say it wrongly.  Pure.

cryptography refuses what is not strict DER; here the parts of such certificates are read too, so that a
finding can name them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from asn1crypto import core, parser
from asn1crypto import x509 as asn1
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from workbench.errors import InputError
from workbench.identity.certificates import oids

MAX_BYTES: Final = 1 << 16
ASN1_ERRORS: Final = (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError)
"""What asn1crypto raises for bytes that are not what they should be."""


class CertificateUnreadable(InputError):
    """A file holds no certificate."""

    code = "certificate-unreadable"
    default_cause = "another file, or one that was cut off"
    default_action = "name a certificate in DER or PEM"


class Attribute(NamedTuple):
    """One attribute of a name; `tag` is that of its string type."""

    oid: str
    tag: int
    text: str


class Time(NamedTuple):
    """UTCTime (`tag` 23) or GeneralizedTime (24), as it stands there."""

    tag: int
    text: str


class Extension(NamedTuple):
    """`value` is the content of the OCTET STRING."""

    oid: str
    critical: bool
    value: bytes


class AltName(NamedTuple):
    """`kind` as asn1crypto names it; `oid` of an otherName; `value`: raw bytes of the name."""

    kind: str
    oid: str | None
    value: bytes


@dataclass(frozen=True)
class View:
    """A certificate; names, algorithms and `spki` as the bytes that stand in it.

    What is decoded of an extension raises one of ASN1_ERRORS where it cannot be read.
    """

    der: bytes
    tbs: bytes
    version: int
    serial: bytes
    inner_algorithm: bytes
    outer_algorithm: bytes
    issuer: bytes
    subject: bytes
    attributes: tuple[Attribute, ...]
    single_valued: bool
    not_before: Time
    not_after: Time
    spki: bytes
    extensions: tuple[Extension, ...]
    signature: bytes
    reencoded: bytes

    @cached_property
    def key(self) -> object:
        """The public key, None where cryptography knows no such key."""
        try:
            return load_der_public_key(self.spki)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return None

    @property
    def key_algorithm(self) -> str:
        """As profiles name it, or "unknown"."""
        return key_algorithm(self.key)

    def find(self, oid: str) -> Extension | None:
        """The first extension with that OID."""
        return next((e for e in self.extensions if e.oid == oid), None)

    @cached_property
    def key_usage(self) -> frozenset[str]:
        """Names of the bits, as profiles name them; empty without the extension."""
        found = self.find(oids.KEY_USAGE)
        return frozenset() if found is None else frozenset(_BITS.get(bit, bit) for bit in _bits(found.value))

    @cached_property
    def constraints(self) -> tuple[bool, int | None] | None:
        """CA, path length; None without basic constraints."""
        found = self.find(oids.BASIC_CONSTRAINTS)
        if found is None:
            return None
        parsed = asn1.BasicConstraints.load(found.value, strict=True)
        return bool(parsed["ca"].native), parsed["path_len_constraint"].native

    @cached_property
    def purposes(self) -> tuple[str, ...]:
        """Extended key usages, with dots."""
        found = self.find(oids.EXTENDED_KEY_USAGE)
        if found is None:
            return ()
        return tuple(p.dotted for p in asn1.ExtKeyUsageSyntax.load(found.value, strict=True))

    @cached_property
    def policies(self) -> tuple[str, ...]:
        """Certificate policies, with dots."""
        found = self.find(oids.CERTIFICATE_POLICIES)
        if found is None:
            return ()
        parsed = asn1.CertificatePolicies.load(found.value, strict=True)
        return tuple(p["policy_identifier"].dotted for p in parsed)

    @cached_property
    def alt_names(self) -> tuple[AltName, ...]:
        """Subject alternative names."""
        found = self.find(oids.SUBJECT_ALT_NAME)
        if found is None:
            return ()
        return tuple(_alt_name(n) for n in asn1.GeneralNames.load(found.value, strict=True))

    @cached_property
    def subject_key_identifier(self) -> bytes | None:
        found = self.find(oids.SUBJECT_KEY_IDENTIFIER)
        return None if found is None else bytes(core.OctetString.load(found.value, strict=True).native)

    @cached_property
    def authority_key_identifier(self) -> bytes | None:
        """The keyIdentifier; None without it."""
        found = self.find(oids.AUTHORITY_KEY_IDENTIFIER)
        if found is None:
            return None
        parsed = asn1.AuthorityKeyIdentifier.load(found.value, strict=True)
        identifier = parsed["key_identifier"].native
        return None if identifier is None else bytes(identifier)

    def other_names(self, oid: str) -> list[bytes]:
        """Values of the otherNames of that type."""
        return [n.value for n in self.alt_names if n.kind == "other_name" and n.oid == oid]


def read_view(der: bytes) -> View:
    """Raises CertificateUnreadable."""
    if len(der) > MAX_BYTES:
        raise CertificateUnreadable(f"a certificate of more than {MAX_BYTES} bytes")
    try:
        return _view(der)
    except ASN1_ERRORS as error:
        raise CertificateUnreadable("these bytes are no certificate") from error


def reencoded(extension: Extension) -> bytes:
    """The extension's value encoded again in DER; as it is where its type is not known here.

    Raises one of ASN1_ERRORS.
    """
    spec = _SPECS.get(extension.oid)
    if spec is None:
        return extension.value
    parsed = spec.load(extension.value, strict=True)
    made = spec(parsed.native) if spec is asn1.KeyUsage else parsed
    der: bytes = made.dump(force=True)
    return der


def key_algorithm(key: object) -> str:
    """Kind of a public key as profiles name it, or "unknown"."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name, "unknown")
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa-{key.key_size}"
    return "ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "unknown"


_SPECS: Final = {
    oids.KEY_USAGE: asn1.KeyUsage,
    oids.BASIC_CONSTRAINTS: asn1.BasicConstraints,
    oids.EXTENDED_KEY_USAGE: asn1.ExtKeyUsageSyntax,
    oids.SUBJECT_KEY_IDENTIFIER: core.OctetString,
    oids.AUTHORITY_KEY_IDENTIFIER: asn1.AuthorityKeyIdentifier,
    oids.CERTIFICATE_POLICIES: asn1.CertificatePolicies,
    oids.SUBJECT_ALT_NAME: asn1.GeneralNames,
    oids.CRL_DISTRIBUTION_POINTS: asn1.CRLDistributionPoints,
}
_CURVES: Final = {"secp256r1": "ecdsa-p256", "secp384r1": "ecdsa-p384", "secp521r1": "ecdsa-p521"}
_BITS: Final = {
    "digital_signature": "digitalSignature",
    "non_repudiation": "contentCommitment",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
    "encipher_only": "encipherOnly",
    "decipher_only": "decipherOnly",
}


def _view(der: bytes) -> View:
    certificate = asn1.Certificate.load(der, strict=True)
    tbs = certificate["tbs_certificate"]
    relative = list(tbs["subject"].chosen)
    return View(
        der=der,
        tbs=tbs.dump(),
        version=int(tbs["version"]) + 1,
        serial=tbs["serial_number"].contents,
        inner_algorithm=tbs["signature"].dump(),
        outer_algorithm=certificate["signature_algorithm"].dump(),
        issuer=tbs["issuer"].dump(),
        subject=tbs["subject"].dump(),
        attributes=tuple(_attribute(a) for part in relative for a in part),
        single_valued=all(len(part) == 1 for part in relative),
        not_before=_time(tbs["validity"]["not_before"]),
        not_after=_time(tbs["validity"]["not_after"]),
        spki=tbs["subject_public_key_info"].dump(),
        extensions=tuple(_extension(e) for e in tbs["extensions"]),
        signature=certificate["signature_value"].native,
        reencoded=_reencoded(der),
    )


def _reencoded(der: bytes) -> bytes:
    """All of it encoded again; nothing where a part cannot be."""
    try:
        again: bytes = asn1.Certificate.load(der).dump(force=True)
    except ASN1_ERRORS:
        return b""
    return again


def _attribute(attribute: Any) -> Attribute:
    value = attribute["value"]
    chosen = value.chosen if isinstance(value, core.Choice) else value
    encoding = "utf-8" if chosen.tag in (12, 19, 22) else "latin-1"
    return Attribute(attribute["type"].dotted, chosen.tag, chosen.contents.decode(encoding))


def _time(time: Any) -> Time:
    return Time(time.chosen.tag, time.chosen.contents.decode("ascii"))


def _extension(extension: Any) -> Extension:
    return Extension(
        extension["extn_id"].dotted, bool(extension["critical"].native), extension["extn_value"].contents
    )


def _bits(value: bytes) -> frozenset[str]:
    return frozenset(asn1.KeyUsage.load(value, strict=True).native)


def _alt_name(name: Any) -> AltName:
    if name.name != "other_name":
        return AltName(name.name, None, name.chosen.contents)
    return AltName(name.name, name.chosen["type_id"].dotted, _explicit(name.chosen["value"].dump()))


def _explicit(value: bytes) -> bytes:
    """What is inside of [0] EXPLICIT."""
    cls, method, tag, _, content, _ = parser.parse(value, strict=True)
    if (cls, method, tag) != (2, 1, 0):
        raise ValueError("the value of an otherName is not tagged [0]")
    return bytes(content)
