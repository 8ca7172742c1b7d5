"""When two serial numbers are one and the same.  Pure.

X.520 compares a subject's serialNumber by caseIgnoreMatch (RFC 4517 section 4.2.11; RFC 5280 section 7.1):
case does not count, and several spaces are one.  Who verifies a certificate may take "a-1" and "A-1" for one
unit, so they must not be two.
"""

from __future__ import annotations

from typing import Final

MAX_SERIAL: Final = 64
"""ub-serial-number, RFC 5280 appendix A.1."""
_PRINTABLE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")


def fits_certificate(serial: str) -> bool:
    """Whether it can stand in a certificate: 1 to 64 characters of PrintableString, no space at its ends."""
    return 0 < len(serial) <= MAX_SERIAL and _PRINTABLE.issuperset(serial) and serial == serial.strip()


def compared(serial: str) -> str:
    """What is equal for serial numbers that a reader of certificates takes for one."""
    return " ".join(serial.split()).casefold()
