"""The provisioning page is read back as it was built, and nothing else is taken for one."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.images.profile import load_profile
from workbench.images.provisioning import (
    HEAD,
    MAGIC,
    MAX_BYTES,
    PageIncomplete,
    PageInvalid,
    Provisioning,
    RsaRoot,
    build_page,
    needs,
    parse_page,
    verify_for,
)

FULL = Provisioning(
    profile="tier-2-rsa",
    vid=bytes(range(16)),
    cid=bytes(range(16, 32)),
    root_dn=b"\x30\x05hello",
    root_rsa=RsaRoot(b"\xc1" * 256, 65537),
    time_floor=1_790_000_000,
    enc_key=b"\x11" * 32,
    device_key=b"\x22" * 32,
)


def page_of(area: bytes) -> bytes:
    return HEAD.pack(MAGIC, len(area), zlib.crc32(area)) + area


def tlv(number: int, data: bytes, padding: bytes | None = None) -> bytes:
    pad = bytes(-len(data) % 4) if padding is None else padding
    return struct.pack("<HH", number, len(data)) + data + pad


LEAST = tlv(1, bytes(16)) + tlv(2, bytes(16)) + tlv(11, b"mine")


def maybe(size: int) -> st.SearchStrategy[bytes | None]:
    return st.none() | st.binary(min_size=size, max_size=size)


CONTENTS = st.builds(
    Provisioning,
    profile=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=63),
    vid=st.binary(min_size=16, max_size=16),
    cid=st.binary(min_size=16, max_size=16),
    root_dn=st.none() | st.binary(min_size=1, max_size=256),
    root_ec=st.none() | st.binary(min_size=64, max_size=64).map(lambda xy: b"\x04" + xy),
    root_rsa=st.none() | st.builds(RsaRoot, st.binary(min_size=256, max_size=256), st.integers(0, 2**32 - 1)),
    time_floor=st.none() | st.integers(0, 2**64 - 1),
    enc_key=maybe(32),
    kek=maybe(16),
    unit_secret=maybe(32),
    device_key=maybe(32),
)


@given(CONTENTS, st.integers(0, 64))
def test_what_was_built_is_read(content: Provisioning, erased: int) -> None:
    page = build_page(content)
    assert len(page) <= MAX_BYTES
    assert len(page) % 4 == 0
    assert parse_page(page + b"\xff" * erased) == content


def test_the_page_is_as_the_bootloader_reads_it() -> None:
    page = build_page(Provisioning(profile="mine", vid=bytes(16), cid=bytes(16)))
    assert page == b"WBPROV01" + struct.pack("<II", len(LEAST), zlib.crc32(LEAST)) + LEAST


@given(st.integers(0, 8 * len(build_page(FULL)) - 1))
def test_a_flipped_bit_is_noticed(bit: int) -> None:
    page = bytearray(build_page(FULL))
    page[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PageInvalid):
        parse_page(bytes(page))


@given(st.integers(0, len(build_page(FULL)) - 1))
def test_a_page_that_was_cut_short_is_noticed(size: int) -> None:
    page = build_page(FULL)
    for torn in (page[:size], page[:size] + b"\xff" * (len(page) - size)):
        with pytest.raises(PageInvalid):
            parse_page(torn)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (b"", "0 bytes"),
        (b"\xff" * 1024, "is not provisioned"),
        (b"WBPROV02" + page_of(LEAST)[8:], "magic"),
        (page_of(LEAST + tlv(12, b"")), "unknown type 12"),
        (page_of(LEAST + tlv(0, b"")), "unknown type 0"),
        (page_of(LEAST + tlv(1, bytes(16))), "vid is in the provisioning page twice"),
        (page_of(LEAST + tlv(6, bytes(31))), "31 bytes instead of 32"),
        (page_of(LEAST + tlv(4, b"\x02" + bytes(64))), "no uncompressed point"),
        (page_of(LEAST + tlv(3, b"abc", b"\x01")), "not padded with zeros"),
        (page_of(LEAST + struct.pack("<HH", 3, 400)), "runs over its end"),
        (page_of(tlv(1, bytes(16)) + tlv(2, bytes(16))), "lacks profile"),
        (page_of(tlv(1, bytes(16)) + tlv(2, bytes(16)) + tlv(11, b"a b ")), "printable ASCII"),
        (page_of(LEAST) + b"\x00", "follows the provisioning page"),
        (HEAD.pack(MAGIC, 2, 0) + bytes(4), "which cannot be"),
        (HEAD.pack(MAGIC, 0xFFFF_FFFC, 0) + bytes(4), "which cannot be"),
        (page_of(LEAST + tlv(3, bytes(256)) + tlv(12, bytes(1000))), "which cannot be"),
    ],
)
def test_what_is_no_page_is_refused_with_the_reason(page: bytes, words: str) -> None:
    with pytest.raises(PageInvalid, match=words):
        parse_page(page)


@given(st.binary(max_size=200))
def test_any_area_is_read_or_refused(area: bytes) -> None:
    for page in (area, page_of(area), page_of(LEAST + area)):
        try:
            content = parse_page(page)
        except PageInvalid:
            continue
        assert parse_page(build_page(content)) == content


@pytest.mark.parametrize(
    "wrong",
    [
        replace(FULL, vid=bytes(15)),
        replace(FULL, profile="ä"),
        replace(FULL, profile=""),
        replace(FULL, time_floor=-1),
        replace(FULL, root_dn=bytes(257)),
        replace(FULL, root_rsa=RsaRoot(bytes(255), 3)),
        replace(FULL, root_rsa=RsaRoot(bytes(256), 1 << 32)),
    ],
)
def test_what_does_not_fit_a_page_is_not_built(wrong: Provisioning) -> None:
    with pytest.raises(PageIncomplete):
        build_page(wrong)


def test_secrets_are_not_shown() -> None:
    s16, s32 = b"S" * 16, b"S" * 32
    page = replace(FULL, enc_key=s32, kek=s16, unit_secret=s32, device_key=s32)
    assert "SS" not in repr(page)
    assert "SS" in repr(page.kek)


def test_a_unit_has_what_its_profile_needs_and_no_more() -> None:
    profile = load_profile("tier-2-rsa")
    assert needs(profile) == {"root_dn", "root_rsa", "time_floor", "enc_key", "device_key"}
    verify_for(FULL, profile)
    with pytest.raises(PageIncomplete, match="needs enc_key"):
        verify_for(replace(FULL, enc_key=None), profile)
    with pytest.raises(PageIncomplete, match="does not use kek"):
        verify_for(replace(FULL, kek=bytes(16)), profile)
    with pytest.raises(PageIncomplete, match="for profile tier-2-rsa"):
        verify_for(FULL, load_profile("tier-1"))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("tier-1", {"kek"}),
        ("tier-1-plus", {"unit_secret"}),
        ("tier-2-ecdsa", {"root_dn", "root_ec", "time_floor", "enc_key", "device_key"}),
    ],
)
def test_each_profile_puts_on_the_unit_only_what_it_uses(name: str, wanted: set[str]) -> None:
    assert needs(load_profile(name)) == wanted
