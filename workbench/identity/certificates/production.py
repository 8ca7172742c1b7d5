"""What production must not use: test CAs, software tokens, software TPMs, keys that everybody has.  Pure.

Every reason is returned; `refuse_production` raises where there is one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from workbench.errors import Blame, WorkbenchError
from workbench.identity.certificates.known_keys import KNOWN_KEYS
from workbench.images.certificates import is_test
from workbench.toml_file import shown_text

_TPM_MANUFACTURERS: Final = {
    "IBM": "the manufacturer of swtpm",
    "MSFT": "the manufacturer of Microsoft's TPM simulator",
    "SW": "a manufacturer that says software",
}
_TPM_MANUFACTURER_IDS: Final = ("id:00001014", "id:49424D00", "id:4D534654")
"""tpmManufacturer of swtpm's and the simulators' EK certificates (2.23.133.2.1)."""
_TPM_MANUFACTURER: Final = x509.ObjectIdentifier("2.23.133.2.1")
_SOFTWARE_TPM_WORDS: Final = ("SW TPM", "SWTPM", "XCG FTPM", "SIMULATOR")
_SOFTWARE_TOKEN_WORDS: Final = ("softhsm", "soft hsm", "opencryptoki soft")
_SMALL_SCALARS: Final = 16
_ERRORS: Final = (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType)


class NotForProduction(WorkbenchError):
    """A production recipe would use something made for tests."""

    code = "test-material-refused"
    blame = Blame.TRUST
    default_cause = "a test CA, a software token, a software TPM, or a key from somebody's examples"
    default_action = "use the CA, keys and TPMs of production, or a recipe that is not for production"

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__("not for production: " + "; ".join(reason.words for reason in reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that production refuses; `code` is stable."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Material:
    """What a recipe would use; what does not apply is left empty.

    `certificates` and `ek_certificates` are DER; `public_keys` SubjectPublicKeyInfo in DER.  `token` holds
    the texts by which a PKCS#11 token describes itself (manufacturer, model, label, library), `key_store` the
    CA's word for it.  `test_keys` names key folders that say of themselves that they are for tests.
    """

    certificates: Sequence[bytes] = ()
    public_keys: Sequence[bytes] = ()
    key_store: str | None = None
    token: Sequence[str] = ()
    tpm_manufacturer: str | None = None
    tpm_vendor: str | None = None
    ek_certificates: Sequence[bytes] = ()
    test_keys: Sequence[str] = ()


def refuse_production(material: Material) -> None:
    """Raises NotForProduction with every reason against `material`."""
    if reasons := production_reasons(material):
        raise NotForProduction(reasons)


def production_reasons(material: Material) -> list[Reason]:
    """Every reason, empty where production may use it."""
    return [
        *(reason for der in material.certificates for reason in _certificate(der)),
        *(reason for spki in material.public_keys for reason in _public_key(spki)),
        *_token(material),
        *_tpm(material),
        *(reason for der in material.ek_certificates for reason in _ek_certificate(der)),
        *(
            Reason("test-keys", f"the key folder {shown_text(name)} is for tests")
            for name in material.test_keys
        ),
    ]


def known_key(spki: bytes) -> str | None:
    """Whose published key that is, None for a key of nobody known.  `spki` is DER; raises ValueError."""
    digest = hashlib.sha256(_canonical(spki)).hexdigest()
    for whose, digests in KNOWN_KEYS.items():
        if digest in digests:
            return whose
    return "a private key that is a small number" if digest in _small_keys() else None


def known_key_hashes() -> frozenset[bytes]:
    """SHA-256 of the SubjectPublicKeyInfo of every key that everybody has, for checks that take a set."""
    listed = (digest for digests in KNOWN_KEYS.values() for digest in digests)
    return frozenset(bytes.fromhex(digest) for digest in (*listed, *_small_keys()))


def _certificate(der: bytes) -> Iterator[Reason]:
    try:
        certificate = x509.load_der_x509_certificate(der)
        name = shown_text(certificate.subject.rfc4514_string())
        if is_test(certificate):
            yield Reason("test-certificate", f"the certificate {name} is marked TEST, or its issuer is")
        spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except _ERRORS:
        yield Reason("unreadable", "a certificate that cannot be read")
        return
    yield from _public_key(spki)


def _public_key(spki: bytes) -> Iterator[Reason]:
    try:
        whose = known_key(spki)
    except _ERRORS:
        yield Reason("unreadable", "a public key that cannot be read")
        return
    if whose is not None:
        yield Reason("known-test-key", f"a key that everybody has: {whose}")


def _token(material: Material) -> Iterator[Reason]:
    texts = [material.key_store or "", *material.token]
    if any(word in text.lower() for text in texts for word in _SOFTWARE_TOKEN_WORDS):
        yield Reason("software-token", "the CA's keys are in a software token (SoftHSM)")
    for text in material.token:
        if "TEST" in text.upper().replace("-", " ").replace("_", " ").split():
            yield Reason("test-token", f"the token says that it is for tests: {shown_text(text)}")


def _tpm(material: Material) -> Iterator[Reason]:
    manufacturer = _plain(material.tpm_manufacturer)
    if manufacturer in _TPM_MANUFACTURERS:
        why = _TPM_MANUFACTURERS[manufacturer]
        yield Reason("software-tpm", f"the TPM is of manufacturer {manufacturer}, {why}")
    vendor = _plain(material.tpm_vendor)
    if any(word in vendor for word in _SOFTWARE_TPM_WORDS):
        yield Reason("software-tpm", f"the TPM calls itself {shown_text(vendor)}")


def _ek_certificate(der: bytes) -> Iterator[Reason]:
    try:
        certificate = x509.load_der_x509_certificate(der)
        issuer = certificate.issuer.rfc4514_string()
        manufacturers = _manufacturers(certificate)
    except (*_ERRORS, x509.DuplicateExtension):
        yield Reason("unreadable", "an EK certificate that cannot be read")
        return
    if "swtpm" in issuer.lower():
        yield Reason("software-tpm", f"the EK certificate is issued by {shown_text(issuer)}")
    for text in manufacturers:
        if text.lower() in [known.lower() for known in _TPM_MANUFACTURER_IDS]:
            yield Reason("software-tpm", f"the EK certificate is of manufacturer {shown_text(text)}")


def _manufacturers(certificate: x509.Certificate) -> list[str]:
    """tpmManufacturer in the directory names of the alternative names."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    found = [
        name.get_attributes_for_oid(_TPM_MANUFACTURER)
        for name in names.get_values_for_type(x509.DirectoryName)
    ]
    return [str(attribute.value) for attributes in found for attribute in attributes]


def _plain(text: str | None) -> str:
    """Upper case, without padding, one space between words."""
    return " ".join((text or "").replace("\0", " ").upper().split())


def _canonical(spki: bytes) -> bytes:
    """The key encoded in one way, whatever form its point had."""
    key = load_der_public_key(spki)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@cache
def _small_keys() -> frozenset[str]:
    """Keys on P-256 and P-384 with the private scalar 1, 2, 3 …: what a stuck generator makes."""
    curves: tuple[ec.EllipticCurve, ...] = (ec.SECP256R1(), ec.SECP384R1())
    keys = [
        ec.derive_private_key(scalar, curve).public_key()
        for curve in curves
        for scalar in range(1, _SMALL_SCALARS + 1)
    ]
    return frozenset(
        hashlib.sha256(k.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
        for k in keys
    )
