"""imgtool accepts our images and we accept imgtool's, byte for byte where nothing is random."""

from __future__ import annotations

import uuid
from pathlib import Path

import cbor2
import pytest

from tests.mcuboot_lab import (
    PAYLOAD,
    SIGNERS,
    chained,
    imgtool_accepts,
    imgtool_sign,
    key,
    p256_key,
    pki,
    private_pem,
    public_pem,
    rsa_key,
    x25519_key,
)
from workbench.images.build import Options, Seal, build
from workbench.images.certificates import KeyKind
from workbench.images.compression import Compression
from workbench.images.encryption import Bits, Encryption, UnwrapKey, WrapKey
from workbench.images.format import Flag, parse
from workbench.images.tlvs import Dependency, TlvType, Version, cid_of, vid_of
from workbench.images.verify import Policy, verify

VERSION = Version(1, 2, 3, 4)
HASH: Policy = Policy(hash_is_enough=True)


@pytest.mark.parametrize("kind", SIGNERS)
def test_imgtool_accepts_our_signature_and_no_other_key(tmp_path: Path, kind: KeyKind) -> None:
    image = build(PAYLOAD, Options(version=VERSION, counter=3), Seal(signing_key=key(kind)))
    assert imgtool_accepts(tmp_path, image, public_pem(key(kind).public_key(), tmp_path / "key.pem"))
    other = public_pem(key(kind, 1).public_key(), tmp_path / "other.pem")
    assert not imgtool_accepts(tmp_path, image, other)


@pytest.mark.parametrize("kind", SIGNERS)
def test_imgtool_accepts_an_image_with_a_chain_by_the_leaf_key(tmp_path: Path, kind: KeyKind) -> None:
    public = public_pem(pki(kind, 0, 0).signer_key.public_key(), tmp_path / "key.pem")
    assert imgtool_accepts(tmp_path, chained(kind), public)


@pytest.mark.parametrize("kind", SIGNERS)
@pytest.mark.parametrize("more", [[], ["--public-key-format", "full"], ["--pad-sig"]], ids=str)
def test_we_accept_what_imgtool_signed(tmp_path: Path, kind: KeyKind, more: list[str]) -> None:
    pem = private_pem(key(kind), tmp_path / "key.pem")
    image = imgtool_sign(tmp_path, PAYLOAD, "--key", pem, "--security-counter", "9", *more)
    verified = verify(image, Policy(public_keys=(key(kind).public_key(),), min_counter=9))
    assert verified.payload == PAYLOAD
    assert verified.version == VERSION
    assert verified.counter == 9


def test_an_unsigned_image_is_imgtools_byte_for_byte(tmp_path: Path) -> None:
    words = ["--security-counter", "auto", "--vid", "vendor.example", "--cid", "gadget"]
    words += ["--boot-record", "APP", "--dependencies", "(1, 2.3.4+5)(2, 1.0.0)", "--load-addr", "0x20000000"]
    words += ["--custom-tlv", "0x00a3", "0x01"]
    theirs = imgtool_sign(tmp_path, PAYLOAD, *words)
    vid = vid_of("vendor.example")
    options = Options(
        version=VERSION,
        counter=VERSION.counter,
        vid=vid,
        cid=cid_of("gadget", vid),
        imgtool_ids=True,
        boot_record="APP",
        dependencies=(Dependency(1, Version(2, 3, 4, 5)), Dependency(2, Version(1))),
        load_address=0x20000000,
        flags=Flag.RAM_LOAD,
        severity=1,  # type: ignore[arg-type]  # a number is what the TLV holds
    )
    ours = build(PAYLOAD, options)
    assert parse(ours).protected == parse(theirs).protected
    assert ours == theirs


@pytest.mark.parametrize("sha", ["256", "384", "512"])
def test_all_hashes_are_imgtools(tmp_path: Path, sha: str) -> None:
    image = parse(imgtool_sign(tmp_path, PAYLOAD, "--sha", sha))
    kind = TlvType[f"SHA{sha}"]
    assert verify(image, HASH).digest == image.find(kind)
    ours = build(PAYLOAD, Options(version=VERSION), Seal(hash_type=kind))  # type: ignore[arg-type]
    assert imgtool_accepts(tmp_path, ours, None)
    assert verify(ours, HASH).digest == parse(ours).find(kind)


