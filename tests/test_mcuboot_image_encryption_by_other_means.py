"""What we encrypt, cryptography's own primitives decrypt, step by step as MCUboot describes it; and back."""

from __future__ import annotations

import lzma
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from tests.mcuboot_lab import PAYLOAD, imgtool_sign, key, p256_key, rsa_key, x25519_key
from workbench.images.build import Options, Seal, build
from workbench.images.compression import Compression, decompress
from workbench.images.encryption import Bits, Encryption, UnwrapKey, WrapKeyInvalid, crypt, unwrap, wrap
from workbench.images.format import Flag, assemble, parse
from workbench.images.refusals import KeyKindWrong, KeyNeeded, KeyWrong
from workbench.images.tlvs import Tlv, TlvType, Version
from workbench.images.trailer import Slot, SlotTooSmall, pad_to_slot
from workbench.images.verify import Policy, verify

KEK = {128: bytes(range(16)), 256: bytes(range(32))}
BITS: tuple[Bits, ...] = (128, 256)
KINDS = ["aes-kw", "rsa-oaep", "ecies-p256", "ecies-x25519"]


def private_key(kind: str, bits: int) -> UnwrapKey:
    keys: dict[str, UnwrapKey] = {
        "aes-kw": KEK[bits],
        "rsa-oaep": rsa_key(),
        "ecies-p256": p256_key(),
        "ecies-x25519": x25519_key(),
    }
    return keys[kind]


def encryption(kind: str, bits: Bits) -> Encryption:
    private = private_key(kind, bits)
    return Encryption(private if isinstance(private, bytes) else private.public_key(), bits)


def by_hand(tlv: Tlv, private: UnwrapKey, bits: int) -> bytes:
    """The payload's key, without our own code."""
    if isinstance(private, bytes):
        assert tlv.type == 0x31
        return aes_key_unwrap(private, tlv.value)
    if isinstance(private, rsa.RSAPrivateKey):
        assert tlv.type == 0x30
        mgf = padding.MGF1(hashes.SHA256())
        return private.decrypt(tlv.value, padding.OAEP(mgf, hashes.SHA256(), None))
    if isinstance(private, x25519.X25519PrivateKey):
        assert tlv.type == 0x33
        size = 32
        shared = private.exchange(x25519.X25519PublicKey.from_public_bytes(tlv.value[:size]))
    else:
        assert tlv.type == 0x32
        size = 65
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), tlv.value[:size])
        shared = private.exchange(ec.ECDH(), point)
    mac, wrapped = tlv.value[size : size + 32], tlv.value[size + 32 :]
    length = bits // 8
    derived = HKDF(hashes.SHA256(), length + 32, None, b"MCUBoot_ECIES_v1").derive(shared)
    check = hmac.HMAC(derived[length:], hashes.SHA256())
    check.update(wrapped)
    check.verify(mac)
    return Cipher(algorithms.AES(derived[:length]), modes.CTR(bytes(16))).decryptor().update(wrapped)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("kind", KINDS)
def test_our_images_decrypt_by_hand(kind: str, bits: Bits) -> None:
    seal = Seal(signing_key=key("ecdsa-p256"), encryption=encryption(kind, bits))
    image = parse(build(PAYLOAD, Options(version=Version(1), counter=1), seal))
    assert image.header.flags == (Flag.ENCRYPTED_AES128 if bits == 128 else Flag.ENCRYPTED_AES256)
    assert PAYLOAD[:64] not in image.payload
    payload_key = by_hand(image.tlvs[-1], private_key(kind, bits), bits)
    assert len(payload_key) * 8 == bits
    decryptor = Cipher(algorithms.AES(payload_key), modes.CTR(bytes(16))).decryptor()
    assert decryptor.update(image.payload).rstrip(b"\0") == PAYLOAD


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("kind", KINDS)
def test_our_images_verify_with_the_right_key_only(kind: str, bits: Bits) -> None:
    seal = Seal(signing_key=key("ecdsa-p256"), encryption=encryption(kind, bits))
    image = build(PAYLOAD, Options(version=Version(1)), seal)
    keys = (key("ecdsa-p256").public_key(),)
    verified = verify(image, Policy(public_keys=keys, decrypt_key=private_key(kind, bits)))
    assert verified.payload.rstrip(b"\0") == PAYLOAD
    with pytest.raises(KeyNeeded):
        verify(image, Policy(public_keys=keys))
    wrong: list[UnwrapKey] = [
        bytes(bits // 8),
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256R1()),
        x25519.X25519PrivateKey.generate(),
    ]
    for other in wrong:
        with pytest.raises(KeyWrong if type(other) is type(private_key(kind, bits)) else KeyKindWrong):
            verify(image, Policy(public_keys=keys, decrypt_key=other))


