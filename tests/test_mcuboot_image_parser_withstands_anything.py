"""Whatever the bytes are: an image, or a WorkbenchError, in bounded memory."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mcuboot_lab import PAYLOAD, chained, key, p256_key, pki
from workbench.errors import WorkbenchError
from workbench.images import cbor
from workbench.images.build import Options, Seal, build
from workbench.images.chain import certificates_of, verify_chain
from workbench.images.compression import compress, decompress
from workbench.images.describe import describe
from workbench.images.encryption import Encryption, unwrap
from workbench.images.format import MAGIC, Header, assemble, encode_area, parse
from workbench.images.refusals import (
    DecompressionFailed,
    ImageMalformed,
    ImageRefused,
    KeyKindWrong,
    KeyWrong,
    TlvMalformed,
    TooLarge,
)
from workbench.images.tlvs import Tlv, TlvType, Version
from workbench.images.verify import Policy, verify

ROOT = pki("ecdsa-p256", 0, 1).root
POLICY = Policy(root=ROOT, decrypt_key=p256_key(), min_counter=1)


def _plain() -> bytes:
    return chained("ecdsa-p256", 1, boot_record="APP")


def _encrypted() -> bytes:
    made = pki("ecdsa-p256", 0, 1)
    options = Options(version=Version(1), counter=7, signer_chain=made.chain, signing_time_s=1_780_000_000)
    seal = Seal(signing_key=made.signer_key, encryption=Encryption(p256_key().public_key()))
    return build(PAYLOAD, options, seal)


def _compressed() -> bytes:
    made = pki("ecdsa-p256", 0, 1)
    options = Options(
        version=Version(1),
        counter=7,
        signer_chain=made.chain,
        signing_time_s=1_780_000_000,
        compression="lzma2-thumb",
    )
    return build(PAYLOAD, options, Seal(signing_key=made.signer_key))


IMAGES = [_plain(), _encrypted(), _compressed()]


def judged(data: bytes) -> None:
    """An answer for every question, or a refusal; nothing else."""
    try:
        image = parse(data)
    except ImageMalformed:
        return
    assert image.encode() == data
    describe(image)
    for policy in (POLICY, Policy(hash_is_enough=True), replace(POLICY, payload_is_plain=True)):
        with suppress(ImageRefused):
            verify(image, policy)


@pytest.mark.parametrize("data", IMAGES, ids=["plain", "encrypted", "compressed"])
def test_the_images_that_are_changed_below_are_accepted(data: bytes) -> None:
    assert verify(data, POLICY).payload.startswith(PAYLOAD)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes(data: bytes) -> None:
    judged(data)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_behind_the_magic(data: bytes) -> None:
    judged(struct.pack("<I", MAGIC) + data)


_U16 = st.integers(0, 0xFFFF)
_TLVS = st.lists(st.builds(Tlv, st.sampled_from(list(TlvType)) | _U16, st.binary(max_size=80)), max_size=6)


@settings(deadline=None)
@given(
    st.builds(
        Header,
        version=st.builds(Version, st.integers(0, 255), st.integers(0, 255), _U16, st.integers(0, 2**32 - 1)),
        header_size=st.integers(30, 60),
        flags=st.integers(0, 0xFFF) | st.integers(0, 2**32 - 1),
    ),
    st.binary(min_size=1, max_size=100),
    _TLVS,
    _TLVS,
)
def test_arbitrary_parts(header: Header, payload: bytes, protected: list[Tlv], tlvs: list[Tlv]) -> None:
    judged(assemble(header, payload, protected, tlvs or [Tlv(TlvType.SHA256, bytes(32))]))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(IMAGES), st.data())
def test_an_image_with_changed_bytes_is_never_accepted(image: bytes, draw: st.DataObject) -> None:
    data = bytearray(image)
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] ^= draw.draw(st.integers(1, 255))
    judged(bytes(data))
    if bytes(data) != image:
        with pytest.raises(WorkbenchError):
            verify(bytes(data), POLICY)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(IMAGES), st.data())
def test_an_image_with_a_piece_cut_out_or_doubled_is_never_accepted(
    image: bytes, draw: st.DataObject
) -> None:
    begin = draw.draw(st.integers(0, len(image) - 1))
    end = draw.draw(st.integers(begin + 1, len(image)))
    for data in (image[:begin] + image[end:], image[:end] + image[begin:]):
        judged(data)
        if data != image:
            with pytest.raises(WorkbenchError):
                verify(data, POLICY)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_certificates_are_refused_by_name(draw: st.DataObject) -> None:
    chain = bytearray(b"".join(pki("ecdsa-p256", 0, 1).chain))
    for _ in range(draw.draw(st.integers(1, 6))):
        chain[draw.draw(st.integers(0, len(chain) - 1))] ^= draw.draw(st.integers(1, 255))
    with suppress(ImageRefused):
        certificates_of(bytes(chain))
    with suppress(ImageRefused):
        verify_chain(bytes(chain), ROOT, 1_780_000_000)


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([128, 256]))
def test_arbitrary_wrapped_keys_are_refused(value: bytes, bits: int) -> None:
    for kind in (TlvType.ENC_KW, TlvType.ENC_EC256, TlvType.ENC_X25519, TlvType.ENC_RSA2048):
        for private in (bytes(16), bytes(32), p256_key()):
            with pytest.raises((KeyKindWrong, KeyWrong, TlvMalformed)):
                unwrap(Tlv(kind, value), private, bits)


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 2**32 - 1), st.text(max_size=40) | st.binary(max_size=300), max_size=8))
def test_boot_records_survive_the_way_there_and_back(values: dict[int, str | bytes]) -> None:
    assert cbor.decode_map(cbor.encode_map(values)) == values


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_arbitrary_boot_records(data: bytes) -> None:
    with suppress(TlvMalformed):
        cbor.decode_map(data)


# --- bounds


@settings(deadline=None)
@given(st.binary(max_size=100), st.booleans(), st.integers(0, 5000))
def test_arbitrary_compressed_bytes(data: bytes, thumb: bool, size: int) -> None:
    for stream in (data, b"\x0a\x66" + data):
        with suppress(DecompressionFailed):
            assert len(decompress(stream, thumb=thumb, size_bytes=size)) == size


def _peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    with pytest.raises(ImageRefused):
        work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("claimed", [1000, 100_000, 0xFFFFFFFF])
def test_a_decompression_bomb_makes_no_more_than_it_claims(claimed: int) -> None:
    bomb = compress(bytes(32 << 20), thumb=False)
    assert len(bomb) < 10_000
    assert _peak(lambda: decompress(bomb, thumb=False, size_bytes=claimed)) < 1 << 20


def test_a_payload_may_not_claim_more_than_is_allowed() -> None:
    packed = compress(bytes(1000), thumb=False)
    with pytest.raises(DecompressionFailed):
        decompress(packed, thumb=False, size_bytes=1000, max_bytes=999)
    assert decompress(packed, thumb=False, size_bytes=1000, max_bytes=1000) == bytes(1000)


def test_a_dictionary_may_not_be_huge() -> None:
    packed = compress(bytes(1000), thumb=False)
    with pytest.raises(DecompressionFailed):
        decompress(b"\x28" + packed[1:], thumb=False, size_bytes=1000)


def test_a_signed_bomb_is_refused_too() -> None:
    """Whoever may sign may not exhaust the station's memory either."""
    options = Options(version=Version(1), compression="lzma2")
    image = build(bytes(8 << 20), options, Seal(signing_key=key("ed25519")))
    policy = Policy(public_keys=(key("ed25519").public_key(),), max_payload_bytes=1 << 20)
    assert _peak(lambda: verify(image, policy)) < 1 << 20


def test_a_length_that_lies_allocates_nothing() -> None:
    header = Header(version=Version(1), image_size=0xFFFFFFFF, header_size=32, protected_size=0xFFFF)
    data = assemble(header, b"x", exact=True) + bytes(100)
    assert _peak(lambda: parse(data)) < 1 << 16


def test_a_huge_file_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(TooLarge):
        parse(bytes(1000), max_bytes=999)


def test_areas_and_values_have_their_limits() -> None:
    with pytest.raises(TooLarge):
        Tlv(1, bytes(0x10000)).encode()
    with pytest.raises(TooLarge):
        encode_area([Tlv(1, bytes(0x8000))] * 2, 0x6907)
