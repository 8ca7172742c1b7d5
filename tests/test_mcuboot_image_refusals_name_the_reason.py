"""Each check of an image says yes to the right one, and no, by its own name, to the wrong one."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.mcuboot_lab import (
    PAYLOAD,
    SIGNED_AT_S,
    SIGNERS,
    chained,
    key,
    p256_key,
    pki,
    refused,
    remade,
    without,
)
from workbench.errors import Blame
from workbench.images import refusals as no
from workbench.images.build import Options, OptionsInvalid, Seal, build, encrypt_image, reseal, seal_image
from workbench.images.certificates import KeyKind
from workbench.images.encryption import Encryption
from workbench.images.format import TLV_MAGIC, Flag, Image, assemble, encode_area, parse
from workbench.images.reasons import Reason, reason_of
from workbench.images.signing import sign_digest, verify_signature
from workbench.images.tlvs import Dependency, Severity, Tlv, TlvType, Version, cid_of, vid_of
from workbench.images.verify import Policy, PolicyEmpty, verify

VID = vid_of("vendor.example")
CID = cid_of("gadget", VID)
ROOT = Policy(root=pki("ecdsa-p256", 0, 0).root)
FULL = replace(
    ROOT,
    vid=VID,
    cid=CID,
    counter_needed=True,
    min_counter=7,
    running_version=Version(1, 2, 3),
    time_floor_s=SIGNED_AT_S,
    installed={1: Version(2)},
)
HASH = Policy(hash_is_enough=True)


def full() -> bytes:
    return chained(vid=VID, cid=CID, dependencies=(Dependency(1, Version(2)),), severity=Severity.MANDATORY)


def test_an_image_with_everything_is_accepted() -> None:
    verified = verify(full(), FULL)
    assert verified.proofs == (
        "hash",
        "chain",
        "signature",
        "counter",
        "version",
        "vid",
        "cid",
        "dependencies",
    )
    assert verified.payload == PAYLOAD
    assert verified.counter == 7
    assert verified.severity is Severity.MANDATORY
    assert verified.signing_time_s == SIGNED_AT_S


CLAIMS: list[tuple[dict[str, Any], type[no.ImageRefused], Reason]] = [
    ({"vid": vid_of("other.example")}, no.VidWrong, Reason.VID),
    ({"cid": cid_of("other", VID)}, no.CidWrong, Reason.CID),
    ({"min_counter": 8}, no.CounterLow, Reason.COUNTER),
    ({"running_version": Version(1, 2, 4)}, no.VersionLow, Reason.VERSION),
    ({"running_version": Version(1, 2, 3, 1)}, no.VersionLow, Reason.VERSION),
    ({"time_floor_s": SIGNED_AT_S + 1}, no.SigningTimeEarly, Reason.SIGNER_TIME),
    ({"installed": {1: Version(1, 9)}}, no.DependencyUnmet, Reason.DEPENDENCY),
    ({"installed": {2: Version(2)}}, no.DependencyUnmet, Reason.DEPENDENCY),
    ({"must_be_encrypted": True}, no.NotEncrypted, Reason.TLV),
    ({"mac_key": bytes(32)}, no.TlvMissing, Reason.TLV),
    ({"root": pki("ecdsa-p256", 1, 0).root}, no.SignerUntrusted, Reason.SIGNER_CHAIN),
    ({"root": pki("rsa-2048", 0, 0).root}, no.SignerUntrusted, Reason.SIGNER_CHAIN),
    ({"root": None, "public_keys": (key("ecdsa-p256").public_key(),)}, no.SignatureInvalid, Reason.SIGNATURE),
]


@pytest.mark.parametrize(("change", "refusal", "reason"), CLAIMS)
def test_what_the_policy_demands_is_demanded(
    change: dict[str, Any], refusal: type[no.ImageRefused], reason: Reason
) -> None:
    error = refused(full(), replace(FULL, **change), refusal)
    assert error.reason is reason
    assert reason_of(reason.word) is reason
    assert error.blame is Blame.TRUST


@pytest.mark.parametrize(
    "kind",
    [
        TlvType.SHA256,
        TlvType.ECDSA_SIG,
        TlvType.KEYHASH,
        TlvType.SIGNER_CHAIN,
        TlvType.SIGNING_TIME,
        TlvType.SEC_CNT,
        TlvType.UUID_VID,
        TlvType.UUID_CID,
    ],
)
def test_what_was_stripped_is_missed(kind: TlvType) -> None:
    """The signer strips it and signs again, so that nothing else is wrong."""
    image = without(parse(full()), kind)
    if kind not in (TlvType.SHA256, TlvType.ECDSA_SIG, TlvType.KEYHASH):
        image = seal_image(parse(remade(image)), Seal(signing_key=pki("ecdsa-p256", 0, 0).signer_key))
    refused(remade(image), FULL, no.TlvMissing)


def test_a_lower_version_is_accepted_with_a_higher_counter() -> None:
    verify(full(), replace(FULL, min_counter=6, running_version=Version(9)))
    refused(full(), replace(FULL, min_counter=7, running_version=Version(9)), no.VersionLow)


@pytest.mark.parametrize("where", ["header", "header padding", "payload", "protected", "hash"])
def test_a_flipped_bit_anywhere_breaks_the_hash(where: str) -> None:
    data, image = bytearray(full()), parse(full())
    end = image.header.header_size + image.header.image_size
    at = {
        "header": 20,
        "header padding": 100,
        "payload": end - 1,
        "protected": end + 8,
        "hash": end + image.header.protected_size + 8,
    }[where]
    data[at] ^= 1
    assert refused(bytes(data), FULL, no.HashMismatch).reason is Reason.HASH


@pytest.mark.parametrize("kind", SIGNERS)
def test_a_flipped_bit_in_the_signature_breaks_it(kind: KeyKind) -> None:
    data = bytearray(chained(kind))
    data[-3] ^= 1
    refused(bytes(data), Policy(root=pki(kind, 0, 0).root), no.SignatureInvalid)
    verify(chained(kind), Policy(root=pki(kind, 0, 0).root))


def test_a_signature_of_another_key_below_the_same_name_is_refused() -> None:
    """Hash and KEYHASH are right; only the signature is another's."""
    image = parse(full())
    forged = parse(build(PAYLOAD, Options(version=Version(1)), Seal(signing_key=key("ecdsa-p256"))))
    tlvs = [
        Tlv(TlvType.ECDSA_SIG, forged.need(TlvType.ECDSA_SIG)) if t.type == TlvType.ECDSA_SIG else t
        for t in image.tlvs
    ]
    refused(remade(replace(image, tlvs=tuple(tlvs))), FULL, no.SignatureInvalid)


