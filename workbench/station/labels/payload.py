"""What a label's symbol says, SERIAL*FINGERPRINT*CHECK, and what a scan of it means.  Pure.

SERIAL       as in the certificate: PrintableString, which has no "*"
FINGERPRINT  first 12 hexadecimal digits of the SHA-256 of the key's SubjectPublicKeyInfo; empty for a unit
             without a key
CHECK        two digits over both (ISO/IEC 7064, MOD 97-10, over two decimal digits for each character): one
             wrong character and two neighbours exchanged are always noticed, all else in 96 of 97 cases

Case does not count, as it does not for serial numbers, so that a scanner may type with Caps Lock on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from workbench.identity.labels import compared, fits_certificate
from workbench.languages import _
from workbench.station.labels.errors import LabelSerialUnfit, LabelUnreadable
from workbench.toml_file import shown_text

SEPARATOR: Final = "*"
FINGERPRINT_DIGITS: Final = 12
MAX_PAYLOAD: Final = 128

_SHORT: Final = re.compile(r"(?:[0-9A-F]{12})?")
_HASH: Final = re.compile(r"[0-9A-Fa-f]{12,128}")
_CHECK: Final = re.compile(r"[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Label:
    """What a label says: serial number, short fingerprint ("" for a unit without a key), check digits."""

    serial: str
    fingerprint: str
    check: str


def short_fingerprint(fingerprint: str | None) -> str:
    """The first 12 hexadecimal digits, in capitals; "" stays "".

    Raises LabelSerialUnfit where it is no fingerprint.
    """
    if not fingerprint:
        return ""
    if _HASH.fullmatch(fingerprint) is None:
        raise LabelSerialUnfit(
            f"{shown_text(repr(fingerprint))} is no fingerprint",
            cause=f"a fingerprint is at least {FINGERPRINT_DIGITS} hexadecimal digits of a key's SHA-256",
            action="give it as `workbench identity show` prints the unit's key",
        )
    return fingerprint[:FINGERPRINT_DIGITS].upper()


def label_of(serial: str, fingerprint: str | None = None) -> Label:
    """The label of a unit, with its check digits; raises LabelSerialUnfit."""
    if not fits_certificate(serial):
        raise LabelSerialUnfit(f"{shown_text(repr(serial))} cannot stand in a certificate")
    short = short_fingerprint(fingerprint)
    return Label(serial, short, check_digits(serial, short))


def payload(label: Label) -> str:
    """What stands in the symbol of that label."""
    return SEPARATOR.join((label.serial, label.fingerprint, label.check))


def is_label(text: str) -> bool:
    """Whether a scan claims to be a whole label rather than a serial number alone."""
    return SEPARATOR in text


def parse_label(text: str) -> Label:
    """What a scan says; raises LabelUnreadable for all that is not wholly a label of ours."""
    parts = text.split(SEPARATOR)
    if len(text) > MAX_PAYLOAD or len(parts) != 3:
        raise LabelUnreadable(_("{scan} is no label of ours").format(scan=_shown(text)))
    serial, fingerprint, check = parts[0], parts[1].upper(), parts[2]
    whole = fits_certificate(serial) and _SHORT.fullmatch(fingerprint) and _CHECK.fullmatch(check)
    if not whole:
        raise LabelUnreadable(_("{scan} is no label of ours").format(scan=_shown(text)))
    if check != check_digits(serial, fingerprint):
        raise LabelUnreadable(_("the check digits of {scan} are wrong").format(scan=_shown(text)))
    return Label(serial, fingerprint, check)


def check_digits(serial: str, fingerprint: str) -> str:
    """Two digits, 02 to 98, for printable ASCII of any case."""
    number = 0
    for character in f"{compared(serial)}{SEPARATOR}{fingerprint}".upper():
        number = (number * 100 + ord(character) - ord(" ")) % 97
    return f"{98 - number * 100 % 97:02d}"


def _shown(text: str) -> str:
    return shown_text(repr(text), 80)
