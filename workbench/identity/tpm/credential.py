"""TPM2_MakeCredential outside a TPM: a secret that only the TPM with that EK and that key can open.

TPM 2.0 Library, Part 1: 24 (credential protection), 11.4.10 (KDFa, KDFe), annexes B.10 and C.6 (seed for RSA,
ECC).
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from workbench.errors import Blame, WorkbenchError
from workbench.identity.tpm.names import HASHES as HASH_NAMES
from workbench.identity.tpm.names import digest, digest_size
from workbench.identity.tpm.public_key import HASHES, PublicKey, key_of
from workbench.identity.tpm.structures import Alg, Attribute, PublicArea, Symmetric, parse_public
from workbench.identity.tpm.wire import tpm2b, u32

try:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:
    from cryptography.hazmat.primitives.ciphers.modes import CFB

_LABEL: Final = b"IDENTITY\0"
_AES_BITS: Final = (128, 192, 256)


class CredentialImpossible(WorkbenchError):
    """No credential can be made for this key."""

    code = "tpm-credential-impossible"
    blame = Blame.TRUST
    default_cause = "a key that is no endorsement key, or of a kind that is not supported"
    default_action = "enrol with another EK of this TPM; `workbench identity show` lists what it has"


def make_credential(ek_public: bytes, secret: bytes, name: bytes) -> tuple[bytes, bytes]:
    """(TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET), both marshalled with their outer sizes.

    ek_public: TPMT_PUBLIC (RSA or ECC, restricted decryption key).
    secret: at most the digest size of the EK's nameAlg (32 bytes always fit).
    name: Name of the key to be activated.  Raises TpmStructureMalformed, CredentialImpossible.
    """
    public = parse_public(ek_public)
    symmetric = _storage_key(public)
    if not 0 < len(secret) <= digest_size(public.name_alg):
        raise CredentialImpossible(
            f"a secret of {len(secret)} bytes does not fit",
            cause="it may be as long as the EK's nameAlg's digest",
        )
    seed, encrypted_seed = _share_seed(key_of(public), public.name_alg)
    return _protect(seed, public.name_alg, symmetric, secret, name), encrypted_seed


def kdf_a(alg: int, key: bytes, label: bytes, context_u: bytes, context_v: bytes, bits: int) -> bytes:
    """KDFa (SP 800-108 counter mode, HMAC): `bits` / 8 bytes; `label` without its terminating zero."""
    fixed = label + b"\0" + context_u + context_v + u32(bits)
    blocks = range(1, -(-bits // (8 * digest_size(alg))) + 1)
    stream = b"".join(hmac.digest(key, u32(n) + fixed, HASH_NAMES[alg]) for n in blocks)
    return stream[: bits // 8]


def kdf_e(alg: int, z: bytes, use: bytes, party_u: bytes, party_v: bytes, bits: int) -> bytes:
    """KDFe (SP 800-56A concatenation KDF): `bits` / 8 bytes; `use` without its terminating zero."""
    other = z + use + b"\0" + party_u + party_v
    blocks = range(1, -(-bits // (8 * digest_size(alg))) + 1)
    return b"".join(digest(alg, u32(n) + other) for n in blocks)[: bits // 8]


def _storage_key(public: PublicArea) -> Symmetric:
    wanted = Attribute.RESTRICTED | Attribute.DECRYPT
    symmetric = public.symmetric
    if public.attributes & (wanted | Attribute.SIGN) != wanted or symmetric is None:
        raise CredentialImpossible("the key is no restricted decryption key")
    if symmetric.alg != Alg.AES or symmetric.mode != Alg.CFB or symmetric.bits not in _AES_BITS:
        raise CredentialImpossible("the key protects with something other than AES in CFB mode")
    if public.name_alg not in HASHES:
        raise CredentialImpossible("the key's nameAlg is none of SHA-256, SHA-384 and SHA-512")
    return symmetric


def _protect(seed: bytes, alg: int, symmetric: Symmetric, secret: bytes, name: bytes) -> bytes:
    key = kdf_a(alg, seed, b"STORAGE", name, b"", symmetric.bits)
    cipher = Cipher(algorithms.AES(key), CFB(bytes(16))).encryptor()
    identity = cipher.update(tpm2b(secret)) + cipher.finalize()
    mac_key = kdf_a(alg, seed, b"INTEGRITY", b"", b"", 8 * digest_size(alg))
    return tpm2b(tpm2b(hmac.digest(mac_key, identity + name, HASH_NAMES[alg])) + identity)


def _share_seed(key: PublicKey, alg: int) -> tuple[bytes, bytes]:
    return _share_rsa(key, alg) if isinstance(key, rsa.RSAPublicKey) else _share_ecc(key, alg)


def _share_rsa(key: rsa.RSAPublicKey, alg: int) -> tuple[bytes, bytes]:
    seed = secrets.token_bytes(digest_size(alg))
    oaep = padding.OAEP(padding.MGF1(HASHES[alg]), HASHES[alg], _LABEL)
    return seed, tpm2b(key.encrypt(seed, oaep))


def _share_ecc(key: ec.EllipticCurvePublicKey, alg: int) -> tuple[bytes, bytes]:
    ephemeral = ec.generate_private_key(key.curve)
    mine, theirs = ephemeral.public_key().public_numbers(), key.public_numbers()
    size = (key.curve.key_size + 7) // 8
    x, y = mine.x.to_bytes(size, "big"), mine.y.to_bytes(size, "big")
    z = ephemeral.exchange(ec.ECDH(), key)
    seed = kdf_e(alg, z, b"IDENTITY", x, theirs.x.to_bytes(size, "big"), 8 * digest_size(alg))
    return seed, tpm2b(tpm2b(x) + tpm2b(y))
