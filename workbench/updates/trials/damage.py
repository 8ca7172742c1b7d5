"""Images with damage: bits flipped region by region, cut short, made longer, lengths that lie.  Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from workbench.images.format import HEADER_BYTES, Image, parse
from workbench.images.reasons import Reason
from workbench.images.tlvs import HASHES, SIGNATURES, WRAPPED_KEYS, Tlv, TlvType
from workbench.updates.trials.forgery import Forgery, forged
from workbench.updates.trials.workshop import Workshop

_AREA: Final = 4
_TLV: Final = 4


@dataclass(frozen=True, slots=True)
class Region:
    """A byte of an image to flip a bit in: where, which bit, and why that is refused."""

    name: str
    title: str
    at: int
    bit: int
    reasons: frozenset[Reason]


def regions(image: Image) -> list[Region]:
    """One byte of each region of an image, and of each field of its header and each of its TLVs."""
    return [*_header(), *_body(image), *_protected(image), *_unprotected(image)]


def flips(image: Image) -> list[Forgery]:
    """A forgery for each region of the good release, which has the form of `image`."""
    return [
        Forgery(
            name=f"flip-{region.name}",
            title=f"a bit flipped in {region.title}",
            make=_flipper(region),
            reasons=region.reasons,
            host=region.reasons,
        )
        for region in regions(image)
    ]


def _flipper(region: Region) -> Callable[[Workshop], bytes]:
    def make(shop: Workshop) -> bytes:
        at = next(found.at for found in regions(parse(shop.good)) if found.name == region.name)
        data = bytearray(shop.good)
        data[at] ^= 1 << region.bit
        return bytes(data)

    return make


def _region(name: str, title: str, at: int, *reasons: Reason, bit: int = 0) -> Region:
    return Region(name, title, at, bit, frozenset(reasons))


def _header() -> Iterator[Region]:
    lengths = (Reason.SIZE, Reason.TLV)
    yield _region("magic", "the magic number", 1, Reason.MAGIC)
    yield _region("load-address", "the load address", 4, Reason.HASH)
    yield _region("header-size", "the size of the header", 8, *lengths, bit=2)
    yield _region("protected-size", "the size of the protected TLVs", 10, *lengths, bit=2)
    yield _region("image-size", "the size of the payload", 12, *lengths, bit=2)
    yield _region("flag-not-bootable", "the flag that says not bootable", 16, Reason.NOT_BOOTABLE, bit=4)
    yield _region("flag-unknown", "a flag that means nothing", 16, Reason.UNSUPPORTED, bit=6)
    yield _region(
        "flag-encrypted",
        "the flag that says encrypted",
        16,
        Reason.TLV,
        Reason.UNSUPPORTED,
        Reason.HASH,
        Reason.DECRYPT,
        bit=2,
    )
    yield _region("version", "the version", 22, Reason.HASH)
    yield _region("build-number", "the build number", 24, Reason.HASH)
    yield _region("header-pad", "the unused word of the header", 28, Reason.HASH)
    yield _region("header-padding", "the padding of the header", HEADER_BYTES + 8, Reason.HASH)


def _body(image: Image) -> Iterator[Region]:
    begin, size = image.header.header_size, len(image.payload)
    yield _region("payload-first", "the first byte of the payload", begin, Reason.HASH)
    yield _region("payload-middle", "the middle of the payload", begin + size // 2, Reason.HASH)
    yield _region("payload-last", "the last byte of the payload", begin + size - 1, Reason.HASH, bit=7)


def _protected(image: Image) -> Iterator[Region]:
    at = image.header.header_size + len(image.payload)
    if not image.protected:
        return
    yield _region("protected-magic", "the magic number of the protected TLVs", at, Reason.TLV, bit=4)
    yield _region("protected-total", "the length of the protected TLVs", at + 2, Reason.TLV, Reason.SIZE)
    at += _AREA
    for tlv in image.protected:
        name = tlv.name.lower().replace("_", "-")
        yield _region(
            f"{name}-type",
            f"the type of {tlv.name}",
            at + 1,
            Reason.HASH,
            Reason.TLV,
            Reason.UNSUPPORTED,
            bit=6,
        )
        yield _region(
            f"{name}-length", f"the length of {tlv.name}", at + 2, Reason.TLV, Reason.SIZE, Reason.UNSUPPORTED
        )
        middle = at + _TLV + len(tlv.value) // 2
        yield _region(name, f"{tlv.name}", middle, Reason.HASH)
        at += _TLV + len(tlv.value)


def _unprotected(image: Image) -> Iterator[Region]:
    at = len(image.covered)
    yield _region("tlv-magic", "the magic number of the TLVs", at, Reason.TLV, bit=4)
    yield _region("tlv-total", "the length of the TLVs", at + 2, Reason.TLV, Reason.SIZE)
    at += _AREA
    for tlv in image.tlvs:
        name = tlv.name.lower().replace("_", "-")
        yield _region(
            f"{name}-type", f"the type of {tlv.name}", at + 1, Reason.TLV, Reason.UNSUPPORTED, bit=6
        )
        yield _region(
            f"{name}-length", f"the length of {tlv.name}", at + 2, Reason.TLV, Reason.SIZE, Reason.UNSUPPORTED
        )
        yield _region(name, f"{tlv.name}", at + _TLV + len(tlv.value) // 2, *_value_reasons(tlv), bit=1)
        at += _TLV + len(tlv.value)


def _value_reasons(tlv: Tlv) -> tuple[Reason, ...]:
    if tlv.type in HASHES:
        return (Reason.HASH,)
    if tlv.type in SIGNATURES or tlv.type in {TlvType.KEYHASH, TlvType.PUBKEY}:
        return (Reason.SIGNATURE,)
    if tlv.type in WRAPPED_KEYS:
        return (Reason.DECRYPT,)
    return (Reason.MAC,)


# -- lengths


def _patched(offset: int, layout: str, value: int) -> Callable[[Workshop], bytes]:
    def make(shop: Workshop) -> bytes:
        data = bytearray(shop.good)
        struct.pack_into(layout, data, offset, value)
        return bytes(data)

    return make


def _area_patched(*, protected: bool, offset: int, value: int) -> Callable[[Workshop], bytes]:
    """A u16 at `offset` of an area of TLVs."""

    def make(shop: Workshop) -> bytes:
        image = parse(shop.good)
        start = image.header.header_size + len(image.payload) if protected else len(image.covered)
        return _patched(start + offset, "<H", value)(shop)

    return make


def _wraps(shop: Workshop) -> bytes:
    """Header and payload together are 2^32 and a little."""
    return _patched(12, "<I", 2**32 - 0x100 + 64)(shop)


def _without_tlvs(shop: Workshop) -> bytes:
    return parse(shop.good).covered


def _no_payload(shop: Workshop) -> bytes:
    return shop.sealed(replace(shop.plain, payload=b""))


def _longer_payload(shop: Workshop) -> bytes:
    """The makers' TLVs behind a payload that somebody added to."""
    image = parse(shop.good)
    more = replace(image, payload=image.payload + bytes(range(16)))
    return replace(more, header=replace(more.header, image_size=len(more.payload))).encode()


