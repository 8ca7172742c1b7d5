"""Keys that are derived from other keys: HKDF-SHA256 without a salt (RFC 5869).  Pure.

The labels are part of the device's code too (firmware-samples/secure); docs/images.md lists them.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from workbench.errors import InputError

KEK_BYTES: Final = 16
SECRET_BYTES: Final = 32
CHIP_ID_BYTES: Final = 8


class SecretInvalid(InputError):
    """A key or an identifier has the wrong length."""

    code = "secret-invalid"
    default_cause = "a key file of another kind, or one that was cut short"
    default_action = "name the file with the right key; the message says how long it is"


def hkdf(secret: bytes, info: bytes, size_bytes: int) -> bytes:
    """HKDF-SHA256 of `secret` with an empty salt."""
    return HKDF(algorithm=SHA256(), length=size_bytes, salt=None, info=info).derive(secret)


def unit_secret(master: bytes, chip_id: bytes) -> bytes:
    """U, the secret of one unit (32 bytes); `chip_id` is 8 bytes as the chip's words lie in memory."""
    _length("master secret", master, SECRET_BYTES)
    _length("chip ID", chip_id, CHIP_ID_BYTES)
    return hkdf(master, b"workbench unit" + chip_id, SECRET_BYTES)


def kek_of(unit: bytes) -> bytes:
    """Key that wraps the payload keys of images for the unit whose secret is `unit` (16 bytes)."""
    _length("unit secret", unit, SECRET_BYTES)
    return hkdf(unit, b"workbench kek", KEK_BYTES)


def mac_key_of(unit: bytes) -> bytes:
    """Key of the HMAC over images for the unit whose secret is `unit` (32 bytes)."""
    _length("unit secret", unit, SECRET_BYTES)
    return hkdf(unit, b"workbench mac", SECRET_BYTES)


def challenge_key(secret: bytes) -> bytes:
    """Key of challenge answers (32 bytes), from the fleet's KEK (tier 1) or a unit's secret (tier 1+)."""
    if len(secret) not in (KEK_BYTES, SECRET_BYTES):
        raise SecretInvalid(f"a challenge key comes from 16 or 32 bytes, not {len(secret)}")
    return hkdf(secret, b"workbench challenge", SECRET_BYTES)


def _length(name: str, value: bytes, size_bytes: int) -> None:
    if len(value) != size_bytes:
        raise SecretInvalid(f"the {name} has {len(value)} bytes instead of {size_bytes}")
