"""Images, keys and imgtool for tests.  All keys are made here and live as long as the test run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519

from workbench.images import refusals as no
from workbench.images.build import Options, Seal, build
from workbench.images.certificates import KeyKind, Pki, PrivateKey, PublicKey, make_pki, new_key
from workbench.images.format import Image, assemble
from workbench.images.keys import AnyPrivateKey, AnyPublicKey
from workbench.images.tlvs import Version
from workbench.images.verify import Policy, verify

SIGNERS: Final[tuple[KeyKind, ...]] = ("ecdsa-p256", "rsa-2048", "rsa-3072", "ed25519")
NOT_BEFORE: Final = datetime(2025, 1, 1, tzinfo=UTC)
NOT_AFTER: Final = datetime(2035, 1, 1, tzinfo=UTC)
SIGNED_AT_S: Final = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
PAYLOAD: Final = bytes(range(256)) * 13 + b"the end"
TIMEOUT_S: Final = 60


@cache
def key(kind: KeyKind, number: int = 0) -> PrivateKey:
    """A signing key; another one for each number."""
    return new_key(kind)


@cache
def pki(kind: KeyKind, number: int, intermediates: int) -> Pki:
    """A root and a signer; others for each number."""
    return make_pki(kind, intermediates=intermediates, not_before=NOT_BEFORE, not_after=NOT_AFTER)


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """An RSA key to encrypt to."""
    return rsa.generate_private_key(65537, 2048)


@cache
def p256_key() -> ec.EllipticCurvePrivateKey:
    """A P-256 key to encrypt to."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def x25519_key() -> x25519.X25519PrivateKey:
    """An X25519 key to encrypt to."""
    return x25519.X25519PrivateKey.generate()


def chained(kind: KeyKind = "ecdsa-p256", intermediates: int = 0, **more: object) -> bytes:
    """An image with a signer chain."""
    made = pki(kind, 0, intermediates)
    options = {
        "version": Version(1, 2, 3),
        "counter": 7,
        "signer_chain": made.chain,
        "signing_time_s": SIGNED_AT_S,
    }
    return build(PAYLOAD, Options(**(options | more)), Seal(signing_key=made.signer_key))  # type: ignore[arg-type]


def private_pem(key: AnyPrivateKey, path: Path) -> Path:
    """A file for imgtool."""
    path.write_bytes(key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption()))
    return path


def public_pem(key: AnyPublicKey | PublicKey, path: Path) -> Path:
    """A file for imgtool."""
    path.write_bytes(key.public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo))
    return path


def imgtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """MCUboot's own tool, until it ends."""
    command = [sys.executable, "-m", "imgtool.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def imgtool_sign(folder: Path, payload: bytes, *words: str | Path) -> bytes:
    """An image made by imgtool."""
    source, made = folder / "payload.bin", folder / "imgtool.bin"
    source.write_bytes(payload)
    common = ["--header-size", "0x100", "--pad-header", "--slot-size", "0x40000", "--align", "4"]
    done = imgtool("sign", *common, "--version", "1.2.3+4", *words, source, made)
    assert done.returncode == 0, done.stdout + done.stderr
    return made.read_bytes()


def imgtool_accepts(folder: Path, image: bytes, public: Path | None) -> bool:
    """Whether `imgtool verify` says yes."""
    path = folder / "ours.bin"
    path.write_bytes(image)
    words: list[str | Path] = ["--key", public] if public else []
    done = imgtool("verify", *words, path)
    return done.returncode == 0 and "correctly validated" in done.stdout


def without(image: Image, *kinds: int) -> Image:
    """The image without those TLVs."""
    return replace(
        image,
        protected=tuple(tlv for tlv in image.protected if tlv.type not in kinds),
        tlvs=tuple(tlv for tlv in image.tlvs if tlv.type not in kinds),
    )


def remade(image: Image) -> bytes:
    """Parts put together again, sizes right, hash and signature as they were."""
    return assemble(
        image.header, image.payload, image.protected, image.tlvs, header_padding=image.header_padding
    )


def refused(data: bytes, policy: Policy, refusal: type[no.ImageRefused]) -> no.ImageRefused:
    """Verifies, and must be refused for exactly that."""
    with pytest.raises(no.ImageRefused) as caught:
        verify(data, policy)
    assert type(caught.value) is refusal, caught.value
    return caught.value
