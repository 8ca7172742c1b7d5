"""What a session's secrets are derived with: TPM 2.0 Library, Part 1, 11.4.10 (KDFa, KDFe), 19.6 (HMAC of a
command or an answer), 21.3 (AES-128-CFB for one parameter).  Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128

try:  # cryptography 47 moves CFB away from the modes that are recommended
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:
    from cryptography.hazmat.primitives.ciphers.modes import CFB

Secret = bytes | bytearray


def kdfa(
    key: Secret, label: bytes, context_u: bytes, context_v: bytes, bits: int, hash_name: str = "sha256"
) -> bytearray:
    """KDFa: `bits` is a multiple of 8; `label` without its zero.  The caller wipes the result."""
    made, counter = bytearray(), 0
    fixed = label + b"\0" + context_u + context_v + bits.to_bytes(4, "big")
    while len(made) * 8 < bits:
        counter += 1
        made += hmac.digest(key, counter.to_bytes(4, "big") + fixed, hash_name)
    del made[bits // 8 :]
    return made


def kdfe(z: Secret, label: bytes, party_u: bytes, party_v: bytes, hash_name: str) -> bytes:
    """One block of KDFe, as long as the hash; `label` with its zero."""
    return hashlib.new(hash_name, struct.pack(">I", 1) + z + label + party_u + party_v).digest()


def session_hmac(
    secret: Secret, digest: bytes, newer: bytes, older: bytes, attributes: int, hash_name: str = "sha256"
) -> bytes:
    """HMAC of a command or an answer; `digest` is its cpHash or rpHash, `newer` the sender's own nonce."""
    return hmac.digest(secret, digest + newer + older + bytes([attributes]), hash_name)


def cp_hash(code: int, names: bytes, parameters: bytes, hash_name: str = "sha256") -> bytes:
    """cpHash: `names` of the handles one after the other, the parameters as they go over the wire."""
    return hashlib.new(hash_name, code.to_bytes(4, "big") + names + parameters).digest()


def rp_hash(code: int, parameters: bytes, hash_name: str = "sha256") -> bytes:
    """rpHash of a successful answer, the parameters as they came over the wire."""
    return hashlib.new(hash_name, bytes(4) + code.to_bytes(4, "big") + parameters).digest()


def encrypted(secret: Secret, content: bytes, newer: bytes, older: bytes) -> bytes:
    """The content of a command's first parameter for the TPM alone."""
    context = _cipher(secret, newer, older).encryptor()
    return context.update(content) + context.finalize()


def decrypted(secret: Secret, content: bytes, newer: bytes, older: bytes) -> bytes:
    """The content of an answer's first parameter, which the TPM encrypted."""
    context = _cipher(secret, newer, older).decryptor()
    return context.update(content) + context.finalize()


def wipe(secret: bytearray) -> None:
    """Overwrites it.  Copies that the libraries made of it are out of reach."""
    secret[:] = bytes(len(secret))


def _cipher(secret: Secret, newer: bytes, older: bytes) -> Cipher[CFB]:
    made = kdfa(secret, b"CFB", newer, older, 256)
    cipher = Cipher(AES128(bytes(made[:16])), CFB(bytes(made[16:])))
    wipe(made)
    return cipher
