"""Images against MACs and encryption, and what leaks where nothing authenticates.  Pure."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from workbench.images.build import Seal
from workbench.images.encryption import Encryption
from workbench.images.format import Flag, Image, parse
from workbench.images.reasons import Reason
from workbench.images.tlvs import WRAPPED_KEYS, Tlv, TlvType
from workbench.updates.trials.authorship import stripped
from workbench.updates.trials.forgery import Forgery, forged, if_encrypting, if_leaky, if_mac, if_signed
from workbench.updates.trials.workshop import Workshop, harmless_change, replaced


def _recomputed_payload(shop: Workshop) -> bytes:
    return shop.recomputed(harmless_change(shop.plain))


def _recomputed_version(shop: Workshop) -> bytes:
    version = replace(shop.next, revision=shop.next.revision + 1)
    return shop.recomputed(replace(shop.plain, header=replace(shop.plain.header, version=version)))


def _recomputed_counter(shop: Workshop) -> bytes:
    raised = Tlv(TlvType.SEC_CNT, (shop.counter + 1).to_bytes(4, "little"))
    return shop.recomputed(replace(shop.plain, protected=replaced(shop.plain.protected, raised)))


def _own_firmware(shop: Workshop) -> bytes:
    """An attacker's program, made with nothing but the shared key that was read out of one device."""
    stolen = Seal(encryption=Encryption(shop.keys.kek))
    return shop.sealed(harmless_change(shop.plain), stolen)


def _foreign_key(shop: Workshop) -> bytes:
    """Encrypted for somebody else, and otherwise properly sealed."""
    if shop.profile.encryption.method == "aes-kw":
        foreign = Encryption(os.urandom(16))
    else:
        foreign = Encryption(ec.generate_private_key(ec.SECP256R1()).public_key())
    return shop.sealed(_encryptable(shop), replace(shop.seal, encryption=foreign))


def _encryptable(shop: Workshop) -> Image:
    flags = shop.plain.header.flags | Flag.ENCRYPTED_AES128
    return replace(shop.plain, header=replace(shop.plain.header, flags=int(flags)))


def _encrypted(shop: Workshop) -> bytes:
    return shop.sealed(_encryptable(shop), replace(shop.seal, encryption=Encryption(shop.wrapping_key)))


def _key_of_another(shop: Workshop) -> bytes:
    """The wrapped key of another encrypted release of the same makers."""
    image, other = parse(_encrypted(shop)), parse(_encrypted(shop))
    found = next(tlv for tlv in other.tlvs if tlv.type in WRAPPED_KEYS)
    return replace(image, tlvs=replaced(image.tlvs, found)).encode()


def _key_twice(shop: Workshop) -> bytes:
    image = parse(_encrypted(shop))
    found = next(tlv for tlv in image.tlvs if tlv.type in WRAPPED_KEYS)
    return replace(image, tlvs=(*image.tlvs, found)).encode()


def _key_stripped(shop: Workshop) -> bytes:
    image = parse(_encrypted(shop))
    return replace(image, tlvs=tuple(t for t in image.tlvs if t.type not in WRAPPED_KEYS)).encode()


def _for_another_unit(shop: Workshop) -> bytes:
    assert shop.chip_id is not None
    return shop.release(chip_id=bytes(byte ^ 0x5A for byte in shop.chip_id))


def _mac_of_another_unit(shop: Workshop) -> bytes:
    """For this unit's eyes, and sealed with another unit's MAC."""
    image, other = parse(shop.good), parse(_for_another_unit(shop))
    found = next(tlv for tlv in other.tlvs if tlv.type == TlvType.HMAC)
    return replace(image, tlvs=replaced(image.tlvs, found)).encode()


_RECOMPUTED: Final[tuple[Forgery, ...]] = tuple(
    Forgery(
        name=name,
        title=title,
        make=make,
        reasons=reasons,
        host=reasons or frozenset({Reason.NONE}),
        when=when,
    )
    for prefix, when, reasons in (
        ("recomputed", if_signed, frozenset({Reason.SIGNATURE})),
        ("recomputed-mac", if_mac, frozenset({Reason.MAC})),
        ("leak", if_leaky, frozenset()),
    )
    for name, title, make in (
        (f"{prefix}-payload", "the payload changed, the hash made anew without any key", _recomputed_payload),
        (f"{prefix}-version", "the version raised, the hash made anew without any key", _recomputed_version),
        (f"{prefix}-counter", "the counter raised, the hash made anew without any key", _recomputed_counter),
    )
)

_SECRETS: Final[tuple[Forgery, ...]] = (
    forged(
        "wrong-wrapping-key", "encrypted for somebody else", _foreign_key, Reason.DECRYPT, when=if_encrypting
    ),
    forged(
        "key-of-another",
        "the wrapped key of another release",
        _key_of_another,
        Reason.HASH,
        when=if_encrypting,
    ),
    forged("key-twice", "the wrapped key twice", _key_twice, Reason.TLV, when=if_encrypting),
    forged(
        "key-stripped",
        "the wrapped key left out",
        _key_stripped,
        Reason.TLV,
        when=if_encrypting,
        host=(Reason.TLV, Reason.HASH, Reason.DECRYPT),
    ),
    forged("mac-stripped", "the MAC left out", stripped(TlvType.HMAC), Reason.TLV, when=if_mac),
    forged("other-unit", "an image for another unit", _for_another_unit, Reason.DECRYPT, when=if_mac),
    forged(
        "other-units-mac",
        "this unit's image with another unit's MAC",
        _mac_of_another_unit,
        Reason.MAC,
        when=if_mac,
    ),
    forged(
        "leak-shared-key",
        "an attacker's program, made with the key that was read out of one device",
        _own_firmware,
        when=if_leaky,
    ),
)

SECRETS: Final = (*_RECOMPUTED, *_SECRETS)
