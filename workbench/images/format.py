"""MCUboot's image format: bytes to Image and back.  Pure; a parser that believes no length.

An image is a header, a payload, protected TLVs and TLVs.  Hash and signature cover all but the last, over the
payload's plaintext.  Source: MCUboot, docs/design.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import Final

from workbench.images import refusals as no
from workbench.images.tlvs import (
    Tlv,
    TlvType,
    Version,
    canonical,
    check_value,
    is_unprotected,
    may_repeat,
    type_name,
)

MAGIC: Final = 0x96F3B83D
HEADER_BYTES: Final = 32
TLV_MAGIC: Final = 0x6907
PROTECTED_MAGIC: Final = 0x6908
MAX_IMAGE_BYTES: Final = 64 << 20
TRAILER_MAGIC: Final = bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")
"""Last bytes of a slot that is padded, for flash that is written in at most 8 bytes."""
TRAILER_MAGIC_END: Final = bytes.fromhex("2de15d29410b8d77679c110f1f8a")
"""The same for wider flash, after two bytes that tell how wide."""
FLAG_SET: Final = 0x01
"""In a swap's trailer: confirmed."""

_HEADER: Final = struct.Struct("<IIHHIIBBHII")
_AREA: Final = struct.Struct("<HH")


class Flag(IntFlag):
    """Flags in the header."""

    PIC = 0x1
    ENCRYPTED_AES128 = 0x4
    ENCRYPTED_AES256 = 0x8
    NON_BOOTABLE = 0x10
    RAM_LOAD = 0x20
    ROM_FIXED = 0x100
    COMPRESSED_LZMA1 = 0x200
    COMPRESSED_LZMA2 = 0x400
    COMPRESSED_ARM_THUMB = 0x800


