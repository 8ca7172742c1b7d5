"""Key folders: what a profile needs, private, never overwritten, with keys derived as on the device."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.mcuboot_lab import PAYLOAD, SIGNERS
from workbench.errors import InputError
from workbench.images import files, keys
from workbench.images.build import Options, Seal, build
from workbench.images.certificates import KeyKind, is_test
from workbench.images.derive import SecretInvalid, challenge_key, kek_of, mac_key_of, unit_secret
from workbench.images.profile import Profile, list_profiles
from workbench.images.profile_keys import kinds_for
from workbench.images.tlvs import Version
from workbench.images.verify import Policy, verify

NOW_S = int(datetime.now(UTC).timestamp())


def everything(path: Path) -> keys.KeyFolder:
    return keys.create(path, ["ecdsa-p256", "encryption", "kek", "master"])


def test_a_folder_holds_what_was_asked_for_and_reads_back(tmp_path: Path) -> None:
    made, found = everything(tmp_path / "k"), keys.load(tmp_path / "k")
    assert found.root_certificate == made.root_certificate
    assert found.root_key.public_key() == found.root_certificate.public_key()
    leaf = x509.load_der_x509_certificate(found.signer_chain[0])
    assert leaf.public_key() == found.signer_key.public_key()
    assert found.encryption_private.public_key() == found.encryption_public
    assert len(found.kek) == 16
    assert len(found.master) == 32
    assert {path.name for path in (tmp_path / "k").iterdir()} == {
        "root.key.pem",
        "root.cert.pem",
        "signer.key.pem",
        "signer.chain.pem",
        "enc.key.pem",
        "enc.pub.pem",
        "kek.bin",
        "master.bin",
    }


def test_only_the_owner_can_read_the_files_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = everything(tmp_path / "k")
    finally:
        os.umask(before)
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.path.iterdir()} == {0o600}


def test_nothing_is_overwritten_and_nothing_half_done(tmp_path: Path) -> None:
    path = tmp_path / "k"
    keys.create(path, ["master"])
    before = {found.name: found.read_bytes() for found in path.iterdir()}
    with pytest.raises(files.FileExists):
        keys.create(path, ["kek", "ecdsa-p256", "master"])
    assert {found.name: found.read_bytes() for found in path.iterdir()} == before
    keys.create(path, ["kek"])
    assert keys.load(path).master == before["master.bin"]


def test_a_file_that_appears_meanwhile_is_not_overwritten_either(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"theirs")
    with pytest.raises(files.FileExists):
        files.write_new(path, b"ours")
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", SIGNERS)
def test_what_the_signer_signs_the_root_accepts(tmp_path: Path, kind: KeyKind) -> None:
    made = keys.create(tmp_path / "k", [kind], intermediates=1)
    options = Options(version=Version(1), signer_chain=tuple(made.signer_chain), signing_time_s=NOW_S)
    image = build(PAYLOAD, options, Seal(signing_key=made.signer_key))
    assert verify(image, Policy(root=made.root_certificate)).signer


def test_test_keys_are_marked_and_others_are_not(tmp_path: Path) -> None:
    marked = keys.create(tmp_path / "t", ["ecdsa-p256"])
    clean = keys.create(tmp_path / "p", ["ecdsa-p256"], test=False, passphrase=b"long enough")
    assert marked.is_test
    assert is_test(x509.load_der_x509_certificate(marked.signer_chain[0]))
    assert not clean.is_test


def test_a_passphrase_closes_private_keys(tmp_path: Path) -> None:
    keys.create(tmp_path / "k", ["ecdsa-p256", "encryption"], passphrase=b"open sesame")
    assert isinstance(keys.load(tmp_path / "k", b"open sesame").signer_key, ec.EllipticCurvePrivateKey)
    for wrong in (None, b"other"):
        with pytest.raises(keys.KeyInvalid):
            _ = keys.load(tmp_path / "k", wrong).signer_key
    assert is_test(keys.load(tmp_path / "k").root_certificate)
    for name in ("root.key.pem", "signer.key.pem", "enc.key.pem"):
        assert b"ENCRYPTED PRIVATE KEY" in (tmp_path / "k" / name).read_bytes()


def test_what_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    made = keys.create(tmp_path / "k", ["master"])
    with pytest.raises(keys.KeyMissing, match=r"kek\.bin"):
        _ = made.kek
    with pytest.raises(keys.KeyMissing):
        keys.load(tmp_path / "nowhere")
    (made.path / "master.bin").write_bytes(bytes(31))
    with pytest.raises(keys.KeyInvalid, match=r"master\.bin has 31 bytes"):
        _ = keys.load(made.path).master
    (made.path / "enc.key.pem").write_text("no key")
    with pytest.raises(keys.KeyInvalid):
        _ = made.encryption_private
    with pytest.raises(InputError):
        keys.create(tmp_path / "two", ["ecdsa-p256", "rsa-2048"])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("encryption", ec.EllipticCurvePrivateKey),
        ("encryption-x25519", x25519.X25519PrivateKey),
        ("encryption-rsa-2048", rsa.RSAPrivateKey),
    ],
)
def test_encryption_keys_of_all_kinds(tmp_path: Path, kind: keys.Kind, expected: type) -> None:
    made = keys.create(tmp_path / "k", [kind])
    assert isinstance(made.unwrap_key, expected)
    assert made.unwrap_key.public_key() == made.wrap_key


def _profiles() -> list[Profile]:
    return [found for found in list_profiles() if isinstance(found, Profile)]


@pytest.mark.parametrize("profile", _profiles(), ids=lambda profile: profile.name)
def test_each_profile_gets_the_keys_that_it_needs(tmp_path: Path, profile: Profile) -> None:
    made = keys.create(tmp_path / "k", kinds_for(profile))
    assert made.has("signer.key.pem") == (profile.signer is not None)
    assert made.has("kek.bin") == (profile.keys.symmetric == "fleet")
    assert made.has("master.bin") == (profile.keys.symmetric == "unit")


def test_derived_keys_are_hkdf_with_the_labels_of_the_device() -> None:
    def hkdf(secret: bytes, info: bytes, size: int) -> bytes:
        return HKDF(SHA256(), size, None, info).derive(secret)

    master, chip = bytes(range(32)), bytes(range(8))
    unit = unit_secret(master, chip)
    assert unit == hkdf(master, b"workbench unit" + chip, 32)
    assert kek_of(unit) == hkdf(unit, b"workbench kek", 16)
    assert mac_key_of(unit) == hkdf(unit, b"workbench mac", 32)
    assert challenge_key(unit) == hkdf(unit, b"workbench challenge", 32)
    assert challenge_key(unit[:16]) == hkdf(unit[:16], b"workbench challenge", 32)
    assert unit_secret(master, bytes(8)) != unit


def test_secrets_of_a_wrong_length_are_refused() -> None:
    wrongs: list[Callable[[], bytes]] = [
        lambda: unit_secret(bytes(16), bytes(8)),
        lambda: unit_secret(bytes(32), bytes(7)),
        lambda: kek_of(bytes(16)),
        lambda: mac_key_of(b""),
        lambda: challenge_key(bytes(24)),
    ]
    for wrong in wrongs:
        with pytest.raises(SecretInvalid):
            wrong()
