"""Credentials made here are opened by a real TPM, as those of other tools are, and by no other key or TPM."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.tpm_identity_soft import area_of, soft_key
from tests.tpm_lab import needs_swtpm, started_tpm
from workbench.identity.tpm.credential import CredentialImpossible, kdf_a, kdf_e, make_credential
from workbench.identity.tpm.ek import EK_TEMPLATES, ek_area, ek_template
from workbench.identity.tpm.errors import TpmStructureMalformed
from workbench.identity.tpm.policies import devid_branches
from workbench.identity.tpm.structures import Alg, Attribute, Symmetric, build_public, parse_public
from workbench.identity.tpm.templates import template
from workbench.identity.tpm.wire import tpm2b, u32
from workbench.wires.tpm.errors import TpmRefused
from workbench.wires.tpm.tpm import Tpm
from workbench.wires.tpm.values import Created, Hierarchy, KeyPolicy

pytestmark = needs_swtpm
SECRET = bytes(range(32))
EKS = [id for id in EK_TEMPLATES if id not in ("H-6", "H-7")]
"""RSA-3072 and RSA-4096 are left out: this swtpm has neither."""


@dataclass
class Keys:
    """A TPM with an IAK, ready to activate credentials."""

    tpm: Tpm
    iak: Created

    def opened(self, ek: Created, id: str, blob: tuple[bytes, bytes]) -> bytes:
        policy = KeyPolicy(Alg.SHA256, devid_branches("iak", Alg.SHA256))
        return self.tpm.activate_credential(
            self.iak.handle, ek.handle, *blob, key_policy=policy, ek_kind=EK_TEMPLATES[id].range
        )


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    with started_tpm() as tpm:
        yield Keys(tpm, tpm.create_primary(Hierarchy.ENDORSEMENT, template("H-2", "iak").public))


@pytest.mark.parametrize("id", EKS)
def test_tpm_opens_what_was_made_for_its_ek(keys: Keys, id: str) -> None:
    ek = keys.tpm.create_primary(Hierarchy.ENDORSEMENT, ek_template(id))
    try:
        for secret in (SECRET, b"\0", b"x" * 32):
            blob = make_credential(ek.public, secret, keys.iak.name)
            assert keys.opened(ek, id, blob) == secret
        other = make_credential(ek.public, SECRET, keys.iak.name[:-1] + b"\0")
        with pytest.raises(TpmRefused):
            keys.opened(ek, id, other)
        foreign = make_credential(soft_key(ek_area("H-2")).public, SECRET, keys.iak.name)
        with pytest.raises(TpmRefused):
            keys.opened(ek, id, foreign)
        changed = (blob[0][:-1] + bytes([blob[0][-1] ^ 1]), blob[1])
        with pytest.raises(TpmRefused):
            keys.opened(ek, id, changed)
    finally:
        keys.tpm.flush(ek.handle)


@pytest.mark.skipif(shutil.which("tpm2_makecredential") is None, reason="tpm2-tools is not installed")
@pytest.mark.parametrize("id", ["H-1", "H-2"])
def test_tpm2_makecredential_makes_the_same_shapes(keys: Keys, id: str, tmp_path: Path) -> None:
    ek = keys.tpm.create_primary(Hierarchy.ENDORSEMENT, ek_template(id))
    try:
        (tmp_path / "ek.pub").write_bytes(tpm2b(ek.public))
        (tmp_path / "secret").write_bytes(SECRET)
        command = ["tpm2_makecredential", "-T", "none", "-u", "ek.pub", "-s", "secret", "-o", "blob"]
        command += ["-n", keys.iak.name.hex()]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=60, stdin=subprocess.DEVNULL)
        theirs = (tmp_path / "blob").read_bytes()
        assert theirs[:8] == u32(0xBADCC0DE) + u32(1)
        size = 2 + int.from_bytes(theirs[8:10], "big")
        blob, secret = theirs[8 : 8 + size], theirs[8 + size :]
        assert keys.opened(ek, id, (blob, secret)) == SECRET
        mine = make_credential(ek.public, SECRET, keys.iak.name)
        assert (len(mine[0]), len(mine[1])) == (len(blob), len(secret))
    finally:
        keys.tpm.flush(ek.handle)


def test_no_two_credentials_are_alike() -> None:
    ek = soft_key(ek_area("H-3")).public
    assert len({make_credential(ek, SECRET, b"\0\x0b" + bytes(32)) for _ in range(4)}) == 4


@pytest.mark.parametrize("secret", [b"", bytes(33)])
def test_secret_of_another_size_is_refused(secret: bytes) -> None:
    with pytest.raises(CredentialImpossible):
        make_credential(soft_key(ek_area("H-2")).public, secret, b"\0\x0b" + bytes(32))


@pytest.mark.parametrize(
    "change",
    [
        {"attributes": ek_area("H-2").attributes & ~Attribute.RESTRICTED},
        {"attributes": ek_area("H-2").attributes | Attribute.SIGN},
        {"symmetric": None},
        {"symmetric": Symmetric(0x13, 128, Alg.CFB)},
        {"symmetric": Symmetric(Alg.AES, 64, Alg.CFB)},
        {"name_alg": Alg.SHA1},
    ],
    ids=str,
)
def test_key_that_is_no_ek_gets_no_credential(change: dict[str, object]) -> None:
    area = replace(soft_key(ek_area("H-2")).area, **change)  # type: ignore[arg-type]
    with pytest.raises(CredentialImpossible):
        make_credential(build_public(area), SECRET, b"\0\x0b" + bytes(32))


def test_signing_key_and_broken_key_get_no_credential() -> None:
    with pytest.raises(CredentialImpossible):
        make_credential(soft_key(area_of("iak")).public, SECRET, b"\0\x0b" + bytes(32))
    for broken in (b"", ek_template("H-2"), ek_template("L-1")):
        with pytest.raises(TpmStructureMalformed):
            make_credential(broken, SECRET, b"\0\x0b" + bytes(32))


def test_key_derivation_gives_every_length() -> None:
    for bits in (128, 256, 384, 512, 1024):
        assert len(kdf_a(Alg.SHA256, b"key", b"STORAGE", b"u", b"v", bits)) == bits // 8
        assert len(kdf_e(Alg.SHA384, b"z", b"IDENTITY", b"u", b"v", bits)) == bits // 8
    assert parse_public(ek_template("H-3")) == ek_area("H-3")
