"""Known deviations of endorsement certificates, each of which an authority may let pass by name; none is by
default.

Seen in the field: serial numbers with leading zero bytes (go-attestation 362), certificates whose re-encoding
differs (keylime 1775), keys under the id-RSAES-OAEP identifier, certificates without the EK purpose.
"""

from __future__ import annotations

from typing import Final

QUIRKS: Final[dict[str, str]] = {
    "serial-leading-zeros": "the serial number is an INTEGER with superfluous leading zero bytes",
    "serial-not-positive": "the serial number is zero or negative",
    "length-not-minimal": "a length is written in more bytes than DER allows",
    "boolean-not-der": "a BOOLEAN is written in a way that DER does not have",
    "time-form": "a date is GeneralizedTime before 2050, or has no seconds",
    "algorithm-mismatch": "the signature's algorithm is not written alike inside and outside",
    "printable-string": "a PrintableString has characters that it may not have",
    "oaep-key": "the key is under id-RSAES-OAEP instead of rsaEncryption",
    "strict-parser": "a strict X.509 parser refuses the certificate for a reason that has no name here",
    "eku-missing": "the purpose 2.23.133.8.1 (EK certificate) is not there",
    "attributes-missing": "TPM manufacturer, model or version is not in the subject's alternative names",
}
"""Name → what it means; what may stand in `EkPolicy.quirks`."""

MANUFACTURER_ALIASES: Final[dict[str, str]] = {"00001014": "IBM"}
"""tpmManufacturer (hex after `id:`) that is not the ASCII code the TPM itself tells: the emulator's PCI
vendor id.
"""

EMULATORS: Final = frozenset({"IBM", "SW", "MSFT", "XCG"})
"""Manufacturers (without padding) of emulated TPMs, refused in production: libtpms, reference code,
simulators.
"""


def manufacturer_text(code: str) -> str:
    """Four characters of TPM_PT_MANUFACTURER as they are compared: without padding."""
    return code.rstrip("\0 ")


def manufacturer_of_id(value: str) -> str | None:
    """Manufacturer in the form of `manufacturer_text` from tpmManufacturer `id:XXXXXXXX`; None if it is
    none.
    """
    digits = value[3:].upper()
    if not value.startswith("id:") or len(digits) != 8 or any(d not in "0123456789ABCDEF" for d in digits):
        return None
    alias = MANUFACTURER_ALIASES.get(digits)
    return alias if alias is not None else manufacturer_text(bytes.fromhex(digits).decode("latin-1"))