def test_a_signature_of_another_algorithm_is_no_signature() -> None:
    """An attacker signs with an own key of another kind, which the image even names."""
    forged = build(PAYLOAD, Options(version=Version(1)), Seal(signing_key=key("ed25519")))
    policy = Policy(public_keys=(key("ecdsa-p256").public_key(),))
    assert refused(forged, policy, no.Unsupported).reason is Reason.UNSUPPORTED
    nameless = without(parse(forged), TlvType.KEYHASH)
    refused(remade(nameless), policy, no.Unsupported)


def test_both_numbers_of_an_id_count_and_only_one_may_be_there() -> None:
    theirs = chained(vid=VID, cid=CID, imgtool_ids=True)
    verify(theirs, replace(ROOT, vid=VID, cid=CID))
    refused(theirs, replace(ROOT, vid=CID), no.VidWrong)
    image = parse(theirs)
    both = replace(image, protected=(*image.protected, Tlv(TlvType.UUID_VID, CID)))
    refused(remade(both), ROOT, no.TlvDuplicated)


def test_a_tlv_that_nobody_understands_has_no_place_outside_the_protected_area() -> None:
    image = parse(full())
    refused(remade(replace(image, tlvs=(*image.tlvs, Tlv(0x21, b"")))), ROOT, no.Unsupported)


def test_flag_and_wrapped_key_go_together() -> None:
    seal = Seal(signing_key=key("ed25519"), encryption=Encryption(p256_key().public_key()))
    policy = Policy(public_keys=(key("ed25519").public_key(),), decrypt_key=p256_key())
    image = parse(build(PAYLOAD, Options(version=Version(1)), seal))
    verify(image, policy)
    assert refused(remade(without(image, TlvType.ENC_EC256)), policy, no.TlvMissing).reason is Reason.TLV
    unflagged = replace(image, header=replace(image.header, flags=0))
    assert refused(remade(unflagged), policy, no.TlvMalformed).reason is Reason.TLV


