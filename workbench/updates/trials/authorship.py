"""Images by somebody who is not the maker: other keys, false certificates, stripped foreign seals.  Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from workbench.images.certificates import KeyKind, PrivateKey, new_key
from workbench.images.format import parse
from workbench.images.reasons import Reason
from workbench.images.signing import key_hash, sign_digest, signature_type
from workbench.images.tlvs import SIGNATURES, Tlv, TlvType
from workbench.updates.trials.forgery import (
    Forgery,
    forged,
    if_chained,
    if_signed,
)
from workbench.updates.trials.impostors import TLS, Forger, Signer
from workbench.updates.trials.workshop import Workshop, replaced

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


def stripped(*kinds: int) -> Callable[[Workshop], bytes]:
    """The good release without the TLVs of those types outside the protected area."""
    return lambda shop: shop.with_tlvs(lambda old: [t for t in old if t.type not in kinds])


def _signature_value(value: bytes) -> Callable[[Workshop], bytes]:
    return lambda shop: shop.with_tlvs(
        lambda old: [Tlv(t.type, value) if t.type in SIGNATURES else t for t in old]
    )


_SIGNED: Final[tuple[Forgery, ...]] = (
    forged(
        "wrong-key",
        "signed with another key under the maker's certificates",
        _signed_by_another_key,
        Reason.SIGNATURE,
        when=if_signed,
    ),
    forged(
        "wrong-key-named",
        "the maker's signature, another key named",
        _names_another_key,
        Reason.SIGNATURE,
        when=if_signed,
    ),
    forged("signature-stripped", "the signature left out", stripped(*SIGNATURES), Reason.TLV, when=if_signed),
    forged(
        "seal-stripped",
        "signature and key left out: only the hash remains",
        stripped(*SIGNATURES, TlvType.KEYHASH),
        Reason.TLV,
        when=if_signed,
    ),
    forged(
        "signature-empty",
        "a signature of no bytes",
        _signature_value(b""),
        Reason.SIGNATURE,
        Reason.TLV,
        when=if_signed,
    ),
    forged(
        "signature-zero",
        "a signature of zeros",
        _signature_value(bytes(256)),
        Reason.SIGNATURE,
        Reason.TLV,
        when=if_signed,
    ),
    forged(
        "signature-trivial",
        "an ECDSA signature whose two numbers are 0",
        _signature_value(bytes.fromhex("3006020100020100")),
        Reason.SIGNATURE,
        Reason.TLV,
        when=if_signed,
    ),
    forged(
        "algorithm-rsa",
        "signed with RSA instead",
        _other_algorithm("rsa-2048"),
        Reason.UNSUPPORTED,
        Reason.TLV,
        when=if_signed,
    ),
    forged(
        "algorithm-ecdsa",
        "signed with ECDSA instead",
        _other_algorithm("ecdsa-p256"),
        Reason.UNSUPPORTED,
        Reason.TLV,
        when=if_signed,
    ),
    forged(
        "algorithm-ed25519",
        "signed with Ed25519 instead",
        _other_algorithm("ed25519"),
        Reason.UNSUPPORTED,
        Reason.TLV,
        when=if_signed,
    ),
)

_CERTIFIED: Final[tuple[Forgery, ...]] = (
    forged(
        "other-root", "a signer below another root", _by(Forger.of_another_root), *_CHAIN, when=if_chained
    ),
    forged(
        "namesake-root",
        "a signer below another root of the same name",
        _by(Forger.of_a_namesake),
        *_CHAIN,
        when=if_chained,
    ),
    forged(
        "self-signed", "a signer who vouches for himself", _by(Forger.self_signed), *_CHAIN, when=if_chained
    ),
    forged(
        "issuer-no-ca",
        "a signer whose certificate another signer issued",
        _by(Forger.below_a_signer),
        *_CHAIN,
        when=if_chained,
    ),
    forged(
        "no-intermediate",
        "an intermediate certificate left out",
        _by(Forger.without_intermediate),
        *_CHAIN,
        when=if_chained,
    ),
    forged(
        "chain-long",
        "a chain of six certificates",
        _by(lambda f: f.far_below(5)),
        *_CHAIN,
        Reason.TLV,
        Reason.SIZE,
        when=if_chained,
    ),
    forged(
        "chain-empty",
        "no certificate in the chain",
        _chain(lambda old: b""),
        *_CHAIN,
        Reason.TLV,
        when=if_chained,
    ),
    forged(
        "chain-cut",
        "a certificate cut short",
        _chain(lambda old: old[:-40]),
        *_CHAIN,
        Reason.TLV,
        when=if_chained,
    ),
    forged(
        "chain-garbage",
        "something else than certificates",
        _chain(lambda old: b"\x30\x03\x02\x01\x00" * 9),
        *_CHAIN,
        Reason.TLV,
        when=if_chained,
    ),
    forged(
        "certificate-changed",
        "a bit flipped in the signer's certificate, signed again",
        _chain(lambda old: old[:40] + bytes((old[40] ^ 1,)) + old[41:]),
        *_CHAIN,
        Reason.TLV,
        Reason.SIGNER_TIME,
        when=if_chained,
    ),
    forged(
        "expired",
        "a signer whose certificate had run out",
        _by(lambda f: f.signer(end=-timedelta(days=1))),
        Reason.SIGNER_TIME,
        when=if_chained,
    ),
    forged(
        "not-yet-valid",
        "a signer whose certificate was not valid yet",
        _by(lambda f: f.signer(begin=timedelta(days=1))),
        Reason.SIGNER_TIME,
        when=if_chained,
    ),
    forged(
        "purpose-tls",
        "a certificate for TLS servers",
        _by(lambda f: f.signer(purposes=(TLS,))),
        Reason.SIGNER_PURPOSE,
        when=if_chained,
    ),
    forged(
        "purpose-none",
        "a certificate without extended key usage",
        _by(lambda f: f.signer(purposes=())),
        Reason.SIGNER_PURPOSE,
        when=if_chained,
    ),
    forged(
        "purpose-no-signatures",
        "a certificate that may not sign",
        _by(Forger.who_may_not_sign),
        Reason.SIGNER_PURPOSE,
        when=if_chained,
    ),
    forged(
        "purpose-ca",
        "a CA that signs an image itself",
        _by(lambda f: f.signer(ca=True)),
        Reason.SIGNER_PURPOSE,
        when=if_chained,
    ),
)

AUTHORSHIP: Final = (*_SIGNED, *_CERTIFIED)