def _with_more_tlv(shop: Workshop) -> bytes:
    return shop.with_tlvs(lambda old: (*old, Tlv(0xF0, b"more")))


def _with_more_protected(shop: Workshop) -> bytes:
    image = parse(shop.good)
    area = (*image.protected, Tlv(0xF0, b"more"))
    size = image.header.protected_size + 8
    return replace(image, protected=area, header=replace(image.header, protected_size=size)).encode()


_LENGTH: Final = (Reason.SIZE, Reason.TLV)

SHAPES: Final[tuple[Forgery, ...]] = (
    forged("empty", "a file of erased flash", lambda shop: b"\xff" * 512, Reason.MAGIC),
    forged("wrong-magic", "another magic number", _patched(0, "<I", 0x96F3B83C), Reason.MAGIC),
    forged("truncated-header", "cut within the header", lambda shop: shop.good[:32], *_LENGTH),
    forged(
        "truncated-half", "cut in the middle", lambda shop: shop.good[: len(shop.good) // 8 * 4], *_LENGTH
    ),
    forged("truncated-tlvs", "all TLVs cut off", _without_tlvs, *_LENGTH),
    forged(
        "truncated-end",
        "the last 8 bytes cut off",
        lambda shop: shop.good[:-8],
        Reason.SIZE,
        Reason.TLV,
        Reason.SIGNATURE,
        Reason.DECRYPT,
        Reason.MAC,
    ),
    forged(
        "extended-end",
        "64 bytes behind the end of the image",
        lambda shop: shop.good + bytes(64),
        host=(Reason.SIZE,),
        application=True,
    ),
    forged("extended-payload", "16 bytes added to the payload", _longer_payload, Reason.HASH),
    forged("extended-tlvs", "a TLV added outside the protected area", _with_more_tlv, *_LENGTH),
    forged("extended-protected", "a TLV added to the protected area", _with_more_protected, Reason.HASH),
    forged("header-size-huge", "a header of 65535 bytes", _patched(8, "<H", 0xFFFF), *_LENGTH),
    forged("header-size-zero", "a header of no bytes", _patched(8, "<H", 0), *_LENGTH),
    forged("header-size-small", "a header shorter than its fields", _patched(8, "<H", 16), *_LENGTH),
    forged("protected-size-huge", "protected TLVs of 65535 bytes", _patched(10, "<H", 0xFFFF), *_LENGTH),
    forged("protected-size-zero", "protected TLVs that the header denies", _patched(10, "<H", 0), *_LENGTH),
    forged(
        "protected-size-tiny",
        "protected TLVs shorter than their own beginning",
        _patched(10, "<H", 3),
        *_LENGTH,
    ),
    forged("image-size-huge", "a payload of 4 GiB", _patched(12, "<I", 0xFFFFFFFF), *_LENGTH),
    forged("image-size-negative", "a payload of 2 GiB", _patched(12, "<I", 0x80000000), *_LENGTH),
    forged("image-size-wraps", "header and payload that overflow 32 bits", _wraps, *_LENGTH),
    forged("image-size-zero", "a payload that the header denies", _patched(12, "<I", 0), *_LENGTH),
    forged("no-payload", "an image without payload, properly sealed", _no_payload, *_LENGTH, Reason.DECRYPT),
    forged(
        "tlv-total-huge",
        "TLVs of 65535 bytes",
        _area_patched(protected=False, offset=2, value=0xFFFF),
        *_LENGTH,
    ),
    forged("tlv-total-zero", "TLVs of no bytes", _area_patched(protected=False, offset=2, value=0), *_LENGTH),
    forged(
        "tlv-total-short",
        "an area that ends within a TLV",
        _area_patched(protected=False, offset=2, value=7),
        *_LENGTH,
    ),
    forged(
        "tlv-length-huge",
        "a TLV beyond its area",
        _area_patched(protected=False, offset=6, value=0xFFFF),
        *_LENGTH,
    ),
    forged(
        "protected-total-huge",
        "protected TLVs that say 65535",
        _area_patched(protected=True, offset=2, value=0xFFFF),
        *_LENGTH,
    ),
    forged(
        "protected-length-huge",
        "a protected TLV beyond its area",
        _area_patched(protected=True, offset=6, value=0xFFFF),
        *_LENGTH,
    ),
)