@pytest.mark.parametrize("bits", [128, 256])
@pytest.mark.parametrize("kind", ["rsa", "p256", "x25519", "x25519-sha512"])
def test_we_decrypt_what_imgtool_encrypted(tmp_path: Path, kind: str, bits: Bits) -> None:
    keys: dict[str, UnwrapKey] = {"rsa": rsa_key(), "p256": p256_key(), "x25519": x25519_key()}
    private = keys[kind.partition("-")[0]]
    assert not isinstance(private, bytes)
    pem = public_pem(private.public_key(), tmp_path / "enc.pem")
    words = ["--hmac-sha", "512"] if kind.endswith("512") else []
    image = imgtool_sign(tmp_path, PAYLOAD, "--encrypt", pem, "--encrypt-keylen", str(bits), *words)
    verified = verify(image, Policy(hash_is_enough=True, decrypt_key=private, must_be_encrypted=True))
    assert verified.payload.rstrip(b"\0") == PAYLOAD
    assert len(verified.payload) % 16 == 0


@pytest.mark.parametrize("method", ["lzma2", "lzma2-thumb"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_we_unpack_what_imgtool_compressed(tmp_path: Path, method: Compression, encrypted: bool) -> None:
    pem = private_pem(key("ecdsa-p256"), tmp_path / "key.pem")
    words: list[str | Path] = ["--key", pem, "--compression", method.replace("-t", "armt").replace("-", "")]
    words += ["--security-counter", "3"]
    if encrypted:
        words += ["--encrypt", public_pem(p256_key().public_key(), tmp_path / "enc.pem")]
    image = imgtool_sign(tmp_path, PAYLOAD, *words)
    policy = Policy(public_keys=(key("ecdsa-p256").public_key(),), decrypt_key=p256_key())
    verified = verify(image, policy)
    assert verified.payload == PAYLOAD
    assert "unpacked-signature" in verified.proofs
    assert verified.image.has_flag(Flag.COMPRESSED_LZMA2)


@pytest.mark.parametrize("method", ["lzma2", "lzma2-thumb"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_our_compressed_images_are_imgtools(tmp_path: Path, method: Compression, encrypted: bool) -> None:
    word = {"lzma2": "lzma2", "lzma2-thumb": "lzma2armthumb"}[method]
    pem = private_pem(key("ed25519"), tmp_path / "key.pem")  # signs the same each time
    words: list[str | Path] = ["--key", pem, "--compression", word, "--security-counter", "3"]
    policy = Policy(public_keys=(key("ed25519").public_key(),), decrypt_key=x25519_key())
    encryption = None
    if encrypted:
        words += ["--encrypt", public_pem(x25519_key().public_key(), tmp_path / "enc.pem")]
        encryption = Encryption(x25519_key().public_key())
    theirs = verify(imgtool_sign(tmp_path, PAYLOAD, *words), policy)
    options = Options(version=VERSION, counter=3, compression=method)
    ours = verify(build(PAYLOAD, options, Seal(signing_key=key("ed25519"), encryption=encryption)), policy)
    assert ours.image.header == theirs.image.header
    assert ours.image.payload == theirs.image.payload
    assert ours.image.protected == theirs.image.protected
    assert ours.digest == theirs.digest


def test_ids_are_derived_as_imgtool_does(tmp_path: Path) -> None:
    image = parse(imgtool_sign(tmp_path, PAYLOAD, "--vid", "vendor.example", "--cid", "gadget"))
    vid = vid_of("vendor.example")
    assert vid == uuid.uuid5(uuid.NAMESPACE_DNS, "vendor.example").bytes
    assert image.find(TlvType.IMGTOOL_VID) == vid
    assert image.find(TlvType.IMGTOOL_CID) == cid_of("gadget", vid)
    raw = "12345678-1234-5678-1234-567812345678"
    assert vid_of(raw) == vid_of(raw.replace("-", "")) == uuid.UUID(raw).bytes


def test_a_boot_record_is_the_cbor_that_cbor2_makes() -> None:
    image = parse(
        build(PAYLOAD, Options(version=VERSION, boot_record="APP"), Seal(signing_key=key("ed25519")))
    )
    record = cbor2.loads(image.need(TlvType.BOOT_RECORD))
    assert record[1] == "APP"
    assert record[4] == "1.2.3"
    assert record[5] == image.find(TlvType.KEYHASH)
    assert record[2] == bytes(32)
    assert list(record)[-1] == 2


def _wraps() -> dict[str, WrapKey]:
    return {
        "rsa": rsa_key().public_key(),
        "p256": p256_key().public_key(),
        "x25519": x25519_key().public_key(),
    }


@pytest.mark.parametrize("kind", ["rsa", "p256", "x25519"])
def test_imgtool_cannot_verify_encrypted_images_not_even_its_own(tmp_path: Path, kind: str) -> None:
    ours = build(PAYLOAD, Options(version=VERSION), Seal(encryption=Encryption(_wraps()[kind])))
    assert not imgtool_accepts(tmp_path, ours, None)
