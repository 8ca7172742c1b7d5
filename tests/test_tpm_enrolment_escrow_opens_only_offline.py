"""An escrowed lockout password is had back with the offline key, for its own unit, and not otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from workbench.identity.tpm_enroll.errors import EscrowKeyInvalid, EscrowNotKept
from workbench.identity.tpm_enroll.escrow import EscrowInvalid, keep, load_escrow_key, seal, unseal

SECRET = bytes(range(32))


def private(kind: str) -> Any:
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1() if kind == "p256" else ec.SECP384R1())


def pem(key: Any) -> bytes:
    made: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made


def public_pem(key: Any) -> bytes:
    made: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return made


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
def test_the_offline_key_opens_it_for_its_unit_only(kind: str) -> None:
    key, other = private(kind), private(kind)
    file = seal(SECRET, load_escrow_key(public_pem(key)), "unit-1")
    assert SECRET.hex().encode() not in file
    assert unseal(file, pem(key), "unit-1") == SECRET
    with pytest.raises(EscrowInvalid):
        unseal(file, pem(key), "unit-2")
    with pytest.raises(EscrowInvalid):
        unseal(file, pem(other), "unit-1")
    renamed = json.dumps(json.loads(file) | {"unit": "unit-2"}).encode()
    with pytest.raises(EscrowInvalid):
        unseal(renamed, pem(key), "unit-2")


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_a_changed_file_does_not_open(kind: str) -> None:
    key = private(kind)
    told = json.loads(seal(SECRET, load_escrow_key(public_pem(key)), "unit-1"))
    sealed = told["sealed"]
    told["sealed"] = ("B" if sealed[0] != "B" else "C") + sealed[1:]
    with pytest.raises(EscrowInvalid):
        unseal(json.dumps(told).encode(), pem(key), "unit-1")


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b"\xff", b'{"schema": "workbench.lockout-escrow/1", "unit": "u"}']
)
def test_anything_else_is_no_escrow_file(data: bytes) -> None:
    with pytest.raises(EscrowInvalid):
        unseal(data, pem(private("p256")), "u")


def test_keys_that_are_too_weak_private_or_of_another_kind_are_refused() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    for data in (
        b"",
        public_pem(weak),
        pem(private("p256")),
        public_pem(ed25519.Ed25519PrivateKey.generate()),
        public_pem(ec.generate_private_key(ec.SECP256K1())),
    ):
        with pytest.raises(EscrowKeyInvalid):
            load_escrow_key(data)


def test_an_escrow_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "escrow" / "unit-1.json"
    keep(path, b"first")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(EscrowNotKept):
        keep(path, b"second")
    assert path.read_bytes() == b"first"
