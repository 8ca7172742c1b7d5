"""Images by somebody who is not the maker: other keys, false certificates, stripped or foreign seals.  Pure."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from workbench.images.build import Seal
from workbench.images.certificates import KeyKind, PrivateKey, new_key
from workbench.images.encryption import Encryption
from workbench.images.format import Flag, Image, parse
from workbench.images.reasons import Reason
from workbench.images.signing import key_hash, sign_digest, signature_type
from workbench.images.tlvs import SIGNATURES, WRAPPED_KEYS, Tlv, TlvType
from workbench.updates.trials.forgery import (
    Forgery,
    forged,
    if_chained,
    if_encrypting,
    if_leaky,
    if_mac,
    if_signed,
)
from workbench.updates.trials.impostors import TLS, Forger, Signer
from workbench.updates.trials.workshop import Workshop, harmless_change, replaced

_CHAIN: Final = (Reason.SIGNER_CHAIN,)


def forger(shop: Workshop) -> Forger:
    """One who could issue certificates below the unit's own root."""
    assert shop.profile.signer is not None
    return Forger.below(shop.profile.signer, shop.keys.root_certificate, shop.keys.root_key, shop.signed_s)


def _by(choose: Callable[[Forger], Signer]) -> Callable[[Workshop], bytes]:
    """The good release, signed by somebody else with certificates of theirs."""

    def make(shop: Workshop) -> bytes:
        signer = choose(forger(shop))
        chain = Tlv(TlvType.SIGNER_CHAIN, b"".join(signer.chain))
        return shop.replacing(chain, seal=replace(shop.seal, signing_key=signer.key))

    return make


def _chain(value: Callable[[bytes], bytes]) -> Callable[[Workshop], bytes]:
    """The maker's signature over other certificates."""

    def make(shop: Workshop) -> bytes:
        old = shop.plain.find(TlvType.SIGNER_CHAIN) or b""
        return shop.replacing(Tlv(TlvType.SIGNER_CHAIN, value(old)))

    return make


def _signed_by_another_key(shop: Workshop) -> bytes:
    """Another key's signature under the maker's name and certificates."""
    assert shop.profile.signer is not None
    digest = parse(shop.good).find(TlvType.SHA256) or b""
    made = _signature(new_key(shop.profile.signer), digest)
    return shop.with_tlvs(lambda old: replaced(old, made))


def _names_another_key(shop: Workshop) -> bytes:
    assert shop.profile.signer is not None
    named = Tlv(TlvType.KEYHASH, key_hash(new_key(shop.profile.signer).public_key()))
    return shop.with_tlvs(lambda old: replaced(old, named))


def _signature(key: PrivateKey, digest: bytes) -> Tlv:
    return Tlv(signature_type(key.public_key()), sign_digest(key, digest))


def _other_algorithm(kind: KeyKind) -> Callable[[Workshop], bytes]:
    """A signature of another kind in the place of the maker's."""

    def make(shop: Workshop) -> bytes:
        digest = parse(shop.good).find(TlvType.SHA256) or b""
        key = new_key(_another(shop, kind))
        made = _signature(key, digest)
        return shop.with_tlvs(lambda old: [made if t.type in SIGNATURES else t for t in old])

    return make


def _another(shop: Workshop, kind: KeyKind) -> KeyKind:
    return "rsa-3072" if shop.profile.signer == kind else kind


def _stripped(*kinds: int) -> Callable[[Workshop], bytes]:
    return lambda shop: shop.with_tlvs(lambda old: [t for t in old if t.type not in kinds])


def _signature_value(value: bytes) -> Callable[[Workshop], bytes]:
    return lambda shop: shop.with_tlvs(
        lambda old: [Tlv(t.type, value) if t.type in SIGNATURES else t for t in old]
    )


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
        from cryptography.hazmat.primitives.asymmetric import ec

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


_SIGNED: Final[tuple[Forgery, ...]] = (
    forged("wrong-key", "signed with another key under the maker's certificates", _signed_by_another_key,
           Reason.SIGNATURE, when=if_signed),
    forged("wrong-key-named", "the maker's signature, another key named", _names_another_key,
           Reason.SIGNATURE, when=if_signed),
    forged("signature-stripped", "the signature left out", _stripped(*SIGNATURES), Reason.TLV, when=if_signed),
    forged("seal-stripped", "signature and key left out: only the hash remains",
           _stripped(*SIGNATURES, TlvType.KEYHASH), Reason.TLV, when=if_signed),
    forged("signature-empty", "a signature of no bytes", _signature_value(b""), Reason.SIGNATURE, Reason.TLV,
           when=if_signed),
    forged("signature-zero", "a signature of zeros", _signature_value(bytes(256)), Reason.SIGNATURE, Reason.TLV,
           when=if_signed),
    forged("signature-trivial", "an ECDSA signature whose two numbers are 0",
           _signature_value(bytes.fromhex("3006020100020100")), Reason.SIGNATURE, Reason.TLV, when=if_signed),
    forged("algorithm-rsa", "signed with RSA instead", _other_algorithm("rsa-2048"), Reason.UNSUPPORTED, Reason.TLV,
           when=if_signed),
    forged("algorithm-ecdsa", "signed with ECDSA or RSA-3072 instead", _other_algorithm("ecdsa-p256"), Reason.UNSUPPORTED,
           Reason.TLV, when=if_signed),
    forged("algorithm-ed25519", "signed with Ed25519 instead", _other_algorithm("ed25519"), Reason.UNSUPPORTED, Reason.TLV,
           when=if_signed),
)  # fmt: skip

