"""Escrow: a lockout password, encrypted for a key that lies offline.

RSA (2048 bits or more): RSAES-OAEP with SHA-256 and the unit as label.  P-256 and P-384: ephemeral ECDH,
HKDF-SHA256 over both public keys and the unit, AES-256-GCM.  The station keeps no other copy and cannot
open what it wrote. Pure; `keep` is the only function that touches the disk.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from workbench.errors import InputError
from workbench.identity.tpm_enroll.errors import EscrowKeyInvalid, EscrowNotKept

SCHEMA: Final = "workbench.lockout-escrow/1"
MIN_RSA_BITS: Final = 2048
MAX_FILE_BYTES: Final = 64 << 10
_INFO: Final = b"workbench lockout escrow 1"
_NONCE_BYTES: Final = 12

EscrowKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class EscrowInvalid(InputError):
    """An escrow file cannot be opened."""

    code = "escrow-invalid"
    default_cause = "another key than the one it was encrypted for, another unit, or a damaged file"
    default_action = "use the private key whose fingerprint the file names"


def load_escrow_key(pem: bytes) -> EscrowKey:
    """The offline key's public half.  Raises EscrowKeyInvalid, also for a private key."""
    try:
        key = load_pem_public_key(pem)
    except ValueError as error:
        raise EscrowKeyInvalid(f"the escrow key cannot be read: {error}") from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
        return key
    raise EscrowKeyInvalid("the escrow key is of a kind that is not used for this")


def fingerprint(key: EscrowKey) -> str:
    """SHA-256 of the SubjectPublicKeyInfo, in hex."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()


def seal(secret: bytes, key: EscrowKey, unit: str) -> bytes:
    """The escrow file (JSON) of a unit's secret; only the private half of `key` opens it, and only as
    `unit`'s.
    """
    if isinstance(key, rsa.RSAPublicKey):
        sealed = {"algorithm": "RSAES-OAEP-SHA256", "sealed": _text(key.encrypt(secret, _oaep(unit)))}
    else:
        sealed = _seal_ecies(secret, key, unit)
    file = {"schema": SCHEMA, "unit": unit, "key": fingerprint(key), **sealed}
    return json.dumps(file, indent=1).encode() + b"\n"


def unseal(data: bytes, private_pem: bytes, unit: str, passphrase: bytes | None = None) -> bytes:
    """The secret in an escrow file.  Raises EscrowInvalid."""
    try:
        key = load_pem_private_key(private_pem, passphrase)
        file = json.loads(data[:MAX_FILE_BYTES])
        if file["schema"] != SCHEMA or file["unit"] != unit:
            raise EscrowInvalid(f"this is not the escrow file of unit {unit}")
        if isinstance(key, rsa.RSAPrivateKey):
            return key.decrypt(b64decode(file["sealed"]), _oaep(unit))
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return _unseal_ecies(file, key, unit)
    except (ValueError, KeyError, TypeError, InvalidTag) as error:
        raise EscrowInvalid("the escrow file cannot be opened with this key") from error
    raise EscrowInvalid("the escrow file cannot be opened with a key of this kind")


def keep(path: Path, data: bytes) -> None:
    """Writes a new file and returns when file and folder are on the disk.  Raises EscrowNotKept."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise EscrowNotKept(f"{path}: {error.strerror or error}") from error


def _seal_ecies(secret: bytes, key: ec.EllipticCurvePublicKey, unit: str) -> dict[str, str]:
    ephemeral = ec.generate_private_key(key.curve)
    nonce = os.urandom(_NONCE_BYTES)
    wrapping = _wrapping_key(ephemeral.exchange(ec.ECDH(), key), ephemeral.public_key(), key, unit)
    return {
        "algorithm": "ECDH-HKDF-SHA256-AES256GCM",
        "ephemeral": _text(_point(ephemeral.public_key())),
        "nonce": _text(nonce),
        "sealed": _text(AESGCM(wrapping).encrypt(nonce, secret, unit.encode())),
    }


def _unseal_ecies(file: dict[str, Any], key: ec.EllipticCurvePrivateKey, unit: str) -> bytes:
    ephemeral = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, b64decode(file["ephemeral"]))
    wrapping = _wrapping_key(key.exchange(ec.ECDH(), ephemeral), ephemeral, key.public_key(), unit)
    return AESGCM(wrapping).decrypt(b64decode(file["nonce"]), b64decode(file["sealed"]), unit.encode())


def _wrapping_key(
    shared: bytes, ephemeral: ec.EllipticCurvePublicKey, key: ec.EllipticCurvePublicKey, unit: str
) -> bytes:
    info = _INFO + _point(ephemeral) + _point(key) + unit.encode()
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(shared)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _oaep(unit: str) -> padding.OAEP:
    return padding.OAEP(
        mgf=padding.MGF1(algorithm=hashes.SHA256()), algorithm=hashes.SHA256(), label=unit.encode()
    )


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii")
