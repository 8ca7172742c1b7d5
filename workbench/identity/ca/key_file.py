"""Keys in files: PKCS#8, encrypted with PBES2 (RFC 8018): PBKDF2-HMAC-SHA256 and AES-256-CBC.

cryptography's own writer leaves the number of rounds at OpenSSL's default of 2048; here it is 600 000, so
that a stolen file costs its thief as much as the passphrase is worth.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import Final

from asn1crypto import algos, keys, pem
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

from workbench.identity.ca.errors import CaKeyUnavailable
from workbench.identity.ca.key_store import hash_of
from workbench.identity.ca.messages import KeyStoreKind

ROUNDS: Final = 600_000
MIN_ROUNDS: Final = 100_000
"""A file with fewer is refused: it was not made here, and protects too little."""
MAX_ROUNDS: Final = 20_000_000
MAX_FILE_BYTES: Final = 16 << 10
MIN_PASSPHRASE_BYTES: Final = 12
_DERIVE: Final = b"workbench enrolment secrets"


def encrypted_pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes) -> bytes:
    """The key as `ENCRYPTED PRIVATE KEY` in PEM (RFC 5958, RFC 7468)."""
    plain = key.private_bytes(ser.Encoding.DER, ser.PrivateFormat.PKCS8, ser.NoEncryption())
    salt, iv = os.urandom(16), os.urandom(16)
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(_stretch(passphrase, salt)), modes.CBC(iv)).encryptor()
    data = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    made = keys.EncryptedPrivateKeyInfo({"encryption_algorithm": _pbes2(salt, iv), "encrypted_data": data})
    return bytes(pem.armor("ENCRYPTED PRIVATE KEY", made.dump()))


def load_key_file(path: Path, passphrase: bytes) -> ec.EllipticCurvePrivateKey:
    """The private key in the file; raises CaKeyUnavailable, also where it lies in the open."""
    data = _read(path)
    _check_protection(path, data)
    try:
        key = ser.load_pem_private_key(data, passphrase)
    except (ValueError, TypeError) as error:
        raise CaKeyUnavailable(f"{path} is not opened by this passphrase") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CaKeyUnavailable(f"{path} holds no key on an elliptic curve")
    return key


class FileSigningKey:
    """A signing key in an encrypted file."""

    def __init__(self, path: Path, passphrase: bytes) -> None:
        self._key = load_key_file(path, passphrase)

    @property
    def kind(self) -> KeyStoreKind:
        """A file."""
        return "file"

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Its other half."""
        return self._key.public_key()

    def sign(self, data: bytes) -> bytes:
        """As SigningKey says."""
        return self._key.sign(data, ec.ECDSA(hash_of(self._key.curve)))

    def close(self) -> None:
        """Nothing is held."""


class FileSecretKey:
    """A secret in an encrypted file: that of a private key, through HKDF (RFC 5869)."""

    def __init__(self, path: Path, passphrase: bytes) -> None:
        key = load_key_file(path, passphrase)
        scalar = key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big")
        self._secret = HKDF(SHA256(), 32, None, _DERIVE).derive(scalar)

    def derive(self, data: bytes) -> bytes:
        """As SecretKey says."""
        return hmac.digest(self._secret, data, "sha256")

    def close(self) -> None:
        """Nothing is held."""


def _stretch(passphrase: bytes, salt: bytes) -> bytes:
    return PBKDF2HMAC(SHA256(), 32, salt, ROUNDS).derive(passphrase)


def _pbes2(salt: bytes, iv: bytes) -> algos.EncryptionAlgorithm:
    kdf = {
        "algorithm": "pbkdf2",
        "parameters": {
            "salt": algos.Pbkdf2Salt(name="specified", value=salt),
            "iteration_count": ROUNDS,
            "key_length": 32,
            "prf": {"algorithm": "sha256"},
        },
    }
    cipher = {"algorithm": "aes256_cbc", "parameters": iv}
    return algos.EncryptionAlgorithm(
        {"algorithm": "pbes2", "parameters": {"key_derivation_func": kdf, "encryption_scheme": cipher}}
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CaKeyUnavailable(
            f"the key file {path} cannot be read: {error.strerror or error}",
            cause="it was moved away, as the root's key should be, or belongs to another user",
        ) from error
    if len(data) > MAX_FILE_BYTES:
        raise CaKeyUnavailable(f"{path} is no key file: it has more than {MAX_FILE_BYTES} bytes")
    if found.st_mode & 0o077:
        raise CaKeyUnavailable(
            f"{path} is open to other users",
            cause="its mode was changed, or it was copied without it",
            action=f"chmod 600 {path}; if others use this machine, treat the key as known to them",
        )
    return data


def _check_protection(path: Path, data: bytes) -> None:
    try:
        label, _, der = pem.unarmor(data)
        if label != "ENCRYPTED PRIVATE KEY":
            raise CaKeyUnavailable(f"{path} is not encrypted, or holds something else")
        parameters = keys.EncryptedPrivateKeyInfo.load(der)["encryption_algorithm"]["parameters"].native
        rounds = int(parameters["key_derivation_func"]["parameters"]["iteration_count"])
    except (ValueError, TypeError, KeyError) as error:
        raise CaKeyUnavailable(f"{path} is no encrypted PKCS#8 key with PBKDF2") from error
    if not MIN_ROUNDS <= rounds <= MAX_ROUNDS:
        raise CaKeyUnavailable(
            f"{path} is protected with {rounds} rounds of PBKDF2; {MIN_ROUNDS} to {MAX_ROUNDS} are accepted"
        )