ENCRYPTED: Final = Flag.ENCRYPTED_AES128 | Flag.ENCRYPTED_AES256
COMPRESSED: Final = Flag.COMPRESSED_LZMA1 | Flag.COMPRESSED_LZMA2 | Flag.COMPRESSED_ARM_THUMB
KNOWN_FLAGS: Final = sum(Flag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first 32 bytes.  Sizes are in bytes; `header_size` counts these 32 and the padding behind them."""

    version: Version
    header_size: int = HEADER_BYTES
    image_size: int = 0
    protected_size: int = 0
    flags: int = 0
    load_address: int = 0
    magic: int = MAGIC
    pad: int = 0

    def encode(self) -> bytes:
        """As it lies in the image, without padding."""
        v = self.version
        return _HEADER.pack(
            self.magic,
            self.load_address,
            self.header_size,
            self.protected_size,
            self.image_size,
            self.flags,
            v.major,
            v.minor,
            v.revision,
            v.build,
            self.pad,
        )

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """From the first 32 bytes, whatever they hold."""
        magic, load, size, protected, image, flags, *version, pad = _HEADER.unpack_from(data)
        return cls(
            version=Version(*version),
            header_size=size,
            image_size=image,
            protected_size=protected,
            flags=flags,
            load_address=load,
            magic=magic,
            pad=pad,
        )


@dataclass(frozen=True, slots=True)
class Image:
    """An image that was parsed.  `payload` is as it lies there: encrypted, compressed, or plain."""

    header: Header
    payload: bytes
    protected: tuple[Tlv, ...] = ()
    tlvs: tuple[Tlv, ...] = ()
    header_padding: bytes = b""
    """What lies between the 32 bytes of the header and the payload."""
    trailer: bytes = b""
    """What follows the image up to the slot's end: erased flash and the swap's trailer."""

    def find(self, kind: int) -> bytes | None:
        """Value of the TLV of that type, in the area it belongs to."""
        area = self.tlvs if is_unprotected(kind) else self.protected
        return next((tlv.value for tlv in area if canonical(tlv.type) == canonical(kind)), None)

    def need(self, kind: int) -> bytes:
        """The same; raises TlvMissing."""
        value = self.find(kind)
        if value is None:
            raise no.TlvMissing(f"the image has no {TlvType(kind).name} TLV")
        return value

    def has_flag(self, flag: int) -> bool:
        """Whether one of the flags is set."""
        return bool(self.header.flags & flag)

    @property
    def covered(self) -> bytes:
        """What hash, signature and HMAC are over, once the payload is plain."""
        return (
            self.header.encode()
            + self.header_padding
            + self.payload
            + encode_area(self.protected, PROTECTED_MAGIC)
        )

    @property
    def size_bytes(self) -> int:
        """Size without the slot's padding."""
        return len(self.covered) + len(encode_area(self.tlvs, TLV_MAGIC))

    def encode(self) -> bytes:
        """The image's bytes."""
        return self.covered + encode_area(self.tlvs, TLV_MAGIC) + self.trailer


def encode_area(tlvs: Iterable[Tlv], magic: int, *, total: int | None = None) -> bytes:
    """An area of TLVs, empty where there are none; `total` puts a lie into its length."""
    body = b"".join(tlv.encode() for tlv in tlvs)
    if not body and total is None:
        return b""
    size = len(body) + _AREA.size if total is None else total
    if size > 0xFFFF:
        raise no.TooLarge(f"the TLVs have {size} bytes; an area holds 65535")
    return _AREA.pack(magic, size) + body


def erased(size_bytes: int) -> bytes:
    """Erased flash."""
    return b"\xff" * size_bytes


def assemble(
    header: Header,
    payload: bytes,
    protected: Sequence[Tlv] = (),
    tlvs: Sequence[Tlv] = (),
    *,
    exact: bool = False,
    header_padding: bytes | None = None,
) -> bytes:
    """An image's bytes from its parts, whether they fit each other or not.

    The header's sizes are put right, unless `exact` says that they stand as they are.  The header's padding
    is erased flash up to `header_size`, unless it is given.
    """
    area = encode_area(protected, PROTECTED_MAGIC)
    if not exact:
        header = replace(header, image_size=len(payload), protected_size=len(area))
    if header_padding is None:
        header_padding = erased(header.header_size - HEADER_BYTES)
    return header.encode() + header_padding + payload + area + encode_area(tlvs, TLV_MAGIC)


def parse(data: bytes, *, max_bytes: int = MAX_IMAGE_BYTES) -> Image:
    """The image in `data`, which may be padded to its slot's size; raises ImageMalformed."""
    if len(data) > max_bytes:
        raise no.TooLarge(f"{len(data)} bytes; at most {max_bytes} are read")
    if len(data) < 4 or struct.unpack_from("<I", data)[0] != MAGIC:
        raise no.MagicWrong("the file does not begin as an MCUboot image")
    if len(data) < HEADER_BYTES:
        raise no.TooShort(f"{len(data)} bytes are less than a header")
    header = Header.decode(data)
    end = _payload_end(header, len(data))
    protected, tlv_start = _protected(data, header, end)
    tlvs, image_end = _area(data, tlv_start, TLV_MAGIC)
    _check_areas(protected, tlvs)
    trailer = data[image_end:]
    _check_trailer(trailer)
    return Image(
        header=header,
        payload=data[header.header_size : end],
        protected=protected,
        tlvs=tlvs,
        header_padding=data[HEADER_BYTES : header.header_size],
        trailer=trailer,
    )


def _payload_end(header: Header, size: int) -> int:
    if header.header_size < HEADER_BYTES:
        raise no.LengthLies(f"a header of {header.header_size} bytes is shorter than {HEADER_BYTES}")
    end = header.header_size + header.image_size
    if header.image_size == 0:
        raise no.LengthLies("the image has no payload")
    if end + header.protected_size + _AREA.size > size:
        raise no.TooShort(f"the header tells of {end + header.protected_size} bytes, the file has {size}")
    return end


def _protected(data: bytes, header: Header, start: int) -> tuple[tuple[Tlv, ...], int]:
    """The protected TLVs, and where they end."""
    if header.protected_size == 0:
        if struct.unpack_from("<H", data, start)[0] == PROTECTED_MAGIC:
            raise no.TlvLengthLies("there are protected TLVs, and the header says that there are none")
        return (), start
    tlvs, end = _area(data, start, PROTECTED_MAGIC)
    if end - start != header.protected_size:
        told = f"the header tells of {header.protected_size} bytes of protected TLVs"
        raise no.TlvLengthLies(f"{told}, there are {end - start}")
    return tlvs, end


def _area(data: bytes, start: int, magic: int) -> tuple[tuple[Tlv, ...], int]:
    """The TLVs of an area, and where it ends."""
    if start + _AREA.size > len(data):
        raise no.TooShort("the file ends before the TLVs")
    found, total = _AREA.unpack_from(data, start)
    if found != magic:
        raise no.TlvMalformed(f"an area of TLVs begins with {found:#06x} instead of {magic:#06x}")
    end = start + total
    if total < _AREA.size:
        raise no.TlvLengthLies(f"an area of TLVs of {total} bytes is shorter than its own beginning")
    if end > len(data):
        raise no.TooShort(f"the TLVs should end at {end}, the file has {len(data)} bytes")
    tlvs, at = [], start + _AREA.size
    while at < end:
        if at + _AREA.size > end:
            raise no.TlvLengthLies("the area of TLVs ends within a TLV")
        kind, length = _AREA.unpack_from(data, at)
        at += _AREA.size
        if at + length > end:
            raise no.TlvLengthLies(f"TLV {Tlv(kind, b'').name} with {length} bytes reaches beyond its area")
        tlvs.append(Tlv(kind, data[at : at + length]))
        at += length
    return tuple(tlvs), end


def _check_areas(protected: Sequence[Tlv], tlvs: Sequence[Tlv]) -> None:
    seen: set[int] = set()
    for tlv in (*protected, *tlvs):
        kind = canonical(tlv.type)
        if kind in seen and not may_repeat(kind):
            raise no.TlvDuplicated(f"{type_name(kind)} is there twice")
        seen.add(kind)
    for tlv in protected:
        if is_unprotected(tlv.type):
            raise no.TlvWronglyProtected(f"{tlv.name} lies among the protected TLVs")
        check_value(tlv)
    for tlv in tlvs:
        if not is_unprotected(tlv.type):
            raise no.TlvNotProtected(f"{tlv.name} lies outside the protected area")
        check_value(tlv)


def _check_trailer(trailer: bytes) -> None:
    """Behind an image there may be erased flash, and a swap's trailer at the slot's end."""
    rest = trailer
    if trailer.endswith(TRAILER_MAGIC):
        rest = trailer[: -len(TRAILER_MAGIC)]
    elif trailer.endswith(TRAILER_MAGIC_END):
        rest = trailer[: -len(TRAILER_MAGIC_END) - 2]
    if rest.count(0xFF) + rest.count(FLAG_SET) == len(rest):
        return
    raise no.TrailingData(f"{len(trailer)} bytes follow the image")
