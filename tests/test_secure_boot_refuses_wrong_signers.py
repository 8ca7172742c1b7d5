"""The bootloader takes images of the signers that its root vouches for, and of nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from tests.boot_refusals import Lab, lab, labs, signed
from tests.secure_lab import (
    FLOOR_S,
    NOW_S,
)
from workbench.images.build import seal_image
from workbench.images.certificates import Issuer, der, issue, name, new_key
from workbench.images.format import PROTECTED_MAGIC, Image, assemble, encode_area, parse
from workbench.images.tlvs import Tlv, TlvType

__all__ = ["lab", "labs"]  # fixtures


# --- signatures and signers ---


@signed
def test_a_stripped_or_wrong_signature(lab: Lab) -> None:
    found = parse(lab.image())
    kinds = (TlvType.ECDSA_SIG, TlvType.RSA2048_PSS)
    signature = next(t for t in found.tlvs if t.type in kinds)
    others = tuple(t for t in found.tlvs if t != signature)

    def signed(*more: Tlv) -> bytes:
        return assemble(found.header, found.payload, found.protected, (*others, *more))

    lab.assert_refused(signed(), "tlv")
    of_another = parse(lab.image(seed=7)).need(signature.type)
    lab.assert_refused(signed(Tlv(signature.type, of_another)), "signature")
    lab.assert_refused(signed(Tlv(signature.type, signature.value[:-1])), "signature")
    lab.assert_refused(signed(Tlv(signature.type, b"")), "signature")
    lab.assert_refused(signed(Tlv(signature.type, bytes(256))), "signature")
    for kind in {*kinds, TlvType.ED25519, TlvType.RSA3072_PSS} - {signature.type}:
        lab.assert_refused(signed(Tlv(kind, signature.value)), "unsupported")
        lab.assert_refused(signed(signature, Tlv(kind, signature.value)), "unsupported")


@signed
def test_a_key_hash_of_another_key(lab: Lab) -> None:
    image = lab.image()
    lab.assert_refused(image.replace(parse(image).need(TlvType.KEYHASH), bytes(32)), "signature")


@signed
def test_a_signer_of_another_root(lab: Lab) -> None:
    lab.assert_refused(lab.image(by=lab.other, encrypt=False), "signer-chain")
    chain = b"".join(lab.made.keys.signer_chain)
    foreign = parse(lab.image(by=lab.other, encrypt=False))
    named = tuple(Tlv(t.type, chain) if t.type == TlvType.SIGNER_CHAIN else t for t in foreign.protected)
    forged = replace(foreign, protected=named)
    size = len(encode_area(named, PROTECTED_MAGIC))
    forged = replace(forged, header=replace(foreign.header, protected_size=size))
    image = seal_image(forged, lab.seal(lab.other)).encode()
    lab.assert_refused(image, "signature")  # the rightful chain, another's key


@signed
def test_a_chain_that_is_none(lab: Lab) -> None:
    good = b"".join(lab.made.keys.signer_chain)
    for chain in (b"", b"\x30", b"\x30\x82\xff\xff" + good[4:], good + b"\x30\x80", good[:-1], bytes(900)):
        forged = lab.forged(
            lambda i, c=chain: replace(  # type: ignore[misc]
                i,
                protected=tuple(Tlv(t.type, c) if t.type == TlvType.SIGNER_CHAIN else t for t in i.protected),
            )
        )
        lab.assert_refused(forged, "signer-chain")
    none = lab.forged(
        lambda i: replace(i, protected=tuple(t for t in i.protected if t.type != TlvType.SIGNER_CHAIN))
    )
    lab.assert_refused(none, "tlv")


@signed
def test_times_that_are_not_right(lab: Lab) -> None:
    lab.assert_refused(lab.image(signing_time_s=FLOOR_S - 1), "signer-time")
    lab.assert_refused(lab.image(signing_time_s=NOW_S - 1), "signer-time")  # before the running image
    lab.assert_refused(lab.image(signing_time_s=NOW_S + 1000 * 86400), "signer-time")  # expired then
    lab.assert_refused(lab.image(signing_time_s=2**64 - 1), "signer-time")
    said, _ = lab.try_install(lab.image(signing_time_s=NOW_S + 1))
    assert said[1:] == ["installing", "starting 1.1.0"]


def signer(lab: Lab, *, begin: int = -20, end: int = 400, **more: Any) -> Callable[[Image], Image]:
    """The image's chain with another certificate of the same signer, issued by the rightful root."""
    keys = lab.made.keys
    times = [datetime.fromtimestamp(FLOOR_S + days * 86400, UTC) for days in (begin, end)]
    certificate = issue(
        name("signer"),
        keys.signer_key.public_key(),
        Issuer(keys.root_certificate.subject, keys.root_key),
        not_before=times[0],
        not_after=times[1],
        **{"ca": False, **more},
    )
    return lambda i: replace(
        i,
        protected=tuple(
            Tlv(t.type, der(certificate)) if t.type == TlvType.SIGNER_CHAIN else t for t in i.protected
        ),
    )


@signed
def test_what_a_certificate_is_for(lab: Lab) -> None:
    said, _ = lab.try_install(lab.forged(signer(lab)))
    assert said[1:] == ["installing", "starting 1.1.0"]
    lab.assert_refused(lab.forged(signer(lab, purposes=[Eku.SERVER_AUTH])), "signer-purpose")
    lab.assert_refused(lab.forged(signer(lab, purposes=[])), "signer-purpose")
    lab.assert_refused(lab.forged(signer(lab, signs=False)), "signer-purpose")
    lab.assert_refused(
        lab.forged(signer(lab, ca=True, signs=True, purposes=[Eku.CODE_SIGNING])), "signer-purpose"
    )
    lab.assert_refused(lab.forged(signer(lab, begin=90)), "signer-time")  # not yet valid
    lab.assert_refused(lab.forged(signer(lab, end=1)), "signer-time")  # expired


@signed
def test_chains_with_intermediates(lab: Lab) -> None:
    """One that is a CA is good; one that is none is not."""
    keys = lab.made.keys
    root = Issuer(keys.root_certificate.subject, keys.root_key)
    begin, end = (datetime.fromtimestamp(seconds, UTC) for seconds in (FLOOR_S, NOW_S + 86400))
    kind = lab.made.profile.signer
    assert kind in ("ecdsa-p256", "rsa-2048")
    middle = Issuer(name("middle"), new_key(kind))
    leaf = issue(
        name("signer"), keys.signer_key.public_key(), middle, ca=False, not_before=begin, not_after=end
    )
    for ca, expected in ((True, "installing"), (False, "slot 1 refused: signer-chain")):
        above = issue(middle.name, middle.key.public_key(), root, ca=ca, not_before=begin, not_after=end)
        chain = Tlv(TlvType.SIGNER_CHAIN, der(leaf) + der(above))
        forged = lab.forged(
            lambda i, c=chain: replace(  # type: ignore[misc]
                i, protected=tuple(c if t.type == TlvType.SIGNER_CHAIN else t for t in i.protected)
            )
        )
        assert lab.try_install(forged)[0][1] == expected


# --- claims ---
