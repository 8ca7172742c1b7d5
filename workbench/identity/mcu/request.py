"""What a station sends to the CA for a microcontroller, and what the enrolment's MAC is over.  Pure.

The device makes a key, signs a PKCS#10 request (RFC 2986) whose subject is its chip ID, and puts into the
attribute challengePassword (RFC 2985, 5.4.1) a MAC under the one-time secret that the debug probe wrote into
the unit.  Whoever can make that MAC had the chip that the probe was connected to: the request is bound to
chip, nonce and key.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, get_args

MAC_DOMAIN: Final = b"WBENROL1"
NONCE_BYTES: Final = 32
SECRET_BYTES: Final = 32
CHIP_ID_BYTES: Final = 8
POINT_BYTES: Final = 65

MAX_CSR_BYTES: Final = 1024

KeyOrigin = Literal["on-chip", "injected"]
ORIGINS: Final[tuple[str, ...]] = get_args(KeyOrigin)


@dataclass(frozen=True, slots=True, kw_only=True)
class McuRequest:
    """One unit's request.

    `request_id` is a UUID as text.  `chip_id` has 8 bytes as the chip's words lie in memory, read by the
    probe and not told by the device.  `csr` is DER.  `station_time` is in seconds since 1970 UTC.
    """

    request_id: str
    serial: str
    model: str
    station: str
    chip_id: bytes
    csr: bytes = field(repr=False)
    key_origin: str
    station_time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class McuPolicy:
    """What a CA accepts.

    `models`: None accepts any.  `serial_pattern` is a regular expression for a whole serial number.
    `refused_keys`: SHA-256 of public keys (SubjectPublicKeyInfo) that are known to everybody.
    `clock_tolerance_s`: how far the station's clock may be from the CA's.
    """

    origins: frozenset[str] = frozenset({"on-chip"})
    models: frozenset[str] | None = None
    serial_pattern: str = r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}"
    refused_keys: frozenset[bytes] = frozenset()
    clock_tolerance_s: int = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedMcu:
    """A request that passed every check.

    `point` is the uncompressed P-256 point (SEC 1, 2.3.3), `spki` its SubjectPublicKeyInfo in DER, digests
    are lower-case hexadecimal SHA-256.
    """

    request: McuRequest
    public_key: Any
    point: bytes
    spki: bytes
    spki_sha256: str
    csr_sha256: str
    hardware_serial: str
    """The chip's ID as the workbench writes it: for hardwareModuleName's hwSerialNum."""
    checked: tuple[str, ...]
    """Names of the checks that were done, in their order."""
    at: datetime


def chip_text(chip_id: bytes) -> str:
    """A chip ID as the workbench writes it: the words of `chip_id` as one hexadecimal number."""
    return chip_id[::-1].hex()


def enrolment_mac(secret: bytes, nonce: bytes, chip_id: bytes, point: bytes) -> str:
    """The attribute's value: HMAC-SHA256 in lower-case hexadecimal."""
    return hmac.digest(secret, MAC_DOMAIN + nonce + chip_id + point, "sha256").hex()
