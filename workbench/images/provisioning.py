"""The provisioning page: what a factory writes into a unit once, in its identity area.  Pure.

    "WBPROV01" | u32 length of the TLV area | u32 CRC-32 of it | TLVs

A TLV is u16 type, u16 length, data, and zeros up to a multiple of 4; all little-endian.  The bootloader
reads the same form (firmware-samples/secure/common/provision.h).  A page holds
secrets: it is not logged, recorded or shown.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal

from workbench.errors import Blame, InputError, WorkbenchError
from workbench.images.profile import Profile

MAGIC: Final = b"WBPROV01"
KeyOrigin = Literal["injected", "on-chip"]
"""Who makes the device key: the station, which writes it into the page, or the unit, which keeps it."""
MAX_BYTES: Final = 1024
HEAD: Final = struct.Struct("<8sII")
TLV: Final = struct.Struct("<HH")
TIME: Final = struct.Struct("<Q")

MAX_DN_BYTES: Final = 256
MAX_PROFILE_CHARS: Final = 63
_RSA_MODULUS_BYTES: Final = 256
_UNCOMPRESSED: Final = 0x04
"""First byte of a point with both coordinates (SEC 1, 2.3.3)."""


class PageInvalid(WorkbenchError):
    """A unit's provisioning page cannot be read."""

    code = "provisioning-invalid"
    blame = Blame.UNIT
    default_cause = "the unit was not provisioned, or the write was cut short"
    default_action = "provision it again: `workbench provision SLOT --profile NAME --keys DIR`"


class PageIncomplete(InputError):
    """What is to be provisioned does not make a page."""

    code = "provisioning-incomplete"
    default_cause = "the key folder was made for another profile"
    default_action = "make keys for the profile: `workbench image keys --help`"


@dataclass(frozen=True, slots=True)
class RsaRoot:
    """A public RSA-2048 key: `modulus` is 256 bytes, big-endian."""

    modulus: bytes
    exponent: int


@dataclass(frozen=True, slots=True)
class Provisioning:
    """What the page says.  Secrets are left out of `repr`.

    `root_dn` is the DER of the root's subject, `root_ec` an uncompressed P-256 point, private keys are 32
    bytes big-endian, `time_floor` is in seconds since 1970 UTC.
    """

    profile: str
    vid: bytes
    cid: bytes
    root_dn: bytes | None = None
    root_ec: bytes | None = None
    root_rsa: RsaRoot | None = None
    time_floor: int | None = None
    enc_key: bytes | None = field(default=None, repr=False)
    kek: bytes | None = field(default=None, repr=False)
    unit_secret: bytes | None = field(default=None, repr=False)
    device_key: bytes | None = field(default=None, repr=False)


_TYPES: Final[dict[str, int]] = {
    "vid": 1, "cid": 2, "root_dn": 3, "root_ec": 4, "root_rsa": 5, "enc_key": 6,
    "kek": 7, "unit_secret": 8, "time_floor": 9, "device_key": 10, "profile": 11,
}  # fmt: skip
_NAMES: Final = {number: name for name, number in _TYPES.items()}
_SIZES: Final = {
    "vid": 16, "cid": 16, "root_ec": 65, "root_rsa": 260, "enc_key": 32, "kek": 16,
    "unit_secret": 32, "time_floor": 8, "device_key": 32,
}  # fmt: skip


def build_page(content: Provisioning) -> bytes:
    """The page, at most MAX_BYTES, a multiple of 4.  Raises PageIncomplete for values that do not fit."""
    area = b"".join(_tlv(name, data) for name, data in _encoded(content))
    page = HEAD.pack(MAGIC, len(area), zlib.crc32(area)) + area
    if len(page) > MAX_BYTES:
        raise PageIncomplete(f"the page would have {len(page)} bytes, more than {MAX_BYTES}")
    return page


def parse_page(page: bytes) -> Provisioning:
    """What a page says; `page` may be followed by erased bytes (0xFF).

    Raises PageInvalid: for a wrong magic, length or CRC, and for a TLV that is unknown, there twice, of a
    wrong length, or not padded with zeros.
    """
    values: dict[str, Any] = dict(_decoded(_area(page)))
    missing = [name for name in ("vid", "cid", "profile") if name not in values]
    if missing:
        raise PageInvalid(f"the provisioning page lacks {', '.join(missing)}")
    return Provisioning(**values)


def needs(profile: Profile, device_key: KeyOrigin = "injected") -> frozenset[str]:
    """Fields of Provisioning a unit of that profile has beside `profile`, `vid` and `cid`.

    A unit that makes its device key itself has none in its page.
    """
    wanted = set()
    if profile.authenticity.method == "signature":
        wanted |= {"root_dn", "root_rsa" if str(profile.signer).startswith("rsa") else "root_ec"}
    if profile.authenticity.chain:
        wanted.add("time_floor")
    if profile.encryption.method == "ecies-p256":
        wanted.add("enc_key")
    if profile.keys.symmetric == "fleet":
        wanted.add("kek")
    if profile.keys.symmetric == "unit":
        wanted.add("unit_secret")
    if profile.keys.device_key == "injected" and device_key == "injected":
        wanted.add("device_key")
    return frozenset(wanted)


