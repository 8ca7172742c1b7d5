"""Keys that images are signed, encrypted and authenticated with: a folder of files, made once and read often.

Files are made with mode 0600 and never overwritten.  Which of them exist depends on the profile:

    root.key.pem  root.cert.pem       root of trust for signers; the key is needed to issue signers only
    signer.key.pem  signer.chain.pem  the signer's key; its certificates, its own first, without the root
    enc.key.pem  enc.pub.pem          P-256 key pair: the private half goes into devices
    kek.bin                           16 bytes, shared by a fleet (tier 1)
    master.bin                        32 bytes from which each unit's secret is derived (tier 1+)
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

from workbench.errors import InputError
from workbench.images import files
from workbench.images.certificates import KeyKind, Pki, PrivateKey, PublicKey, der, is_test, make_pki
from workbench.images.derive import (
    KEK_BYTES,
    SECRET_BYTES,
    SecretInvalid,
    challenge_key,
    kek_of,
    mac_key_of,
    unit_secret,
)

__all__ = [
    "KINDS",
    "AnyPrivateKey",
    "AnyPublicKey",
    "KeyFolder",
    "KeyInvalid",
    "KeyKind",
    "KeyMissing",
    "Kind",
    "PrivateKey",
    "PublicKey",
    "SecretInvalid",
    "challenge_key",
    "create",
    "kek_of",
    "load",
    "load_certificates",
    "load_private",
    "load_public",
    "mac_key_of",
    "unit_secret",
]

AnyPrivateKey = PrivateKey | x25519.X25519PrivateKey
AnyPublicKey = PublicKey | x25519.X25519PublicKey
DecryptionKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey
EncryptionKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | x25519.X25519PublicKey
Kind = Literal[
    "ecdsa-p256",
    "rsa-2048",
    "rsa-3072",
    "ed25519",
    "encryption",
    "encryption-x25519",
    "encryption-rsa-2048",
    "kek",
    "master",
]
KINDS: Final[tuple[Kind, ...]] = (
    "ecdsa-p256",
    "rsa-2048",
    "rsa-3072",
    "ed25519",
    "encryption",
    "encryption-x25519",
    "encryption-rsa-2048",
    "kek",
    "master",
)
"""What can be made.  The first four are signers with their root, "encryption" means P-256; a folder holds one
signer and one pair of encryption keys."""

_SIGNERS: Final[tuple[KeyKind, ...]] = ("ecdsa-p256", "rsa-2048", "rsa-3072", "ed25519")


class KeyInvalid(InputError):
    """A key file cannot be used."""

    code = "key-invalid"
    default_cause = "a file of another kind, a damaged one, or a wrong passphrase"
    default_action = "name the right file; `workbench image keys` makes new ones"


class KeyMissing(InputError):
    """A key folder lacks a key."""

    code = "key-missing"
    default_cause = "the folder was made for another profile"
    default_action = "make a folder with what is needed: `workbench image keys --help`"


@dataclass(frozen=True)
class KeyFolder:
    """The keys in a folder, each read when it is first asked for; raises KeyMissing and KeyInvalid then."""

    path: Path
    passphrase: bytes | None = None

    @cached_property
    def root_certificate(self) -> x509.Certificate:
        """Root of the signers' trust."""
        return load_certificates(self._read("root.cert.pem"))[0]

    @cached_property
    def root_key(self) -> PrivateKey:
        """Key that issues signers."""
        return _signing(load_private(self._read("root.key.pem"), self.passphrase))

    @cached_property
    def signer_key(self) -> PrivateKey:
        """Key that signs images."""
        return _signing(load_private(self._read("signer.key.pem"), self.passphrase))

    @cached_property
    def signer_chain(self) -> list[bytes]:
        """DER certificates, the signer's first, without the root."""
        return [der(found) for found in load_certificates(self._read("signer.chain.pem"))]

    @cached_property
    def encryption_private(self) -> ec.EllipticCurvePrivateKey:
        """P-256 key that devices decrypt with."""
        key = self.unwrap_key
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeyInvalid(f"{self.path / 'enc.key.pem'} holds no P-256 key")
        return key

    @cached_property
    def unwrap_key(self) -> DecryptionKey:
        """Key that devices decrypt with, of whatever kind."""
        key = load_private(self._read("enc.key.pem"), self.passphrase)
        if isinstance(key, ed25519.Ed25519PrivateKey):
            raise KeyInvalid(f"{self.path / 'enc.key.pem'} holds a key that only signs")
        return key

    @cached_property
    def wrap_key(self) -> EncryptionKey:
        """Key that images are encrypted to, of whatever kind."""
        key = load_public(self._read("enc.pub.pem"))
        if isinstance(key, ed25519.Ed25519PublicKey):
            raise KeyInvalid(f"{self.path / 'enc.pub.pem'} holds a key that only signs")
        return key

    @cached_property
    def encryption_public(self) -> ec.EllipticCurvePublicKey:
        """P-256 key that images are encrypted to."""
        key = self.wrap_key
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise KeyInvalid(f"{self.path / 'enc.pub.pem'} holds no P-256 key")
        return key

    @cached_property
    def kek(self) -> bytes:
        """Key encryption key of a fleet, 16 bytes."""
        return self._secret("kek.bin", KEK_BYTES)

    @cached_property
    def master(self) -> bytes:
        """Secret from which units' secrets are derived, 32 bytes."""
        return self._secret("master.bin", SECRET_BYTES)

    @property
    def is_test(self) -> bool:
        """Whether the root says that these are test keys; a folder without a root counts as one of tests."""
        return not self.has("root.cert.pem") or is_test(self.root_certificate)

    def has(self, name: str) -> bool:
        """Whether the folder has the file."""
        return (self.path / name).is_file()

    def _read(self, name: str) -> bytes:
        if not self.has(name):
            raise KeyMissing(f"{self.path} has no {name}")
        return files.read(self.path / name, max_bytes=files.MAX_KEY_FILE_BYTES)

    def _secret(self, name: str, size_bytes: int) -> bytes:
        value = self._read(name)
        if len(value) != size_bytes:
            raise KeyInvalid(f"{self.path / name} has {len(value)} bytes instead of {size_bytes}")
        return value


