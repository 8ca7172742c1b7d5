"""The bootloader refuses each wrong image for the right reason, and goes on with the one that runs."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from tests.boot_refusals import REASONS, Lab, about, all_profiles, lab, labs, one_of_each_kind, signed
from tests.secure_lab import (
    COUNTER,
    REQUEST_TEST,
    SLOT0,
    SLOT1,
    STATE,
    BootState,
    plain,
)
from workbench.images.build import Seal, seal_image
from workbench.images.encryption import Encryption
from workbench.images.format import Flag, assemble, parse
from workbench.images.provisioning import build_page, parse_page
from workbench.images.tlvs import Dependency, Tlv, TlvType, Version

__all__ = ["lab", "labs"]  # fixtures


def patched(image: bytes, at: int, data: bytes) -> bytes:
    return image[:at] + data + image[at + len(data) :]


@all_profiles
def test_a_good_image_is_installed(lab: Lab) -> None:
    assert lab.try_install(lab.image())[0][1:] == ["installing", "starting 1.1.0"]


@all_profiles
def test_an_encrypted_one_too(lab: Lab) -> None:
    assert lab.try_install(lab.image(encrypt=True))[0][1:] == ["installing", "starting 1.1.0"]


@one_of_each_kind
@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("magic", {"magic"}),
        ("header size", {"size"}),
        ("image size", {"size", "tlv"}),
        ("protected size", {"tlv", "size"}),
        ("version", {"hash"}),
        ("header padding", {"hash"}),
        ("payload", {"hash"}),
        ("last byte of payload", {"hash"}),
        ("protected TLV", {"hash", "tlv"}),
        ("hash", {"hash"}),
    ],
)  # fmt: skip
def test_a_flipped_bit_is_found(lab: Lab, where: str, reason: set[str]) -> None:
    image = lab.image()
    found = parse(image)
    start, end = found.header.header_size, found.header.header_size + len(found.payload)
    digest = found.need(TlvType.SHA256)
    at = {
        "magic": 0, "header size": 9, "protected size": 10, "image size": 13, "version": 20,
        "header padding": 200, "payload": start + 700, "last byte of payload": end - 1,
        "protected TLV": end + 4 + 4, "hash": image.index(digest),
    }[where]  # fmt: skip
    said, _ = lab.try_install(patched(image, at, bytes([image[at] ^ 0x10])))
    assert said[1] in {f"slot 1 refused: {each}" for each in reason}
    assert said[2] == "starting 1.0.0"


@one_of_each_kind
def test_every_byte_behind_the_payload_counts(lab: Lab) -> None:
    """Sampled: TLV types, lengths, values, wherever nothing but the TLVs' own check can see it."""
    image = lab.image(encrypt=True)
    found = parse(image)
    start = found.header.header_size + found.header.image_size + found.header.protected_size
    for at in range(start, len(image), 37):
        said, result = lab.try_install(patched(image, at, bytes([image[at] ^ 0x04])))
        assert said[1].startswith("slot 1 refused: "), f"byte {at - start} of {len(image) - start}"
        assert result >= REASONS["magic"]


@one_of_each_kind
def test_a_truncated_image(lab: Lab) -> None:
    image = lab.image()
    for size in (16, 300, len(image) // 2, len(image) - 1):
        said, _ = lab.try_install(image[:size])
        assert said[1].startswith("slot 1 refused: ")


@one_of_each_kind
@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (8, b"\x20\x00", "size"),
        (12, b"\xff\xff\xff\xff", "size"),
        (12, b"\x00\xff\xff\xff", "size"),
        (12, b"\x00\x00\x00\x00", "size"),
        (12, struct.pack("<I", 99 * 1024 - 0x100), "size"),
        (10, b"\xff\xff", "tlv"),
        (16, struct.pack("<I", Flag.NON_BOOTABLE), "not-bootable"),
        (16, struct.pack("<I", Flag.ENCRYPTED_AES256), "unsupported"),
        (16, struct.pack("<I", Flag.COMPRESSED_LZMA2), "unsupported"),
        (16, struct.pack("<I", Flag.RAM_LOAD), "unsupported"),
        (16, struct.pack("<I", 0x80000000), "unsupported"),
    ],
)
def test_a_header_that_lies(lab: Lab, offset: int, value: bytes, reason: str) -> None:
    lab.assert_refused(patched(lab.image(), offset, value), reason)


