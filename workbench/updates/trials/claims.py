"""Images that their makers might have made, for another unit, time or product; misplaced TLVs.  Pure."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Final

from workbench.images.format import Flag, parse
from workbench.images.reasons import Reason
from workbench.images.tlvs import SIGNATURES, Dependency, Tlv, TlvType, Version
from workbench.updates.trials.forgery import (
    Forgery,
    also,
    forged,
    if_always_encrypted,
    if_chained,
    if_counting,
    if_encrypting,
    if_no_downgrade,
    if_product,
    if_signed,
)
from workbench.updates.trials.workshop import Workshop, replaced


def _older(version: Version) -> Version:
    """The next lower version."""
    if version.build:
        return replace(version, build=version.build - 1)
    if version.revision:
        return replace(version, revision=version.revision - 1)
    if version.minor:
        return Version(version.major, version.minor - 1, 0xFFFF)
    return Version(max(0, version.major - 1), 0xFF, 0xFFFF)


def _counter(value: int) -> Tlv:
    return Tlv(TlvType.SEC_CNT, struct.pack("<I", value))


def _severity(value: int) -> Tlv:
    return Tlv(TlvType.SEVERITY, bytes((value,)))


def _with_flag(shop: Workshop, flag: int) -> bytes:
    header = replace(shop.plain.header, flags=shop.plain.header.flags | flag)
    return shop.sealed(replace(shop.plain, header=header))


def _entry(shop: Workshop, entry: int) -> bytes:
    """A program whose reset vector leads somewhere else."""
    payload = bytearray(shop.plain.payload)
    struct.pack_into("<I", payload, 4, entry)
    return shop.sealed(replace(shop.plain, payload=bytes(payload)))


def _moved_out(shop: Workshop, kind: int) -> bytes:
    """A claim where nothing protects it, in an image that is sealed without it."""
    image = parse(shop.without(kind))
    value = shop.plain.find(kind) or b""
    return replace(image, tlvs=(*image.tlvs, Tlv(kind, value))).encode()


def _second_hash(shop: Workshop) -> bytes:
    return shop.with_tlvs(lambda old: (Tlv(TlvType.SHA256, bytes(32)), *old))


def _second_counter(shop: Workshop) -> bytes:
    return shop.with_protected([_counter(0xFFFF), *shop.plain.protected])


def _moved_in(shop: Workshop) -> bytes:
    hashed = parse(shop.good).find(TlvType.SHA256) or b""
    return shop.with_protected([*shop.plain.protected, Tlv(TlvType.SHA256, hashed)])


def _without_hash(shop: Workshop) -> bytes:
    return shop.with_tlvs(lambda old: [t for t in old if t.type != TlvType.SHA256])


def _signing_time(seconds: int) -> Tlv:
    return Tlv(TlvType.SIGNING_TIME, struct.pack("<Q", seconds))


def _too_new_hash(shop: Workshop) -> bytes:
    """SHA-512 in the place of SHA-256."""
    import hashlib

    covered = shop.plain.covered
    digest = Tlv(TlvType.SHA512, hashlib.sha512(covered).digest())
    return shop.with_tlvs(lambda old: [digest if t.type == TlvType.SHA256 else t for t in old])


def _hash_of_another(shop: Workshop) -> bytes:
    other = parse(shop.release(version=replace(shop.next, build=shop.next.build + 7)))
    found = next(tlv for tlv in other.tlvs if tlv.type == TlvType.SHA256)
    return shop.with_tlvs(lambda old: replaced(old, found))


def _signature_of_another(shop: Workshop) -> bytes:
    other = parse(shop.release(version=replace(shop.next, build=shop.next.build + 7)))
    found = next(tlv for tlv in other.tlvs if tlv.type in SIGNATURES)
    return shop.with_tlvs(lambda old: replaced(old, found))


def _plain(shop: Workshop) -> bytes:
    flags = shop.plain.header.flags & ~int(Flag.ENCRYPTED_AES128 | Flag.ENCRYPTED_AES256)
    image = replace(shop.plain, header=replace(shop.plain.header, flags=flags))
    return shop.sealed(image, replace(shop.seal, encryption=None))


_UNMET: Final = Tlv(TlvType.DEPENDENCY, Dependency(0, Version(255)).encode())
_OTHER_IMAGE: Final = Tlv(TlvType.DEPENDENCY, Dependency(1, Version(1)).encode())

CLAIMS: Final[tuple[Forgery, ...]] = (
    forged(
        "older-version",
        "an older version with the same security counter, properly made",
        lambda shop: shop.release(version=_older(shop.running)),
        Reason.VERSION,
        when=if_no_downgrade,
    ),
    forged(
        "lower-counter",
        "a newer version with a lower security counter, properly made",
        lambda shop: shop.release(counter=shop.counter - 1),
        Reason.COUNTER,
        when=if_counting,
    ),
    forged(
        "no-counter",
        "no security counter, otherwise properly made",
        lambda shop: shop.without(TlvType.SEC_CNT),
        Reason.TLV,
        when=if_counting,
    ),
    forged(
        "counter-too-high",
        "a security counter that the unit cannot keep",
        lambda shop: shop.replacing(_counter(0x10000)),
        Reason.COUNTER,
        when=if_counting,
        host=(Reason.NONE,),
    ),
    forged(
        "other-vendor",
        "another vendor's image",
        lambda shop: shop.replacing(Tlv(TlvType.UUID_VID, bytes(range(16)))),
        Reason.VID,
        when=if_product,
    ),
    forged(
        "other-class",
        "an image for another product of the same vendor",
        lambda shop: shop.release(device="another product"),
        Reason.CID,
        when=if_product,
    ),
    forged(
        "no-vendor",
        "an image for nobody's devices",
        lambda shop: shop.without(TlvType.UUID_VID),
        Reason.TLV,
        when=if_product,
    ),
    forged(
        "no-class",
        "an image for no product",
        lambda shop: shop.without(TlvType.UUID_CID),
        Reason.TLV,
        when=if_product,
    ),
    forged(
        "dependency-unmet",
        "an image that needs a newer one before it",
        lambda shop: shop.replacing(_UNMET),
        Reason.DEPENDENCY,
    ),
    forged(
        "dependency-unknown",
        "an image that needs an image that the unit has not",
        lambda shop: shop.replacing(_OTHER_IMAGE),
        Reason.DEPENDENCY,
    ),
    forged(
        "not-bootable",
        "properly made, and marked as not bootable",
        lambda shop: _with_flag(shop, Flag.NON_BOOTABLE),
        Reason.NOT_BOOTABLE,
    ),
    forged(
        "ram-load",
        "properly made, for devices that run from RAM",
        lambda shop: _with_flag(shop, Flag.RAM_LOAD),
        Reason.UNSUPPORTED,
        host=(Reason.NONE,),
    ),
    forged(
        "compressed",
        "properly made, and marked as compressed",
        lambda shop: _with_flag(shop, Flag.COMPRESSED_LZMA2),
        Reason.UNSUPPORTED,
        host=(Reason.TLV, Reason.UNSUPPORTED),
    ),
    forged(
        "entry-in-bootloader",
        "properly made, starts within the bootloader",
        lambda shop: _entry(shop, 0x101),
        Reason.NOT_BOOTABLE,
        host=(Reason.NONE,),
    ),
    forged(
        "entry-in-ram",
        "properly made, starts in RAM",
        lambda shop: _entry(shop, 0x20000401),
        Reason.NOT_BOOTABLE,
        host=(Reason.NONE,),
    ),
    forged(
        "counter-twice",
        "properly sealed, with two security counters",
        _second_counter,
        Reason.TLV,
        when=if_counting,
    ),
    forged(
        "severity-twice",
        "properly sealed, optional and critical at once",
        lambda shop: shop.with_protected([*shop.plain.protected, _severity(0), _severity(2)]),
        Reason.TLV,
    ),
    forged(
        "severity-added",
        "made critical by somebody, outside the protected area",
        lambda shop: shop.with_tlvs(lambda old: (*old, _severity(2))),
        Reason.TLV,
    ),
    forged("hash-twice", "a second hash", _second_hash, Reason.TLV),
    forged(
        "counter-moved-out",
        "the security counter moved out of the protected area",
        lambda shop: _moved_out(shop, TlvType.SEC_CNT),
        Reason.TLV,
        when=if_counting,
    ),
    forged(
        "vendor-moved-out",
        "the vendor moved out of the protected area",
        lambda shop: _moved_out(shop, TlvType.UUID_VID),
        Reason.TLV,
        when=if_product,
    ),
    forged(
        "chain-moved-out",
        "the signer's certificates moved out of the protected area",
        lambda shop: _moved_out(shop, TlvType.SIGNER_CHAIN),
        Reason.TLV,
        when=if_chained,
    ),
    forged(
        "time-moved-out",
        "the signing time moved out of the protected area",
        lambda shop: _moved_out(shop, TlvType.SIGNING_TIME),
        Reason.TLV,
        when=if_chained,
    ),
    forged("hash-moved-in", "a hash among what it covers", _moved_in, Reason.TLV),
    forged("no-hash", "the hash left out", _without_hash, Reason.TLV),
    forged(
        "hash-of-another",
        "the hash of another release",
        _hash_of_another,
        Reason.HASH,
    ),
    forged(
        "hash-sha512",
        "SHA-512 in the place of SHA-256",
        _too_new_hash,
        Reason.TLV,
        Reason.UNSUPPORTED,
        host=(Reason.NONE, Reason.SIGNATURE),
    ),
    forged(
        "no-chain",
        "properly signed, without certificates",
        lambda shop: shop.without(TlvType.SIGNER_CHAIN),
        Reason.TLV,
        when=if_chained,
    ),
    forged(
        "no-signing-time",
        "properly signed, without signing time",
        lambda shop: shop.without(TlvType.SIGNING_TIME),
        Reason.TLV,
        when=if_chained,
    ),
    forged(
        "signed-before-floor",
        "signed before what the unit runs",
        lambda shop: shop.replacing(_signing_time(shop.running_signed_s - 1)),
        Reason.SIGNER_TIME,
        when=if_chained,
    ),
    forged(
        "signed-in-1970",
        "signed before there were certificates",
        lambda shop: shop.replacing(_signing_time(0)),
        Reason.SIGNER_TIME,
        when=if_chained,
    ),
    forged(
        "signed-at-the-end",
        "signed at the end of time",
        lambda shop: shop.replacing(_signing_time(2**64 - 1)),
        Reason.SIGNER_TIME,
        when=if_chained,
    ),
    forged(
        "signature-of-another",
        "the signature of another release",
        _signature_of_another,
        Reason.SIGNATURE,
        when=if_signed,
    ),
    forged(
        "in-the-clear",
        "properly made, but not encrypted",
        _plain,
        Reason.TLV,
        Reason.DECRYPT,
        when=also(if_encrypting, if_always_encrypted),
    ),
    forged(
        "replay-running",
        "the release that runs already, sent again",
        lambda shop: shop.release(version=shop.running, signing_time_s=shop.running_signed_s),
        application=True,
        host=(Reason.NONE,),
    ),
)