def may_have(profile: Profile) -> frozenset[str]:
    """Fields that a unit of that profile can do without: where a fleet shares its key, a secret of the unit's
    own, by which it is told from the others.
    """
    return frozenset({"unit_secret"}) if profile.keys.symmetric == "fleet" else frozenset()


def verify_for(content: Provisioning, profile: Profile, device_key: KeyOrigin = "injected") -> None:
    """Raises PageIncomplete unless `content` has what the profile needs, and no secret beyond that."""
    has = {name for name in _TYPES if getattr(content, name) is not None} - {"vid", "cid", "profile"}
    wanted = needs(profile, device_key)
    if content.profile != profile.name:
        raise PageIncomplete(f"the page is for profile {content.profile}, not {profile.name}")
    if missing := sorted(wanted - has):
        raise PageIncomplete(f"profile {profile.name} needs {', '.join(missing)}")
    if more := sorted(has - wanted - may_have(profile)):
        raise PageIncomplete(
            f"profile {profile.name} does not use {', '.join(more)}",
            cause="what a unit does not need must not be on it",
        )


def _encoded(content: Provisioning) -> Iterator[tuple[str, bytes]]:
    """In the order of the types."""
    for name in sorted(_TYPES, key=lambda name: _TYPES[name]):
        value = getattr(content, name)
        if value is not None:
            yield name, _bytes(name, value)


def _bytes(name: str, value: object) -> bytes:
    try:
        match value:
            case bytes():
                data = value
            case str():
                data = value.encode("ascii")
            case RsaRoot():
                data = value.modulus + struct.pack("<I", value.exponent)
            case _:
                data = TIME.pack(value)
    except (UnicodeEncodeError, struct.error) as error:
        raise PageIncomplete(f"{name} does not fit into a page: {error}") from error
    if reason := _wrong(name, data):
        raise PageIncomplete(f"{name} {reason}")
    return data


def _wrong(name: str, data: bytes) -> str | None:
    """What is wrong with a value, the same for writer and reader."""
    if name in _SIZES:
        if len(data) != _SIZES[name]:
            return f"has {len(data)} bytes instead of {_SIZES[name]}"
        return "is no uncompressed point" if name == "root_ec" and data[0] != _UNCOMPRESSED else None
    longest = MAX_DN_BYTES if name == "root_dn" else MAX_PROFILE_CHARS
    if not 1 <= len(data) <= longest:
        return f"has {len(data)} bytes, not 1 to {longest}"
    if name == "profile" and not all(0x21 <= byte < 0x7F for byte in data):
        return "is not printable ASCII"
    return None


def _tlv(name: str, data: bytes) -> bytes:
    return TLV.pack(_TYPES[name], len(data)) + data + bytes(-len(data) % 4)


def _area(page: bytes) -> bytes:
    if len(page) < HEAD.size:
        raise PageInvalid(f"{len(page)} bytes are no provisioning page")
    magic, length, crc = HEAD.unpack_from(page)
    if magic != MAGIC:
        blank = magic == b"\xff" * len(MAGIC)
        raise PageInvalid(
            "the unit is not provisioned" if blank else "no provisioning page: its magic is wrong"
        )
    end = HEAD.size + length
    if length % 4 or end > min(len(page), MAX_BYTES):
        raise PageInvalid(f"the provisioning page claims {length} bytes of TLVs, which cannot be")
    if page[end:].strip(b"\xff"):
        raise PageInvalid("something follows the provisioning page that does not belong to it")
    if zlib.crc32(page[HEAD.size : end]) != crc:
        raise PageInvalid("the CRC of the provisioning page is wrong")
    return page[HEAD.size : end]


def _decoded(area: bytes) -> Iterator[tuple[str, bytes | str | int | RsaRoot]]:
    seen: set[str] = set()
    at = 0
    while at < len(area):
        number, length = TLV.unpack_from(area, at)  # the area is a multiple of 4
        data_at, at = at + TLV.size, at + TLV.size + (length + 3) // 4 * 4
        name = _NAMES.get(number)
        if name is None:
            raise PageInvalid(f"the provisioning page has a TLV of unknown type {number}")
        if at > len(area):
            raise PageInvalid(f"{name} in the provisioning page runs over its end")
        if name in seen:
            raise PageInvalid(f"{name} is in the provisioning page twice")
        seen.add(name)
        data = area[data_at : data_at + length]
        if reason := _wrong(name, data):
            raise PageInvalid(f"{name} in the provisioning page {reason}")
        if any(area[data_at + length : at]):
            raise PageInvalid(f"{name} in the provisioning page is not padded with zeros")
        yield name, _value(name, data)


def _value(name: str, data: bytes) -> bytes | str | int | RsaRoot:
    match name:
        case "profile":
            return data.decode("ascii")
        case "time_floor":
            return int(TIME.unpack(data)[0])
        case "root_rsa":
            exponent: int = struct.unpack_from("<I", data, _RSA_MODULUS_BYTES)[0]
            return RsaRoot(data[:_RSA_MODULUS_BYTES], exponent)
    return data


assert {f.name for f in fields(Provisioning)} == set(_TYPES)