_CERTIFIED: Final[tuple[Forgery, ...]] = (
    forged("other-root", "a signer below another root", _by(Forger.of_another_root), *_CHAIN, when=if_chained),
    forged("namesake-root", "a signer below another root of the same name", _by(Forger.of_a_namesake), *_CHAIN,
           when=if_chained),
    forged("self-signed", "a signer who vouches for himself", _by(Forger.self_signed), *_CHAIN, when=if_chained),
    forged("issuer-no-ca", "a signer whose certificate another signer issued", _by(Forger.below_a_signer), *_CHAIN,
           when=if_chained),
    forged("no-intermediate", "an intermediate certificate left out", _by(Forger.without_intermediate), *_CHAIN,
           when=if_chained),
    forged("chain-long", "a chain of six certificates", _by(lambda f: f.far_below(5)), *_CHAIN, Reason.TLV, Reason.SIZE,
           when=if_chained),
    forged("chain-empty", "no certificate in the chain", _chain(lambda old: b""), *_CHAIN, Reason.TLV,
           when=if_chained),
    forged("chain-cut", "a certificate cut short", _chain(lambda old: old[:-40]), *_CHAIN, Reason.TLV,
           when=if_chained),
    forged("chain-garbage", "something else than certificates", _chain(lambda old: b"\x30\x03\x02\x01\x00" * 9),
           *_CHAIN, Reason.TLV, when=if_chained),
    forged("certificate-changed", "a bit flipped in the signer's certificate, signed again",
           _chain(lambda old: old[:40] + bytes((old[40] ^ 1,)) + old[41:]), *_CHAIN, Reason.TLV, Reason.SIGNER_TIME,
           when=if_chained),
    forged("expired", "a signer whose certificate had run out", _by(lambda f: f.signer(end=-timedelta(days=1))),
           Reason.SIGNER_TIME, when=if_chained),
    forged("not-yet-valid", "a signer whose certificate was not valid yet",
           _by(lambda f: f.signer(begin=timedelta(days=1))), Reason.SIGNER_TIME, when=if_chained),
    forged("purpose-tls", "a certificate for TLS servers", _by(lambda f: f.signer(purposes=(TLS,))),
           Reason.SIGNER_PURPOSE, when=if_chained),
    forged("purpose-none", "a certificate without extended key usage", _by(lambda f: f.signer(purposes=())),
           Reason.SIGNER_PURPOSE, when=if_chained),
    forged("purpose-no-signatures", "a certificate that may not sign", _by(Forger.who_may_not_sign),
           Reason.SIGNER_PURPOSE, when=if_chained),
    forged("purpose-ca", "a CA that signs an image itself", _by(lambda f: f.signer(ca=True)),
           Reason.SIGNER_PURPOSE, when=if_chained),
)  # fmt: skip

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
    forged("wrong-wrapping-key", "encrypted for somebody else", _foreign_key, Reason.DECRYPT, when=if_encrypting),
    forged("key-of-another", "the wrapped key of another release", _key_of_another, Reason.HASH, when=if_encrypting),
    forged("key-twice", "the wrapped key twice", _key_twice, Reason.TLV, when=if_encrypting),
    forged("key-stripped", "the wrapped key left out", _key_stripped, Reason.TLV, when=if_encrypting,
           host=(Reason.TLV, Reason.HASH, Reason.DECRYPT)),
    forged("mac-stripped", "the MAC left out", _stripped(TlvType.HMAC), Reason.TLV, when=if_mac),
    forged("other-unit", "an image for another unit", _for_another_unit, Reason.DECRYPT, when=if_mac),
    forged("other-units-mac", "this unit's image with another unit's MAC", _mac_of_another_unit, Reason.MAC, when=if_mac),
    forged("leak-shared-key", "an attacker's program, made with the key that was read out of one device",
           _own_firmware, when=if_leaky),
)  # fmt: skip

AUTHORSHIP: Final = (*_SIGNED, *_CERTIFIED, *_RECOMPUTED, *_SECRETS)