def load(path: Path, passphrase: bytes | None = None) -> KeyFolder:
    """The folder's keys; raises KeyMissing where there is no folder."""
    if not path.is_dir():
        raise KeyMissing(f"there is no folder {path}", cause="a mistyped path")
    return KeyFolder(path, passphrase)


def create(
    path: Path,
    kinds: Iterable[Kind],
    *,
    test: bool = True,
    intermediates: int = 0,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    passphrase: bytes | None = None,
) -> KeyFolder:
    """Makes the keys of those kinds; raises FileExists, before anything is written, if one is there already.

    `passphrase` encrypts private keys in PEM files (PKCS #8); the two binary secrets lie open in theirs.
    """
    contents: dict[str, bytes] = {}
    for kind in kinds:
        if kind in _SIGNERS:
            if "root.key.pem" in contents:
                raise InputError("a key folder holds one signer", cause="two kinds of signers were asked for")
            made = make_pki(
                kind, test=test, intermediates=intermediates, not_before=not_before, not_after=not_after
            )
            contents |= _pki_files(made, passphrase)
        elif kind.startswith("encryption"):
            if "enc.key.pem" in contents:
                raise InputError("a key folder holds one pair of encryption keys")
            key = _new_encryption_key(kind)
            contents |= {"enc.key.pem": _private_pem(key, passphrase), "enc.pub.pem": _public_pem(key)}
        elif kind == "kek":
            contents["kek.bin"] = os.urandom(KEK_BYTES)
        elif kind == "master":
            contents["master.bin"] = os.urandom(SECRET_BYTES)
        else:
            raise InputError(f"'{kind}' is no kind of key", cause=f"the kinds are {', '.join(KINDS)}")
    for name in contents:
        if (path / name).exists():
            raise files.FileExists(f"{path / name} is there already")
    files.make_private_folder(path)
    for name, data in contents.items():
        files.write_new(path / name, data)
    return KeyFolder(path, passphrase)


def load_private(pem: bytes, passphrase: bytes | None = None) -> AnyPrivateKey:
    """A private key from PEM; raises KeyInvalid."""
    try:
        key = ser.load_pem_private_key(pem, passphrase)
    except TypeError as error:  # encrypted without passphrase, or the other way round
        raise KeyInvalid("the private key needs a passphrase, or has none") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyInvalid("no private key in PEM form, or a wrong passphrase") from error
    if isinstance(key, PrivateKey | x25519.X25519PrivateKey):
        return key
    raise KeyInvalid("a private key of a kind that images do not use")


def load_public(pem: bytes) -> AnyPublicKey:
    """A public key from PEM: of a public key, a certificate or a private key without passphrase."""
    try:
        if b"-----BEGIN CERTIFICATE-----" in pem:
            key: object = load_certificates(pem)[0].public_key()
        elif b"PRIVATE KEY-----" in pem:
            key = load_private(pem).public_key()
        else:
            key = ser.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyInvalid("no public key in PEM form") from error
    if isinstance(key, PublicKey | x25519.X25519PublicKey):
        return key
    raise KeyInvalid("a public key of a kind that images do not use")


def load_certificates(pem: bytes) -> list[x509.Certificate]:
    """Certificates from PEM, in their order, at least one; raises KeyInvalid."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise KeyInvalid("no certificate in PEM form") from error


def _pki_files(pki: Pki, passphrase: bytes | None) -> dict[str, bytes]:
    chain = [x509.load_der_x509_certificate(found) for found in pki.chain]
    return {
        "root.key.pem": _private_pem(pki.root_key, passphrase),
        "root.cert.pem": pki.root.public_bytes(ser.Encoding.PEM),
        "signer.key.pem": _private_pem(pki.signer_key, passphrase),
        "signer.chain.pem": b"".join(found.public_bytes(ser.Encoding.PEM) for found in chain),
    }


def _new_encryption_key(kind: Kind) -> DecryptionKey:
    if kind == "encryption-x25519":
        return x25519.X25519PrivateKey.generate()
    if kind == "encryption-rsa-2048":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())


def _private_pem(key: AnyPrivateKey, passphrase: bytes | None) -> bytes:
    lock = ser.BestAvailableEncryption(passphrase) if passphrase else ser.NoEncryption()
    return key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, lock)


def _public_pem(key: AnyPrivateKey) -> bytes:
    return key.public_key().public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo)


def _signing(key: AnyPrivateKey) -> PrivateKey:
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        return key
    raise KeyInvalid("this key cannot sign")