@one_of_each_kind
def test_tlv_areas_that_lie(lab: Lab) -> None:
    image = lab.image()
    found = parse(image)
    start = found.header.header_size + found.header.image_size
    for area in (start, start + found.header.protected_size):
        for lie in (b"\x00\x00", b"\x03\x00", b"\xff\xff"):
            said, _ = lab.try_install(patched(image, area + 2, lie))
            assert said[1] in ("slot 1 refused: tlv", "slot 1 refused: size")
        lab.assert_refused(patched(image, area, b"\x00\x00"), "tlv")
        lab.assert_refused(patched(image, area + 6, b"\xff\xff"), "tlv")  # length of the first TLV


@one_of_each_kind
def test_tlvs_in_the_wrong_area_or_twice(lab: Lab) -> None:
    found = parse(lab.image())
    counter = Tlv(TlvType.SEC_CNT, struct.pack("<I", 5))
    digest = Tlv(TlvType.SHA256, found.need(TlvType.SHA256))
    without = tuple(tlv for tlv in found.protected if tlv.type != TlvType.SEC_CNT)

    def made(protected: tuple[Tlv, ...], tlvs: tuple[Tlv, ...]) -> bytes:
        return assemble(found.header, found.payload, protected, tlvs)

    lab.assert_refused(made(found.protected, (*found.tlvs, counter)), "tlv")
    lab.assert_refused(made(without, (*found.tlvs, counter)), "tlv")
    lab.assert_refused(made((*found.protected, digest), found.tlvs), "tlv")
    lab.assert_refused(made((*found.protected, counter), found.tlvs), "tlv")
    lab.assert_refused(made(found.protected, (*found.tlvs, digest)), "tlv")
    lab.assert_refused(made(found.protected, (*found.tlvs, Tlv(0x99, b"x"))), "tlv")
    lab.assert_refused(made(found.protected, tuple(t for t in found.tlvs if t != digest)), "tlv")


@all_profiles
def test_another_products_image(lab: Lab) -> None:
    lab.assert_refused(lab.image(device="another-board"), "cid")
    if lab.made.profile.signer:
        wrong = Tlv(TlvType.UUID_VID, bytes(16))
        forged = lab.forged(
            lambda i: replace(
                i, protected=tuple(wrong if t.type == TlvType.UUID_VID else t for t in i.protected)
            )
        )
        lab.assert_refused(forged, "vid")


@all_profiles
def test_no_way_back(lab: Lab) -> None:
    lab.assert_refused(lab.image(counter=4), "counter")
    lab.assert_refused(lab.image("0.9.9"), "version")
    lab.assert_refused(lab.image(counter=0x10000), "counter")
    assert lab.try_install(lab.image("0.9.9", counter=6))[0][1:] == ["installing", "starting 0.9.9"]
    assert lab.try_install(lab.image("1.0.0"))[0][1:] == ["installing", "starting 1.0.0"]


@one_of_each_kind
def test_a_counter_that_has_no_room_left_takes_no_higher_one(lab: Lab) -> None:
    words = b"".join(struct.pack("<I", c | (~c & 0xFFFF) << 16) for c in (1, 5) * 16)
    lab.board.fill({**lab.base, SLOT0: lab.running, SLOT1: lab.image(counter=6)})
    lab.board.write({STATE: BootState(phase=REQUEST_TEST).encode(), COUNTER: words})
    assert lab.board.boot()[1:] == ["slot 1 refused: counter", "starting 1.0.0"]


@all_profiles
def test_a_wrong_wrapping_key(lab: Lab) -> None:
    found = parse(lab.image(by=lab.other, encrypt=True))
    lab.assert_refused(found.encode(), "decrypt")


@all_profiles
def test_a_plain_image_where_only_encrypted_ones_come_in(lab: Lab) -> None:
    if not lab.made.profile.encryption.required:
        assert lab.try_install(lab.image(encrypt=False))[0][1:] == ["installing", "starting 1.1.0"]
        return
    found = parse(plain(lab.image(), lab.made, lab.board.chip_id))
    header = replace(found.header, flags=0)
    tlvs = tuple(t for t in found.tlvs if t.type != TlvType.ENC_KW)
    lab.assert_refused(assemble(header, found.payload, found.protected, tlvs), "tlv")
    lab.assert_refused(assemble(found.header, found.payload, found.protected, tlvs), "tlv")


