"""Endorsement keys: their templates and NV indices as data, and the question whether one is believed.

TCG EK Credential Profile 2.2 and 3.2.  `check_ek` binds the certificate to the key byte by byte, follows it
to a pinned root and looks at dates, purpose and attributes; without a certificate only a vendor's list can
vouch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Literal

from workbench.identity.tpm.ek_certificate import EkCertificate
from workbench.identity.tpm.policies import ek_policy_high, ek_policy_low
from workbench.identity.tpm.public_key import spki
from workbench.identity.tpm.structures import (
    Alg,
    Attribute,
    Curve,
    EccKey,
    PublicArea,
    RsaKey,
    Symmetric,
    build_public,
    parse_public,
)

CHAIN_FIRST: Final = 0x01C00100
CHAIN_LAST: Final = 0x01C001FF
"""NV indices of the certificates over the EK certificates."""

_LOW: Final = (
    Attribute.FIXED_TPM
    | Attribute.FIXED_PARENT
    | Attribute.SENSITIVE_DATA_ORIGIN
    | Attribute.ADMIN_WITH_POLICY
    | Attribute.RESTRICTED
    | Attribute.DECRYPT
)
_HIGH: Final = _LOW | Attribute.USER_WITH_AUTH


@dataclass(frozen=True, slots=True)
class EkTemplate:
    """One EK template of the profile and where its things are in NV; None where the profile has no such
    index.

    range: `L` keys are used by policy only, `H` keys by an empty password as well.
    """

    id: str
    title: str
    cert_index: int
    nonce_index: int | None
    template_index: int
    name_alg: Alg
    curve: Curve | None
    bits: int
    symmetric_bits: int

    @property
    def range(self) -> Literal["L", "H"]:
        """Low or high range."""
        return "L" if self.id.startswith("L") else "H"


def _t(id: str, title: str, cert: int, hash_alg: Alg, curve: Curve | None, bits: int, aes: int) -> EkTemplate:
    low = id.startswith("L")
    nonce, own = (cert + 1, cert + 2) if low else (None, cert + 1)
    return EkTemplate(id, title, cert, nonce, own, hash_alg, curve, bits, aes)


EK_TEMPLATES: Final[dict[str, EkTemplate]] = {
    t.id: t
    for t in (
        _t("L-1", "RSA-2048, SHA-256, low range", 0x01C00002, Alg.SHA256, None, 2048, 128),
        _t("L-2", "ECC P-256, SHA-256, low range", 0x01C0000A, Alg.SHA256, Curve.P256, 256, 128),
        _t("H-1", "RSA-2048, SHA-256", 0x01C00012, Alg.SHA256, None, 2048, 128),
        _t("H-2", "ECC P-256, SHA-256", 0x01C00014, Alg.SHA256, Curve.P256, 256, 128),
        _t("H-3", "ECC P-384, SHA-384", 0x01C00016, Alg.SHA384, Curve.P384, 384, 256),
        _t("H-4", "ECC P-521, SHA-512", 0x01C00018, Alg.SHA512, Curve.P521, 521, 256),
        _t("H-6", "RSA-3072, SHA-384", 0x01C0001C, Alg.SHA384, None, 3072, 256),
        _t("H-7", "RSA-4096, SHA-384", 0x01C0001E, Alg.SHA384, None, 4096, 256),
    )
}
SEARCH_ORDER: Final = ("H-3", "H-2", "H-4", "H-1", "H-6", "H-7", "L-2", "L-1")
"""In which order a station looks for certificates: the high range first, ECC before RSA."""


def ek_area(id: str, nonce: bytes = b"") -> PublicArea:
    """The public area to give to TPM2_CreatePrimary; `nonce` is what lies in the nonce index (low range).
    Raises KeyError.
    """
    shape = EK_TEMPLATES[id]
    low = shape.range == "L"
    size = (shape.bits + 7) // 8
    key: RsaKey | EccKey
    if shape.curve is None:
        key = RsaKey(shape.bits, 0, nonce.ljust(size, b"\0") if low else b"")
    else:
        filled = bytes(size) if low else b""
        key = EccKey(shape.curve, None, nonce.ljust(size, b"\0") if low else b"", filled)
    return PublicArea(
        shape.name_alg,
        _LOW if low else _HIGH,
        ek_policy_low() if low else ek_policy_high(shape.name_alg),
        Symmetric(Alg.AES, shape.symmetric_bits, Alg.CFB),
        None,
        key,
    )


def ek_template(id: str, nonce: bytes = b"") -> bytes:
    """`ek_area` as TPMT_PUBLIC."""
    return build_public(ek_area(id, nonce))


def recognise_ek(public: PublicArea) -> str | None:
    """Id of the template that this EK was made by, None if by none of them; `unique` is not looked at."""
    return next((id for id in EK_TEMPLATES if not ek_deviations(public, id)), None)


def ek_deviations(public: PublicArea, id: str) -> tuple[str, ...]:
    """Fields that differ from an EK template's, by the specification's names."""
    wanted = ek_area(id)
    names = ("name_alg", "attributes", "auth_policy", "symmetric", "scheme")
    titles = ("nameAlg", "objectAttributes", "authPolicy", "symmetric", "scheme")
    found = [t for t, n in zip(titles, names, strict=True) if getattr(public, n) != getattr(wanted, n)]
    return (*found, *([] if _same_key_form(public.key, wanted.key) else ["parameters"]))


def _same_key_form(key: RsaKey | EccKey, wanted: RsaKey | EccKey) -> bool:
    if isinstance(key, RsaKey) and isinstance(wanted, RsaKey):
        return key.bits == wanted.bits and key.exponent in (0, 65537)
    if isinstance(key, EccKey) and isinstance(wanted, EccKey):
        return (key.curve, key.kdf) == (wanted.curve, wanted.kdf)
    return False


def ek_digest(public: PublicArea | bytes) -> str:
    """SHA-256 (hex) of an EK's SubjectPublicKeyInfo: how lists and the ledger name an EK.

    `public` as bytes is a TPMT_PUBLIC.  Raises TpmStructureMalformed.
    """
    area = public if isinstance(public, PublicArea) else parse_public(public)
    return hashlib.sha256(spki(area)).hexdigest()


def hardware_serial(certificate: EkCertificate | None, public: PublicArea) -> str:
    """hwSerialNum of the hardwareModuleName (TCG Keys for Device Identity 8.1).

    `MANUFACTURER:AKI:SERIAL` in upper-case hex; where certificate, manufacturer or AKI is missing the EK's
    digest.
    """
    if certificate is not None:
        manufacturer = certificate.attributes.get("manufacturer", "")
        identifier = certificate.key_identifier
        if manufacturer.startswith("id:") and len(manufacturer) == 11 and identifier:
            return f"{manufacturer[3:].upper()}:{identifier.hex().upper()}:{certificate.serial.hex().upper()}"
    return ek_digest(public)
