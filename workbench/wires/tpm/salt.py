"""A session's salt, closed up for a key of the TPM: RSA-OAEP or ECDH with KDFe (TPM 2.0 Library, Part 1,
B.10.2 and C.6.1).
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tpm2_pytss import TSS2_Exception
from tpm2_pytss.types import TPM2B_PUBLIC, TPMT_PUBLIC

from workbench.wires.tpm.derivations import kdfe
from workbench.wires.tpm.messages import with_size
from workbench.wires.tpm.values import ALG_SHA256, ALG_SHA384, ALG_SHA512

LABEL: Final = b"SECRET\0"
HASHES: Final[dict[int, hashes.HashAlgorithm]] = {
    ALG_SHA256: hashes.SHA256(),
    ALG_SHA384: hashes.SHA384(),
    ALG_SHA512: hashes.SHA512(),
}


def close_salt(public: bytes) -> tuple[bytes, bytes]:
    """A fresh salt for the key with that TPMT_PUBLIC: in clear, and as the TPM2B_ENCRYPTED_SECRET's content.

    Raises ValueError for a key that takes none.
    """
    hash_alg = HASHES.get(int.from_bytes(public[2:4], "big"))
    if hash_alg is None:
        raise ValueError("the key's Name algorithm is none of SHA-256, SHA-384, SHA-512")
    try:
        area, used = TPMT_PUBLIC.unmarshal(public)
        key = load_pem_public_key(TPM2B_PUBLIC(publicArea=area).to_pem())
    except (TSS2_Exception, TypeError) as error:
        raise ValueError(f"its public area cannot be read: {error}") from error
    if used != len(public):
        raise ValueError(f"{len(public) - used} bytes follow its public area")
    if isinstance(key, rsa.RSAPublicKey):
        salt = secrets.token_bytes(hash_alg.digest_size)
        return salt, key.encrypt(salt, padding.OAEP(padding.MGF1(hash_alg), hash_alg, LABEL))
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _agreed(key, bytes(area.unique.ecc.x), hash_alg.name)
    raise ValueError("the key is neither RSA nor on a curve")


def _agreed(key: ec.EllipticCurvePublicKey, their_x: bytes, hash_name: str) -> tuple[bytes, bytes]:
    size = (key.curve.key_size + 7) // 8
    ours = ec.generate_private_key(key.curve)
    point = ours.public_key().public_numbers()
    x, y = point.x.to_bytes(size, "big"), point.y.to_bytes(size, "big")
    salt = kdfe(ours.exchange(ec.ECDH(), key), LABEL, x, their_x, hash_name)
    return salt, with_size(x) + with_size(y)