def test_one_of_several_keys_is_enough_and_a_stranger_is_not() -> None:
    keys = (key("rsa-2048").public_key(), key("ecdsa-p256").public_key(), key("ed25519").public_key())
    verify(
        build(PAYLOAD, Options(version=Version(1)), Seal(signing_key=key("ed25519"))),
        Policy(public_keys=keys),
    )
    stranger = build(PAYLOAD, Options(version=Version(1)), Seal(signing_key=key("ed25519", 1)))
    refused(stranger, Policy(public_keys=keys), no.SignatureInvalid)


def test_a_mac_needs_its_key() -> None:
    image = build(PAYLOAD, Options(version=Version(1)), Seal(mac_key=b"k" * 32))
    assert verify(image, Policy(mac_key=b"k" * 32)).proofs == ("hash", "mac")
    assert refused(image, Policy(mac_key=b"j" * 32), no.MacInvalid).reason is Reason.MAC


def test_without_anything_trusted_there_is_no_answer() -> None:
    with pytest.raises(PolicyEmpty):
        verify(full(), Policy())
    verify(full(), HASH)


def test_an_image_that_must_not_be_booted_is_refused() -> None:
    image = build(PAYLOAD, Options(version=Version(1), flags=int(Flag.NON_BOOTABLE)))
    assert refused(image, HASH, no.NotBootable).reason is Reason.NOT_BOOTABLE


@pytest.mark.parametrize(
    "flags", [0x1000, Flag.ENCRYPTED_AES128 | Flag.ENCRYPTED_AES256, Flag.COMPRESSED_LZMA1]
)
def test_flags_that_nobody_understands_are_refused(flags: int) -> None:
    refused(build(PAYLOAD, Options(version=Version(1), flags=int(flags))), HASH, no.Unsupported)


def test_tlvs_in_the_wrong_area_or_twice_are_refused() -> None:
    image = parse(full())
    counter = Tlv(TlvType.SEC_CNT, struct.pack("<I", 99))
    digest = Tlv(TlvType.SHA256, bytes(32))
    unknown = Tlv(0x1234, b"")
    cases: list[tuple[Image, type[no.ImageRefused]]] = [
        (replace(without(image, TlvType.SEC_CNT), tlvs=(*image.tlvs, counter)), no.TlvNotProtected),
        (replace(image, tlvs=(*image.tlvs, unknown)), no.TlvNotProtected),
        (replace(image, tlvs=(*image.tlvs, counter)), no.TlvDuplicated),
        (replace(image, protected=(*image.protected, counter)), no.TlvDuplicated),
        (replace(image, tlvs=(*image.tlvs, digest)), no.TlvDuplicated),
        (
            replace(without(image, TlvType.SHA256), protected=(*image.protected, digest)),
            no.TlvWronglyProtected,
        ),
        (replace(image, tlvs=(*image.tlvs[1:], Tlv(TlvType.SHA256, bytes(31)))), no.TlvMalformed),
        (replace(image, protected=(*image.protected[1:], Tlv(TlvType.SEC_CNT, b"12"))), no.TlvMalformed),
    ]
    for wrong, refusal in cases:
        assert refused(remade(wrong), FULL, refusal).reason is Reason.TLV


@pytest.mark.parametrize("field", ["header_size", "image_size", "protected_size"])
@pytest.mark.parametrize("by", [-1, 1, "most"])
def test_lengths_that_lie_are_refused(field: str, by: int | str) -> None:
    image = parse(full())
    most = 0xFFFFFFFF if field == "image_size" else 0xFFFF
    lie = most if isinstance(by, str) else getattr(image.header, field) + by
    header = replace(image.header, **{field: lie})  # type: ignore[arg-type]
    padding = image.header_padding
    data = assemble(header, image.payload, image.protected, image.tlvs, exact=True, header_padding=padding)
    with pytest.raises(no.ImageMalformed) as caught:
        verify(data, FULL)
    assert caught.value.reason in (Reason.SIZE, Reason.TLV)


def test_every_truncation_is_refused() -> None:
    data = full()
    for end in range(len(data)):
        with pytest.raises(no.ImageMalformed):
            verify(data[:end], FULL)


def test_bytes_behind_the_image_are_refused_unless_they_are_erased_flash() -> None:
    verify(full() + b"\xff" * 100, FULL)
    assert refused(full() + b"\x00", FULL, no.TrailingData).reason is Reason.SIZE


