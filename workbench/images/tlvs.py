"""Types of TLVs, which area each belongs to, and the values of the simple ones.  Pure.

Source: MCUboot, docs/design.md and bootutil/image.h.  Types from 0xA0 on are the workbench's own, in the
range that MCUboot leaves to vendors; docs/images.md describes them.
"""

from __future__ import annotations

import re
import struct
import uuid
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from workbench.errors import InputError
from workbench.images.refusals import TlvMalformed, TooLarge


class TlvType(IntEnum):
    """Types by their names in MCUboot."""

    KEYHASH = 0x01
    PUBKEY = 0x02
    SHA256 = 0x10
    SHA384 = 0x11
    SHA512 = 0x12
    RSA2048_PSS = 0x20
    ECDSA_SIG = 0x22
    RSA3072_PSS = 0x23
    ED25519 = 0x24
    SIG_PURE = 0x25
    ENC_RSA2048 = 0x30
    ENC_KW = 0x31
    ENC_EC256 = 0x32
    ENC_X25519 = 0x33
    ENC_X25519_SHA512 = 0x34
    DEPENDENCY = 0x40
    SEC_CNT = 0x50
    BOOT_RECORD = 0x60
    DECOMP_SIZE = 0x70
    DECOMP_SHA = 0x71
    DECOMP_SIGNATURE = 0x72
    COMP_DEC_SIZE = 0x73
    IMGTOOL_VID = 0x74
    """What imgtool 2.5 writes for UUID_VID."""
    IMGTOOL_CID = 0x75
    """What imgtool 2.5 writes for UUID_CID."""
    UUID_VID = 0x80
    UUID_CID = 0x81
    SIGNER_CHAIN = 0xA0
    """Ours: DER certificates one after the other, the signer's first, without the root."""
    SIGNING_TIME = 0xA1
    """Ours: u64, seconds since 1970 UTC."""
    HMAC = 0xA2
    """Ours: HMAC-SHA256 over what the hash covers."""
    SEVERITY = 0xA3
    """Ours: u8, see Severity."""
    MAX_DEFERRALS = 0xA4
    """Ours: u16, how often a mandatory update may be put off."""


class Severity(IntEnum):
    """How much an update presses; without it no consent is asked."""

    OPTIONAL = 0
    MANDATORY = 1
    CRITICAL = 2


HASHES: Final = frozenset({TlvType.SHA256, TlvType.SHA384, TlvType.SHA512})
SIGNATURES: Final = frozenset({TlvType.RSA2048_PSS, TlvType.ECDSA_SIG, TlvType.RSA3072_PSS, TlvType.ED25519})
WRAPPED_KEYS: Final = frozenset(
    {
        TlvType.ENC_RSA2048,
        TlvType.ENC_KW,
        TlvType.ENC_EC256,
        TlvType.ENC_X25519,
        TlvType.ENC_X25519_SHA512,
    }
)
COMPRESSION: Final = frozenset(
    {TlvType.DECOMP_SIZE, TlvType.DECOMP_SHA, TlvType.DECOMP_SIGNATURE, TlvType.COMP_DEC_SIZE}
)
UNPROTECTED: Final = (
    HASHES | SIGNATURES | WRAPPED_KEYS | {TlvType.KEYHASH, TlvType.PUBKEY, TlvType.SIG_PURE, TlvType.HMAC}
)
"""Known types that belong outside the protected area."""
_UNPROTECTED_RANGES: Final = (range(0x03), range(0x10, 0x35), range(TlvType.HMAC, TlvType.HMAC + 1))
_CANONICAL: Final[dict[int, int]] = {
    TlvType.IMGTOOL_VID: TlvType.UUID_VID,
    TlvType.IMGTOOL_CID: TlvType.UUID_CID,
}

SIZES: Final[dict[int, int]] = {
    TlvType.SHA256: 32,
    TlvType.SHA384: 48,
    TlvType.SHA512: 64,
    TlvType.RSA2048_PSS: 256,
    TlvType.RSA3072_PSS: 384,
    TlvType.ED25519: 64,
    TlvType.SIG_PURE: 1,
    TlvType.ENC_RSA2048: 256,
    TlvType.DEPENDENCY: 12,
    TlvType.SEC_CNT: 4,
    TlvType.DECOMP_SIZE: 4,
    TlvType.COMP_DEC_SIZE: 4,
    TlvType.IMGTOOL_VID: 16,
    TlvType.IMGTOOL_CID: 16,
    TlvType.UUID_VID: 16,
    TlvType.UUID_CID: 16,
    TlvType.SIGNING_TIME: 8,
    TlvType.HMAC: 32,
    TlvType.SEVERITY: 1,
    TlvType.MAX_DEFERRALS: 2,
}
"""Bytes that a value must have."""

