"""What a virtual TPM's vendor does once: certify its endorsement keys and put the certificates into it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from workbench.virtual import tpm_commands as tc
from workbench.virtual.tpm_firmware import ENDORSEMENT_INDICES, Firmware
from workbench.virtual.tpm_vendor import PublicKey, open_vendor

PIECE: Final = 512
POLICY_LOW: Final = hashlib.sha256(
    hashlib.sha256(bytes(32) + bytes.fromhex("000001514000000b")).digest()
).digest()
"""PolicySecret(endorsement), the policy of the low range (TCG EK Credential Profile, B.3)."""
POLICY_HIGH: Final = bytes.fromhex(
    "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12"
)
"""PolicyB for SHA-384, the policy of the high range (TCG EK Credential Profile, B.6)."""
RSA_2048: Final = (
    struct.pack(">HHIH", 0x0001, 0x000B, 0x000300B2, len(POLICY_LOW))
    + POLICY_LOW
    + struct.pack(">HHHHHIH", 0x0006, 128, 0x0043, 0x0010, 2048, 0, 256)
    + bytes(256)
)
"""Template L-1."""
ECC_P384: Final = (
    struct.pack(">HHIH", 0x0023, 0x000C, 0x000300F2, len(POLICY_HIGH))
    + POLICY_HIGH
    + struct.pack(">HHHHHHHH", 0x0006, 256, 0x0043, 0x0010, 0x0004, 0x0010, 0, 0)
)
"""Template H-3."""
ECC_POINT: Final = len(ECC_P384) - 4
"""Where the point begins in a public area of that template."""


@dataclass(frozen=True, slots=True)
class Endorsement:
    """An endorsement key and the NV index of its certificate."""

    template: bytes
    index: int


ENDORSEMENTS: Final = tuple(map(Endorsement, (RSA_2048, ECC_P384), ENDORSEMENT_INDICES))


def endorse(firmware: Firmware, endorsement: Endorsement, certify: Callable[[PublicKey], bytes]) -> None:
    """Puts an EK's certificate into the TPM; the rest of an interrupted attempt is removed first."""
    index = endorsement.index
    if firmware.is_locked(index):
        return
    if tc.nv_attributes(firmware.ask(tc.nv_read_public(index))) is not None:
        firmware.tell(tc.nv_undefine(index))
    created = firmware.tell(tc.create_ek(endorsement.template))
    firmware.tell(tc.flush(int.from_bytes(created[:4], "big")))
    certificate = certify(public_key(created[8:]))
    firmware.tell(tc.nv_define(index, len(certificate)))
    for offset in range(0, len(certificate), PIECE):
        firmware.tell(tc.nv_write(index, certificate[offset : offset + PIECE], offset))
    firmware.tell(tc.nv_write_lock(index))


def manufacture(firmware: Firmware, vendor_folder: Path) -> None:
    """Makes a TPM complete that had its Startup.  Raises CommandFailed, OSError, ValueError."""
    vendor = open_vendor(vendor_folder)
    version = firmware_version(firmware)
    for endorsement in ENDORSEMENTS:
        endorse(firmware, endorsement, lambda key: vendor.certify(key, version))


def firmware_version(firmware: Firmware) -> str:
    """TPM_PT_FIRMWARE_VERSION_1, 8 hexadecimal digits."""
    body = firmware.tell(tc.command(0x17A, parameters=struct.pack(">III", 6, 0x10B, 1), auth=False))
    return body[-4:].hex().upper()


def public_key(created: bytes) -> PublicKey:
    """Public key in a TPM2B_PUBLIC of one of the two templates.  Raises ValueError."""
    area = created[2 : 2 + int.from_bytes(created[:2], "big")]
    if area[:2] == b"\x00\x01":
        return rsa.RSAPublicNumbers(65537, int.from_bytes(area[-256:], "big")).public_key()
    x_size = int.from_bytes(area[ECC_POINT : ECC_POINT + 2], "big")
    x, y = area[ECC_POINT + 2 : ECC_POINT + 2 + x_size], area[ECC_POINT + 4 + x_size :]
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP384R1()
    )
    return numbers.public_key()
