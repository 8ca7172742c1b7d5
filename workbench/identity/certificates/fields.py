"""What a certificate says of its holder: subject and alternative names, as a request gives them.

Pure.  Text is checked here, before it can reach a certificate: one spelling only, nothing invisible.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from workbench.errors import InputError
from workbench.identity.certificates import oids
from workbench.toml_file import shown_text

MAX_BYTES: Final = 64
"""Upper bound of each attribute: RFC 5280 appendix A.1 counts characters, some readers bytes of UTF-8."""
MAX_HARDWARE_SERIAL: Final = 256
PRINTABLE: Final = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]+")
"""Alphabet of PrintableString, in which serialNumber and countryName are."""
DNS_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z"
)
_URL: Final = re.compile(r"https?://[a-z0-9.\[\]:-]{1,253}(/[!-~]{0,500})?\Z")
_OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,38})){1,20}")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class CertificateFieldInvalid(InputError):
    """A value cannot stand in a certificate."""

    code = "certificate-field-invalid"
    default_cause = "a label, a name or a number that does not fit the field of the certificate"
    default_action = "correct the value named above and ask for the certificate again"


@dataclass(frozen=True, slots=True)
class HardwareModule:
    """hardwareModuleName (RFC 4108 section 5): `type_oid` says what numbers `serial` (1 to 256 bytes)."""

    type_oid: str
    serial: bytes

    @classmethod
    def tpm(cls, serial: str) -> HardwareModule:
        """Of a TPM 2.0: `serial` is "manufacturer:EK-AKI:EK-serial", or the hex digest of the EK's public
        key where there is no EK certificate (TCG DevID section 8.1).
        """
        return cls(oids.TPM_20, _ascii("hwSerialNum", serial))


@dataclass(frozen=True, slots=True)
class PermanentIdentifier:
    """permanentIdentifier (RFC 4043 section 2): a `value` that is unique under `assigner`."""

    value: str
    assigner: str | None = None

    @classmethod
    def ek(cls, certificate_sha256: bytes) -> PermanentIdentifier:
        """Of a TPM: the digest of the EK certificate's DER, in lower-case hex (TCG DevID section 8.1)."""
        if len(certificate_sha256) != 32:
            raise CertificateFieldInvalid(f"an SHA-256 has 32 bytes, not {len(certificate_sha256)}")
        return cls(certificate_sha256.hex(), oids.EK_SHA256)


@dataclass(frozen=True, slots=True)
class CertificateFields:
    """What a request gives; the profile says what of it is needed, and refuses the rest.

    `serial_number` is the product's serial number (X520SerialNumber), not the certificate's.  `crl_urls` come
    from the CA.
    """

    common_name: str | None = None
    serial_number: str | None = None
    organization: str | None = None
    organizational_unit: str | None = None
    country: str | None = None
    hardware_module: HardwareModule | None = None
    permanent_identifier: PermanentIdentifier | None = None
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    crl_urls: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for attribute, value in self.attributes().items():
            check_attribute(attribute, value)
        for name in self.dns_names:
            _check_dns_name(name)
        for address in self.ip_addresses:
            _check_address(address)
        for url in self.crl_urls:
            _check_url(url)
        if (
            self.hardware_module is not None
            and not 1 <= len(self.hardware_module.serial) <= MAX_HARDWARE_SERIAL
        ):
            raise CertificateFieldInvalid(f"hwSerialNum has 1 to {MAX_HARDWARE_SERIAL} bytes")
        if self.permanent_identifier is not None:
            _ascii("permanentIdentifier", self.permanent_identifier.value)
            assigner = self.permanent_identifier.assigner
            if assigner is not None and not _OID.fullmatch(assigner):
                raise CertificateFieldInvalid(f"{shown_text(repr(assigner))} is no object identifier")

    def attributes(self) -> dict[str, str]:
        """Attributes of the subject that are given, by their X.520 names, in the certificate's order."""
        given = {
            "countryName": self.country,
            "organizationName": self.organization,
            "organizationalUnitName": self.organizational_unit,
            "commonName": self.common_name,
            "serialNumber": self.serial_number,
        }
        return {name: value for name, value in given.items() if value is not None}


def check_attribute(name: str, value: str) -> None:
    """Raises CertificateFieldInvalid where `value` cannot be the subject's attribute `name`."""
    if wrong := attribute_problem(name, value):
        raise CertificateFieldInvalid(f"{name} {shown_text(repr(value))} {wrong}")


def attribute_problem(name: str, value: str) -> str | None:
    """What is wrong with an attribute's value, None where nothing is."""
    if name == "countryName":
        return None if re.fullmatch("[A-Z]{2}", value) else "is not a country code of two capital letters"
    if not value.strip():
        return "is empty"
    if len(value.encode("utf-8", "replace")) > MAX_BYTES:
        return f"has {len(value.encode('utf-8', 'replace'))} bytes in UTF-8, at most {MAX_BYTES} fit"
    if value != value.strip():
        return "begins or ends with a space"
    if any(unicodedata.category(c) in _INVISIBLE for c in value):
        return "has characters that cannot be seen"
    if unicodedata.normalize("NFC", value) != value:
        return "is not in Unicode's composed form (NFC)"
    if name == "serialNumber" and not PRINTABLE.fullmatch(value):
        return "has characters outside PrintableString (letters, digits, space and '()+,-./:=?)"
    return None


def _check_dns_name(name: str) -> None:
    if not DNS_NAME.match(name) or name.rpartition(".")[2].isdigit():
        raise CertificateFieldInvalid(
            f"{shown_text(repr(name))} is no DNS name in lower case without wildcards"
        )


def _check_address(address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise CertificateFieldInvalid(f"{shown_text(repr(address))} is no IP address") from None


def _check_url(url: str) -> None:
    if not _URL.match(url):
        raise CertificateFieldInvalid(f"{shown_text(repr(url))} is no http URL")


def _ascii(what: str, text: str) -> bytes:
    if not text or len(text) > MAX_HARDWARE_SERIAL or not all("!" <= c <= "~" for c in text):
        raise CertificateFieldInvalid(
            f"{what} {shown_text(repr(text))} is not 1 to {MAX_HARDWARE_SERIAL} visible ASCII characters"
        )
    return text.encode("ascii")