MAX_VALUE_BYTES: Final = 0xFFFF
_REPEATED: Final = frozenset({TlvType.DEPENDENCY})


@dataclass(frozen=True, slots=True)
class Tlv:
    """A type (16 bit), and a value of at most 65535 bytes."""

    type: int
    value: bytes

    def encode(self) -> bytes:
        """As it lies in the image; raises TooLarge."""
        if len(self.value) > MAX_VALUE_BYTES:
            raise TooLarge(f"{self.name} has {len(self.value)} bytes; a TLV holds {MAX_VALUE_BYTES}")
        return struct.pack("<HH", self.type, len(self.value)) + self.value

    @property
    def name(self) -> str:
        """Name of the type, or its number."""
        return type_name(self.type)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """An image's version.  In comparisons the build number counts, as on the device."""

    major: int
    minor: int = 0
    revision: int = 0
    build: int = 0

    @property
    def counter(self) -> int:
        """The security counter that imgtool makes of it with `auto`."""
        return (self.major << 24) + (self.minor << 16) + self.revision

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.revision}"
        return f"{text}+{self.build}" if self.build else text

    @classmethod
    def parse(cls, text: str) -> Version:
        """1.2, 1.2.3, 1.2.3+4; raises VersionInvalid."""
        found = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,3}))?(?:\.(\d{1,5}))?(?:\+(\d{1,10}))?", text, re.ASCII)
        numbers = [int(part or 0) for part in found.groups()] if found else []
        limits = (0xFF, 0xFF, 0xFFFF, 0xFFFFFFFF)
        if not found or any(number > limit for number, limit in zip(numbers, limits, strict=True)):
            raise VersionInvalid(f"'{text[:40]}' is no version")
        return cls(*numbers)


class VersionInvalid(InputError):
    """This is no version."""

    code = "version-invalid"
    default_cause = "a mistyped version; the largest one is 255.255.65535+4294967295"
    default_action = "write it as MAJOR.MINOR.REVISION or MAJOR.MINOR.REVISION+BUILD: 1.2.3, 1.2.3+4"


@dataclass(frozen=True, slots=True)
class Dependency:
    """Another image (its number) that must be there in at least that version."""

    image: int
    version: Version

    def encode(self) -> bytes:
        """Value of the TLV."""
        v = self.version
        return struct.pack("<B3xBBHI", self.image, v.major, v.minor, v.revision, v.build)

    @classmethod
    def decode(cls, value: bytes) -> Dependency:
        """From the TLV's value, 12 bytes."""
        image, *version = struct.unpack("<B3xBBHI", value)
        return cls(image, Version(*version))


def type_name(number: int) -> str:
    """Name of a type, or its number: `0x1234`."""
    try:
        return TlvType(number).name
    except ValueError:
        return f"{number:#06x}"


def canonical(number: int) -> int:
    """The type's one number: vendor and class have two."""
    return _CANONICAL.get(number, number)


def is_unprotected(number: int) -> bool:
    """Whether the type belongs outside the protected area, known or not; all others belong inside."""
    return any(number in numbers for numbers in _UNPROTECTED_RANGES)


def may_repeat(number: int) -> bool:
    """Whether an image may have several of that type."""
    return number in _REPEATED


def check_value(tlv: Tlv) -> None:
    """Raises TlvMalformed where the value has not the size that its type demands."""
    size = SIZES.get(tlv.type)
    if size is not None and len(tlv.value) != size:
        raise TlvMalformed(f"{tlv.name} has {len(tlv.value)} bytes instead of {size}")
    if tlv.type == TlvType.SEVERITY and tlv.value[0] > Severity.CRITICAL:
        raise TlvMalformed(f"{tlv.name} is {tlv.value[0]}; it goes from 0 to 2")


def uuid_of(text: str, namespace: bytes | None) -> bytes:
    """VID or CID as imgtool makes it: a UUID as it stands, else UUIDv5 of the text in the namespace.

    A vendor's namespace is `uuid.NAMESPACE_DNS.bytes`, a class's is the VID.
    """
    if re.fullmatch(r"[0-9a-fA-F]{32}", text) or re.fullmatch(
        r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text
    ):
        return bytes.fromhex(text.replace("-", ""))
    if not text or not text.isprintable():
        raise InputError("an empty name, or one with control characters, gives no UUID")
    if namespace is None:
        raise InputError(f"'{text}' gives a class ID only together with a vendor ID")
    return uuid.uuid5(uuid.UUID(bytes=namespace), text).bytes


def vid_of(text: str) -> bytes:
    """Vendor ID (16 bytes) of a domain name or a UUID."""
    return uuid_of(text, uuid.NAMESPACE_DNS.bytes)


def cid_of(text: str, vid: bytes | None) -> bytes:
    """Class ID (16 bytes) of a class's name below a vendor, or of a UUID."""
    return uuid_of(text, vid)