@about("tier-1-plus")
def test_another_units_image(lab: Lab) -> None:
    lab.assert_refused(lab.image(chip_id=bytes(8)), "decrypt")


@about("tier-1-plus")
def test_the_mac_counts(lab: Lab) -> None:
    found = parse(lab.image())
    wrong = tuple(Tlv(TlvType.HMAC, bytes(32)) if t.type == TlvType.HMAC else t for t in found.tlvs)
    lab.assert_refused(assemble(found.header, found.payload, found.protected, wrong), "mac")
    none = tuple(t for t in found.tlvs if t.type != TlvType.HMAC)
    lab.assert_refused(assemble(found.header, found.payload, found.protected, none), "tlv")


@about("tier-1")
def test_tier_1_takes_what_anybody_with_the_shared_key_made(lab: Lab) -> None:
    """The weakness that the profile tells of, so that nobody is surprised."""
    found = parse(plain(lab.image(), lab.made))
    evil = replace(found, payload=found.payload[:-4] + b"evil", tlvs=())
    forged = seal_image(evil, Seal(encryption=Encryption(lab.made.keys.kek, 128))).encode()
    assert lab.try_install(forged)[0][1:] == ["installing", "starting 1.1.0"]


@signed
def test_dependencies(lab: Lab) -> None:

    def needing(image: int, version: str) -> bytes:
        needs = Tlv(TlvType.DEPENDENCY, Dependency(image, Version.parse(version)).encode())
        return lab.forged(lambda i: replace(i, protected=(*i.protected, needs)))

    assert lab.try_install(needing(0, "1.0.0"))[0][1] == "installing"
    lab.assert_refused(needing(0, "1.0.1"), "dependency")
    lab.assert_refused(needing(1, "0.0.0"), "dependency")


@one_of_each_kind
def test_an_image_that_cannot_start(lab: Lab) -> None:
    linked_elsewhere = struct.pack("<II", 0x20004000, 0x101) + bytes(600)
    lab.assert_refused(lab.image(payload=linked_elsewhere), "not-bootable")


@signed
def test_ids_as_imgtool_writes_them(lab: Lab) -> None:
    other = {TlvType.UUID_VID: TlvType.IMGTOOL_VID, TlvType.UUID_CID: TlvType.IMGTOOL_CID}
    forged = lab.forged(
        lambda i: replace(
            i, protected=tuple(Tlv(other.get(TlvType(t.type), t.type), t.value) for t in i.protected)
        )
    )
    assert lab.try_install(forged)[0][1:] == ["installing", "starting 1.1.0"]


@one_of_each_kind
def test_a_unit_that_was_not_provisioned_starts_nothing(lab: Lab) -> None:
    def boot_with(page: bytes) -> list[str]:
        lab.board.fill({**lab.base, SLOT0: lab.running, 0x3F800: page})
        return lab.board.boot()[1:]

    page = lab.base[0x3F800]
    refused = ["nothing to start: not-provisioned"]
    assert boot_with(page) == ["starting 1.0.0"]
    assert boot_with(b"") == refused
    assert boot_with(patched(page, 30, bytes([page[30] ^ 1]))) == refused
    assert boot_with(patched(page, 8, b"\xff\xff\xff\xff")) == refused
    foreign = replace(parse_page(page), profile="another")
    assert boot_with(build_page(foreign)) == refused


@one_of_each_kind
def test_slot_0_is_held_to_the_same(lab: Lab) -> None:
    """Damage in the running image is found at the next boot."""
    broken = patched(lab.running, 0x100 + 1000, bytes([lab.running[0x100 + 1000] ^ 1]))
    lab.board.fill({**lab.base, SLOT0: broken})
    assert lab.board.boot()[1:] == ["nothing to start: hash"]
    lab.board.fill({**lab.base, SLOT0: broken, SLOT1: lab.image()})
    assert lab.board.boot()[1:] == ["installing", "starting 1.1.0"]
