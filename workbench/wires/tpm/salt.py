"""A session's salt, closed up for a key of the TPM: RSA-OAEP or ECDH with KDFe (TPM 2.0 Library, Part 1,
B.10.2 and C.6.1).
"""

from __future__ import annotations

import hashlib
import secrets
import struct
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from tpm2_pytss.types import TPM2B_PUBLIC, TPMT_PUBLIC

from workbench.wires.tpm.messages import with_size

LABEL: Final = b"SECRET\0"
HASHES: Final[dict[int, hashes.HashAlgorithm]] = {0x000B: hashes.SHA256(), 0x000C: hashes.SHA384()}


def close_salt(public: bytes) -> tuple[bytes, bytes]:
    """A fresh salt for the key with that TPMT_PUBLIC: in clear, and as TPM2B_ENCRYPTED_SECRET's content.

    Raises ValueError for a key that takes none.
    """
    area, used = TPMT_PUBLIC.unmarshal(public)
    hash_alg = HASHES.get(int.from_bytes(public[2:4], "big"))
    if used != len(public) or hash_alg is None:
        raise ValueError("the key's Name algorithm is neither SHA-256 nor SHA-384")
    key = TPM2B_PUBLIC(publicArea=area).to_pem()
    return _close(key, hash_alg)


def _close(pem: bytes, hash_alg: hashes.HashAlgorithm) -> tuple[bytes, bytes]:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(pem)
    if isinstance(key, rsa.RSAPublicKey):
        salt = secrets.token_bytes(hash_alg.digest_size)
        return salt, key.encrypt(salt, padding.OAEP(padding.MGF1(hash_alg), hash_alg, LABEL))
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _exchanged(key, hash_alg.name)
    raise ValueError("the key is neither RSA nor on a curve")


def _exchanged(key: ec.EllipticCurvePublicKey, hash_name: str) -> tuple[bytes, bytes]:
    size = (key.curve.key_size + 7) // 8
    ours = ec.generate_private_key(key.curve)
    point, theirs = ours.public_key().public_numbers(), key.public_numbers()
    x, y = point.x.to_bytes(size, "big"), point.y.to_bytes(size, "big")
    salt = kdfe(ours.exchange(ec.ECDH(), key), LABEL, x, theirs.x.to_bytes(size, "big"), hash_name)
    return salt, with_size(x) + with_size(y)


def kdfe(z: bytes, label: bytes, party_u: bytes, party_v: bytes, hash_name: str) -> bytes:
    """One block of KDFe (11.4.10.3), as long as the hash; `label` with its zero."""
    return hashlib.new(hash_name, struct.pack(">I", 1) + z + label + party_u + party_v).digest()