@pytest.mark.parametrize("data", [b"", b"\x3d", b"\x3c\xb8\xf3\x96" + bytes(500), b"\x7fELF" + bytes(500)])
def test_what_is_no_image_is_called_so(data: bytes) -> None:
    assert refused(data, HASH, no.MagicWrong).reason is Reason.MAGIC


# --- making what must not be made


def test_what_cannot_hold_is_not_built() -> None:
    made = pki("ecdsa-p256", 0, 0)
    seal = Seal(signing_key=key("ecdsa-p256"))
    for options, with_seal in [
        (Options(version=Version(1), signer_chain=made.chain, signing_time_s=1), seal),
        (Options(version=Version(1), signer_chain=made.chain), Seal(signing_key=made.signer_key)),
        (Options(version=Version(1), header_size=31), seal),
        (Options(version=Version(1), counter=1 << 32), seal),
        (Options(version=Version(1), boot_record="thirteenchars"), seal),
        (Options(version=Version(1), payload_has_header=True), seal),
    ]:
        with pytest.raises(OptionsInvalid):
            build(PAYLOAD, options, with_seal)
    with pytest.raises(OptionsInvalid):
        build(b"", Options(version=Version(1)))


def test_a_damaged_image_is_not_signed() -> None:
    image = parse(full())
    with pytest.raises(no.HashMismatch):
        reseal(replace(image, payload=image.payload[:-1] + b"?"), Seal(signing_key=key("ed25519")))


def test_encryption_afterwards_needs_the_flag_or_a_new_signature() -> None:
    how = Encryption(p256_key().public_key())
    image = parse(build(PAYLOAD, Options(version=Version(1)), Seal(signing_key=key("ed25519"))))
    with pytest.raises(OptionsInvalid):
        encrypt_image(image, how)
    ready = Options(version=Version(1), for_encryption=128)
    prepared = parse(build(PAYLOAD, ready, Seal(signing_key=key("ed25519"))))
    policy = Policy(
        public_keys=(key("ed25519").public_key(),), decrypt_key=p256_key(), must_be_encrypted=True
    )
    encrypted = encrypt_image(prepared, how)
    assert verify(encrypted.encode(), policy).payload.startswith(PAYLOAD)
    refused(prepared.encode(), policy, no.TlvMissing)
    verify(prepared, replace(policy, payload_is_plain=True))
    with pytest.raises(OptionsInvalid):
        encrypt_image(encrypted, how)


def test_the_bytes_of_a_slot_verify_without_the_key() -> None:
    seal = Seal(signing_key=key("ed25519"), encryption=Encryption(p256_key().public_key()))
    image = build(PAYLOAD, Options(version=Version(1)), seal)
    policy = Policy(public_keys=(key("ed25519").public_key(),), decrypt_key=p256_key())
    in_slot = verify(image, policy).image.encode()
    refused(in_slot, policy, no.HashMismatch)
    verify(in_slot, replace(policy, decrypt_key=None, payload_is_plain=True))


def test_signing_time_of_one_signer_may_be_raised_by_another_day() -> None:
    later = SIGNED_AT_S + int(timedelta(days=1).total_seconds())
    refused(full(), replace(FULL, time_floor_s=later), no.SigningTimeEarly)
    verify(chained(signing_time_s=later), replace(ROOT, time_floor_s=later))


def test_an_area_or_a_header_shorter_than_itself_is_refused() -> None:
    image = parse(full())
    for total in range(4):
        data = image.covered + encode_area((), TLV_MAGIC, total=total)
        refused(data, ROOT, no.TlvLengthLies)
    for size in range(32):
        header = replace(image.header, header_size=size)
        data = assemble(header, image.payload, image.protected, image.tlvs, exact=True, header_padding=b"")
        refused(data, ROOT, no.LengthLies)
    refused(assemble(image.header, b"", image.protected, image.tlvs), ROOT, no.LengthLies)


def test_a_signature_is_verified_as_what_it_claims_to_be_only() -> None:
    digest = bytes(32)
    signature = sign_digest(key("rsa-2048"), digest)
    verify_signature(key("rsa-2048").public_key(), TlvType.RSA2048_PSS, signature, digest)
    with pytest.raises(no.Unsupported):
        verify_signature(key("rsa-2048").public_key(), TlvType.RSA3072_PSS, signature, digest)
    with pytest.raises(no.SignatureInvalid):
        verify_signature(key("rsa-2048").public_key(), TlvType.RSA2048_PSS, signature, bytes(31) + b"\1")