@pytest.mark.parametrize("bits", BITS)
def test_what_the_library_wrapped_we_unwrap(bits: Bits) -> None:
    """AES-KW, for which imgtool cannot judge: an image put together with the library's key wrap."""
    payload_key = os.urandom(bits // 8)
    tlv = Tlv(TlvType.ENC_KW, aes_key_wrap(KEK[bits], payload_key))
    assert unwrap(tlv, KEK[bits], bits) == payload_key
    assert wrap(payload_key, KEK[bits]) == tlv
    plain = parse(build(PAYLOAD, Options(version=Version(1), for_encryption=bits)))
    cipher = Cipher(algorithms.AES(payload_key), modes.CTR(bytes(16))).encryptor()
    image = assemble(plain.header, cipher.update(plain.payload), (), (*plain.tlvs, tlv))
    assert verify(image, Policy(hash_is_enough=True, decrypt_key=KEK[bits])).payload == plain.payload


def test_each_image_has_a_key_of_its_own() -> None:
    how = Seal(encryption=encryption("aes-kw", 128))
    first, second = (parse(build(PAYLOAD, Options(version=Version(1)), how)) for _ in range(2))
    assert first.payload != second.payload
    assert first.need(TlvType.SHA256) == second.need(TlvType.SHA256)


def test_the_counter_begins_at_zero() -> None:
    block = Cipher(algorithms.AES(KEK[128]), modes.ECB()).encryptor().update(bytes(16))
    assert crypt(KEK[128], bytes(16)) == block
    assert crypt(KEK[128], crypt(KEK[128], PAYLOAD)) == PAYLOAD


def test_a_kek_wraps_keys_of_its_own_length_only() -> None:
    with pytest.raises(WrapKeyInvalid):
        wrap(bytes(32), bytes(16))
    with pytest.raises(KeyWrong):
        unwrap(Tlv(TlvType.ENC_KW, bytes(40)), bytes(16), 256)
    with pytest.raises(WrapKeyInvalid):
        wrap(bytes(16), rsa.generate_private_key(65537, 3072).public_key())


# --- compression


@pytest.mark.parametrize("method", ["lzma2", "lzma2-thumb"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_pythons_lzma_unpacks_what_we_packed(method: Compression, encrypted: bool) -> None:
    how = encryption("aes-kw", 128) if encrypted else None
    options = Options(version=Version(1), compression=method)
    image = parse(build(PAYLOAD, options, Seal(encryption=how)))
    stream = image.payload
    if encrypted:
        stream = crypt(by_hand(image.tlvs[-1], KEK[128], 128), stream)
        stream = stream[: int.from_bytes(image.need(TlvType.COMP_DEC_SIZE), "little")]
    stages = [{"id": lzma.FILTER_ARMTHUMB}] if method == "lzma2-thumb" else []
    filters = [*stages, {"id": lzma.FILTER_LZMA2, "dict_size": 128 << 10}]
    assert lzma.decompress(stream[2:], lzma.FORMAT_RAW, filters=filters) == PAYLOAD
    assert stream[:2] == b"\x0a\x66"


@pytest.mark.parametrize("thumb", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 4095, 4096, 4097, 70_000])
def test_what_pythons_lzma_packed_we_unpack(thumb: bool, size: int) -> None:
    """Thumb code with many BL, of every length that the filter may hold back."""
    code = (b"\x00\xf0\x12\xf8\x70\x47" * (size // 6 + 1))[:size]
    stages = [{"id": lzma.FILTER_ARMTHUMB}] if thumb else []
    filters = [*stages, {"id": lzma.FILTER_LZMA2, "preset": 6}]
    stream = b"\x16\x5d" + lzma.compress(code, lzma.FORMAT_RAW, filters=filters)
    assert decompress(stream, thumb=thumb, size_bytes=size) == code


def test_what_does_not_shrink_stays_as_it_is() -> None:
    payload = os.urandom(2000)
    image = build(payload, Options(version=Version(1), compression="lzma2"))
    assert parse(image).header.flags == 0
    assert parse(image).payload == payload


# --- slots


@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize("align", [1, 4, 8, 16, 32])
def test_a_padded_image_is_imgtools_byte_for_byte(tmp_path: Path, align: int, confirmed: bool) -> None:
    words = ["--align", str(align), "--pad", *(["--confirm"] if confirmed else [])]
    theirs = imgtool_sign(tmp_path, PAYLOAD, *words)
    ours = build(PAYLOAD, Options(version=Version(1, 2, 3, 4)))
    padded = pad_to_slot(ours, Slot(size=0x40000, align=align), confirmed=confirmed)
    assert padded == theirs
    assert verify(padded, Policy(hash_is_enough=True)).payload == PAYLOAD


def test_a_slot_must_hold_image_and_trailer() -> None:
    image = build(PAYLOAD, Options(version=Version(1)))
    slot = Slot(size=0x2000)
    size = len(image) + slot.trailer_size
    assert len(pad_to_slot(image, Slot(size=size))) == size
    with pytest.raises(SlotTooSmall):
        pad_to_slot(image, Slot(size=size - 1))
