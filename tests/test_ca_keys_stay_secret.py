"""Keys, passphrases and PINs: never in the open, never in arguments, environment, logs or the database."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from asn1crypto import keys, pem
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.ca_lab import NEW, PASSPHRASE, Chip, ca_at, new_ca, openssl, worker_pid
from workbench.errors import InputError
from workbench.identity.ca import key_file
from workbench.identity.ca.client import open_ca
from workbench.identity.ca.create import create_ca
from workbench.identity.ca.credential import read_credential
from workbench.identity.ca.errors import CaKeyUnavailable, CaRefused, CredentialInvalid
from workbench.identity.ca.key_file import encrypted_pem, load_key_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_ca(tmp_path)


def test_key_files_are_encrypted_with_many_rounds_for_openssl_too(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pass").write_bytes(PASSPHRASE)
    found = sorted(folder.glob("keys/*.pem"))
    assert [path.name for path in found] == ["enrolment.key.pem", "issuing.key.pem", "root.key.pem"]
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        kdf = keys.EncryptedPrivateKeyInfo.load(pem.unarmor(path.read_bytes())[2])["encryption_algorithm"]
        assert kdf["parameters"].native["key_derivation_func"]["parameters"]["iteration_count"] >= 600_000
        assert openssl("pkey", "-in", path, "-passin", f"file:{tmp_path / 'pass'}", "-noout").returncode == 0
        assert openssl("pkey", "-in", path, "-passin", "pass:wrong", "-noout").returncode != 0


def test_a_wrong_passphrase_opens_nothing(folder: Path) -> None:
    with pytest.raises(CaKeyUnavailable), open_ca(folder, lambda: b"a wrong passphrase"):
        pass
    with ca_at(folder) as ca, pytest.raises(CaRefused) as caught:
        ca.unlock(b"a wrong passphrase")
    assert caught.value.reason == "passphrase-wrong"


def test_a_short_passphrase_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        create_ca(tmp_path / "ca", NEW, b"too short")
    assert list(tmp_path.iterdir()) == []


def _plain(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _open_to_others(path: Path) -> None:
    path.chmod(0o640)


def _few_rounds(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_file, "ROUNDS", 2048)
        path.write_bytes(encrypted_pem(ec.generate_private_key(ec.SECP256R1()), PASSPHRASE))


def _other_key(path: Path) -> None:
    path.write_bytes(encrypted_pem(ec.generate_private_key(ec.SECP256R1()), PASSPHRASE))


def _gone(path: Path) -> None:
    path.unlink()


def _too_long(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n" * (1 << 20))


@pytest.mark.parametrize("spoil", [_plain, _open_to_others, _few_rounds, _other_key, _gone, _too_long])
def test_an_issuing_key_that_is_not_as_it_was_made_is_refused(
    folder: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(folder / "keys" / "issuing.key.pem")
    with pytest.raises(CaKeyUnavailable), ca_at(folder):
        pass


def test_the_roots_key_is_not_needed_to_issue(folder: Path) -> None:
    (folder / "keys" / "root.key.pem").unlink()
    with ca_at(folder) as ca:
        assert Chip().enrol(ca).certificates


def test_a_key_file_round_trips(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    path = tmp_path / "key.pem"
    path.write_bytes(encrypted_pem(key, PASSPHRASE))
    path.chmod(0o600)
    assert load_key_file(path, PASSPHRASE).private_numbers() == key.private_numbers()


def test_the_passphrase_is_seen_nowhere_while_a_worker_serves(folder: Path) -> None:
    with ca_at(folder) as ca:
        ca.unlock(PASSPHRASE)
        Chip().enrol(ca)
        pid = worker_pid(folder)
        process = Path(f"/proc/{pid}")
        for name in ("cmdline", "environ"):
            assert PASSPHRASE not in (process / name).read_bytes()
        assert b"Max core file size        0 " in (process / "limits").read_bytes()
        if os.getuid() != 0:
            assert not os.access(process / "mem", os.R_OK)
        places = [path for path in folder.rglob("*") if path.is_file()]
        assert any(path.name.endswith("-wal") for path in places), "the database is looked at while in use"
        assert [path for path in places if PASSPHRASE in path.read_bytes()] == []


def test_one_time_secrets_rest_nowhere(folder: Path) -> None:
    with ca_at(folder) as ca:
        chip = Chip()
        nonce = ca.nonce(chip.request_id, kind="mcu", **chip.order())
        assert nonce.secret is not None
        for path in folder.rglob("*"):
            if path.is_file():
                assert nonce.secret not in path.read_bytes()
                assert nonce.secret.hex().encode() not in path.read_bytes()
    assert nonce.secret.hex() not in repr(nonce)
    assert repr(nonce.secret) not in repr(nonce)


def test_the_folder_and_its_socket_are_closed_to_others(folder: Path) -> None:
    with ca_at(folder):
        modes = {
            name: stat.S_IMODE((folder / name).stat().st_mode)
            for name in ("run", "run/ca.sock", "keys", "ca.db")
        }
    assert modes == {"run": 0o700, "run/ca.sock": 0o600, "keys": 0o700, "ca.db": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
def test_a_credential_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "pass"
    path.write_bytes(PASSPHRASE + b"\n")
    path.chmod(0o600)
    assert read_credential(path) == PASSPHRASE
    path.chmod(mode)
    with pytest.raises(CredentialInvalid) as caught:
        read_credential(path)
    assert PASSPHRASE.decode() not in caught.value.diagnostics()


def test_other_things_than_a_short_file_are_no_credential(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_bytes(PASSPHRASE)
    real.chmod(0o600)
    link, empty, long, pipe = (tmp_path / name for name in ("link", "empty", "long", "pipe"))
    link.symlink_to(real)
    for path, data in ((empty, b"\n"), (long, b"x" * 2000)):
        path.write_bytes(data)
        path.chmod(0o600)
    os.mkfifo(pipe, 0o600)
    for path in (link, empty, long, pipe, tmp_path, tmp_path / "absent"):
        with pytest.raises(CredentialInvalid):
            read_credential(path)


def test_a_bare_name_is_found_among_systemds_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "credentials"
    place.mkdir()
    (place / "ca.pass").write_bytes(PASSPHRASE)
    (place / "ca.pass").chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(place))
    monkeypatch.chdir(tmp_path)
    assert read_credential(Path("ca.pass")) == PASSPHRASE
    with pytest.raises(CredentialInvalid):
        read_credential(Path("other.pass"))
