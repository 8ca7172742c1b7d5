"""An endorsement certificate as it lies in NV, read without re-encoding: fields, and every deviation by name.

TCG EK Credential Profile 3.2, RFC 5280 4.1.  Whether it is believed is decided in `ek`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from workbench.identity.tpm import der
from workbench.identity.tpm.der import DerBroken, Node
from workbench.identity.tpm.errors import TpmStructureMalformed

MAX_BYTES: Final = 8192
MAX_SERIAL_BYTES: Final = 64
OAEP_OID: Final = "1.2.840.113549.1.1.7"
EK_EKU: Final = "2.23.133.8.1"
AKI_OID: Final = "2.5.29.35"
SAN_OID: Final = "2.5.29.17"
EKU_OID: Final = "2.5.29.37"
BASIC_OID: Final = "2.5.29.19"
_PRINTABLE: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
_ATTRIBUTES: Final = {
    "2.23.133.2.1": "manufacturer",
    "2.23.133.2.2": "model",
    "2.23.133.2.3": "version",
}


UNREADABLE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What the X.509 parser raises of certificates and revocation lists that it does not take."""


class EkCertificateMalformed(TpmStructureMalformed):
    """Bytes are no certificate, not even a nearly well-formed one."""

    code = "tpm-ek-certificate-malformed"
    default_cause = "an NV index that holds something else, or that was written only in part"
    default_action = "read the index again; if it stays, ask the TPM's vendor for the certificate"


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension: `value` is what the OCTET STRING holds."""

    critical: bool
    value: bytes


@dataclass(frozen=True, slots=True)
class EkCertificate:
    """Fields of an endorsement certificate; where nothing else is said, bytes are DER as it stands."""

    der: bytes
    """The certificate without padding, byte for byte."""
    tbs: bytes
    serial: bytes
    """The number's bytes, big-endian, without sign and leading zeros."""
    issuer: bytes
    subject: bytes
    not_before: datetime
    not_after: datetime
    spki: bytes
    key_oid: str
    key: bytes
    """The bits of the public key."""
    algorithm: bytes
    signature: bytes
    """The bits of the signature."""
    extensions: dict[str, Extension]
    """By object identifier."""
    deviations: tuple[str, ...]
    """Names out of `quirks.QUIRKS`."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the certificate, hex."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def key_identifier(self) -> bytes | None:
        """keyIdentifier of the authority key identifier; None where there is none."""
        return _key_identifier(self.extensions.get(AKI_OID))

    @property
    def purposes(self) -> tuple[str, ...]:
        """Extended key usages."""
        extension = self.extensions.get(EKU_OID)
        return () if extension is None else _purposes(extension)

    @property
    def attributes(self) -> dict[str, str]:
        """`manufacturer`, `model` and `version` out of the subject's alternative names, those that are
        there.
        """
        extension = self.extensions.get(SAN_OID)
        return {} if extension is None else _san_attributes(extension)


def strip_padding(data: bytes) -> bytes:
    """A certificate out of an NV index that is larger than it: cut by its DER length.

    Raises EkCertificateMalformed where no certificate begins, or where something other than padding follows.
    """
    if data[:1] != b"\x30":
        raise EkCertificateMalformed(_no_certificate(data))
    try:
        node = der.read(data)
    except DerBroken as error:
        raise EkCertificateMalformed(f"EK certificate: {error}") from None
    padding = data[len(node.raw) :]
    if padding.strip(b"\0") and padding.strip(b"\xff"):
        raise EkCertificateMalformed(f"EK certificate: {len(padding)} bytes that are no padding follow it")
    return node.raw


def read_ek_certificate(data: bytes) -> EkCertificate:
    """The certificate in `data`, which may have padding; raises EkCertificateMalformed."""
    if len(data) > MAX_BYTES:
        raise EkCertificateMalformed(f"EK certificate: {len(data)} bytes; at most {MAX_BYTES} are taken")
    raw = strip_padding(data)
    try:
        return _read(raw)
    except DerBroken as error:
        raise EkCertificateMalformed(f"EK certificate: {error}") from None


def strictly(certificate: EkCertificate) -> x509.Certificate | None:
    """The same certificate by a strict X.509 parser, all of it looked at; None where that refuses it."""
    try:
        parsed = x509.load_der_x509_certificate(certificate.der)
        _ = (
            parsed.serial_number,
            parsed.subject,
            parsed.issuer,
            parsed.extensions,
            parsed.not_valid_after_utc,
        )
        return parsed
    except UNREADABLE:
        return None


def _no_certificate(data: bytes) -> str:
    if not data.strip(b"\0") or not data.strip(b"\xff"):
        return f"EK certificate: {len(data)} bytes of padding and nothing else"
    if data[:2] == b"\x10\x01":
        return "EK certificate: it has the header of a TPM 1.2 certificate (0x1001)"
    return f"EK certificate: a certificate begins with 30, this with {data[:4].hex(' ') or 'nothing'}"


def _read(raw: bytes) -> EkCertificate:
    notes: list[str] = []
    tbs, algorithm, signature = _expect(
        der.read(raw), (der.SEQUENCE, der.SEQUENCE, der.BIT_STRING), "Certificate"
    )
    parts = list(tbs.children())
    version = parts.pop(0) if parts and parts[0].tag == 0xA0 else None
    if version is None or version.content != b"\x02\x01\x02":
        raise DerBroken("it is not of version 3")
    if len(parts) < 7:
        raise DerBroken(f"TBSCertificate has {len(parts)} elements after the version, 7 are needed")
    serial, inner, issuer, validity, subject, spki = parts[:6]
    dates = list(validity.children())
    if len(dates) != 2:
        raise DerBroken("validity is not made of two dates")
    key_oid, key = _key(spki, notes)
    _note(notes, "algorithm-mismatch", inner.raw != algorithm.raw)
    extensions = _extensions(parts[6:], notes)
    _names(issuer, notes)
    _names(subject, notes)
    _lengths(raw, notes)
    return EkCertificate(
        der=raw,
        tbs=tbs.raw,
        serial=_serial(serial, notes),
        issuer=issuer.raw,
        subject=subject.raw,
        not_before=_time(dates[0], notes),
        not_after=_time(dates[1], notes),
        spki=spki.raw,
        key_oid=key_oid,
        key=key,
        algorithm=algorithm.raw,
        signature=_bits(signature),
        extensions=extensions,
        deviations=tuple(dict.fromkeys(notes)),
    )


def _expect(node: Node, tags: tuple[int, ...], what: str) -> list[Node]:
    children = list(node.children())
    if node.tag != der.SEQUENCE or tuple(child.tag for child in children) != tags:
        raise DerBroken(f"{what} is not made of what it should be")
    return children


def _note(notes: list[str], name: str, applies: bool) -> None:
    if applies:
        notes.append(name)


def _serial(node: Node, notes: list[str]) -> bytes:
    value = node.content
    if node.tag != der.INTEGER or not 0 < len(value) <= MAX_SERIAL_BYTES:
        raise DerBroken("serialNumber is no INTEGER of a size that a certificate may have")
    _note(notes, "serial-leading-zeros", len(value) > 1 and value[0] == 0 and value[1] < 0x80)
    _note(notes, "serial-not-positive", value[0] >= 0x80 or not any(value))
    return value.lstrip(b"\0") or b"\0"


def _bits(node: Node) -> bytes:
    if node.tag != der.BIT_STRING or node.content[:1] != b"\0":
        raise DerBroken(f"a BIT STRING at offset {node.at} does not fill whole bytes")
    return node.content[1:]


def _key(spki: Node, notes: list[str]) -> tuple[str, bytes]:
    algorithm, bits = _expect(spki, (der.SEQUENCE, der.BIT_STRING), "SubjectPublicKeyInfo")
    oid = _oid(next(algorithm.children(), None))
    _note(notes, "oaep-key", oid == OAEP_OID)
    return oid, _bits(bits)


def _oid(node: Node | None) -> str:
    if node is None or node.tag != der.OID:
        raise DerBroken("an object identifier is missing")
    return der.oid_text(node.content)


def _time(node: Node, notes: list[str]) -> datetime:
    text = node.content.decode("ascii", "replace")
    formats = {
        der.UTC_TIME: ("%y%m%d%H%M%SZ", "%y%m%d%H%MZ"),
        der.GENERALIZED_TIME: ("%Y%m%d%H%M%SZ", "%Y%m%d%H%MZ"),
    }
    for number, form in enumerate(formats.get(node.tag, ())):
        try:
            when = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        if node.tag == der.UTC_TIME and when.year >= 2050:
            when = when.replace(year=when.year - 100)
        early = node.tag == der.GENERALIZED_TIME and when.year < 2050
        _note(notes, "time-form", number == 1 or early)
        return when
    raise DerBroken(f"a date at offset {node.at} is none")


def _extensions(rest: list[Node], notes: list[str]) -> dict[str, Extension]:
    if len(rest) != 1 or rest[0].tag != 0xA3:
        raise DerBroken("extensions are missing, or something else stands at their place")
    found: dict[str, Extension] = {}
    for node in der.read(rest[0].content).children():
        parts = list(node.children())
        oid = _oid(parts[0] if parts else None)
        if oid in found:
            raise DerBroken(f"extension {oid} is there twice")
        if parts[-1].tag != der.OCTET_STRING or len(parts) > 3:
            raise DerBroken(f"extension {oid} has no value")
        found[oid] = Extension(_critical(parts[1:-1], notes), parts[-1].content)
    return found


def _critical(parts: list[Node], notes: list[str]) -> bool:
    if not parts:
        return False
    node = parts[0]
    if node.tag != der.BOOLEAN or len(node.content) != 1:
        raise DerBroken(f"a BOOLEAN at offset {node.at} is none")
    _note(notes, "boolean-not-der", node.content != b"\xff")
    return node.content != b"\0"


def _names(name: Node, notes: list[str]) -> None:
    for value in _attribute_values(name):
        bad = value[1].tag == der.PRINTABLE_STRING and not _PRINTABLE.issuperset(value[1].content)
        _note(notes, "printable-string", bad)


def _attribute_values(name: Node) -> Iterator[tuple[str, Node]]:
    for rdn in name.children():
        for attribute in rdn.children():
            parts = list(attribute.children())
            if len(parts) != 2:
                raise DerBroken("an attribute of a name is not made of what it should be")
            yield _oid(parts[0]), parts[1]


def _lengths(raw: bytes, notes: list[str]) -> None:
    """Looks at the lengths of all elements of universal constructed and context tags, without recursion."""
    left = [der.read(raw)]
    while left:
        node = left.pop()
        _note(notes, "length-not-minimal", not node.minimal)
        if node.tag & 0x20:
            left.extend(node.children())


def _key_identifier(extension: Extension | None) -> bytes | None:
    if extension is None:
        return None
    try:
        return next((n.content for n in der.read(extension.value).children() if n.tag == 0x80), None)
    except DerBroken:
        return None


def _purposes(extension: Extension) -> tuple[str, ...]:
    try:
        return tuple(_oid(node) for node in der.read(extension.value).children())
    except DerBroken:
        return ()


def _san_attributes(extension: Extension) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        for general in der.read(extension.value).children():
            if general.tag == 0xA4:
                for oid, value in _attribute_values(der.read(general.content)):
                    if oid in _ATTRIBUTES:
                        found.setdefault(_ATTRIBUTES[oid], value.content.decode("utf-8", "replace"))
    except DerBroken:
        return found
    return found
