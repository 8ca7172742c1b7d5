"""Signatures and MACs over an image's digest.  Pure; a wrong one raises, there is no answer to forget.

RSA-PSS (MGF1 and salt of SHA-256), ECDSA P-256 in DER, Ed25519 over the digest as its message: as MCUboot.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workbench.errors import InputError
from workbench.images.certificates import PrivateKey, PublicKey
from workbench.images.refusals import MacInvalid, SignatureInvalid, TlvMissing, Unsupported
from workbench.images.tlvs import TlvType

DIGESTS: Final = {
    TlvType.SHA256: hashlib.sha256,
    TlvType.SHA384: hashlib.sha384,
    TlvType.SHA512: hashlib.sha512,
}
MAX_ECDSA_BYTES: Final = 72
_RSA: Final = {2048: TlvType.RSA2048_PSS, 3072: TlvType.RSA3072_PSS}


class KeyUnsuitable(InputError):
    """A key cannot sign images."""

    code = "key-unsuitable"
    default_cause = "images are signed with RSA of 2048 or 3072 bits, ECDSA on P-256, or Ed25519"
    default_action = "name another key; `workbench image keys` makes them"


def digest_of(kind: TlvType, covered: bytes) -> bytes:
    """The digest that a hash TLV of that type holds."""
    return DIGESTS[kind](covered).digest()


def signature_type(key: PublicKey) -> TlvType:
    """Type of the TLV that holds signatures of the key; raises KeyUnsuitable."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return TlvType.ED25519
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA:
        return _RSA[key.key_size]
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return TlvType.ECDSA_SIG
    raise KeyUnsuitable("a key of a kind or size that images are not signed with")


def public_bytes(key: PublicKey) -> bytes:
    """The key as MCUboot holds it: RSA in PKCS #1, others as SubjectPublicKeyInfo, both in DER."""
    form = PublicFormat.PKCS1 if isinstance(key, rsa.RSAPublicKey) else PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(Encoding.DER, form)


def key_hash(key: PublicKey, kind: TlvType = TlvType.SHA256) -> bytes:
    """Value of the KEYHASH TLV in an image whose hash is of that type."""
    return digest_of(kind, public_bytes(key))


def sign_digest(key: PrivateKey, digest: bytes) -> bytes:
    """Signature over an image's digest, any digest; RSA and ECDSA need 32 bytes."""
    signature_type(key.public_key())
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(digest)
    if len(digest) != SHA256.digest_size:
        raise KeyUnsuitable("RSA and ECDSA sign SHA-256 only", cause="another hash was chosen for the image")
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, _pss(), Prehashed(SHA256()))
    return key.sign(digest, ec.ECDSA(Prehashed(SHA256())))


def verify_signature(key: PublicKey, kind: TlvType, signature: bytes, digest: bytes) -> None:
    """Raises SignatureInvalid where the key's owner did not sign the digest, Unsupported for a wrong type."""
    if kind != signature_type(key):
        raise Unsupported(f"a signature of type {kind.name} cannot be of this key")
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, digest)
        elif len(digest) != SHA256.digest_size:
            raise Unsupported("RSA and ECDSA signatures are over SHA-256 only")
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, _pss(), Prehashed(SHA256()))
        else:
            key.verify(_unpadded(signature), digest, ec.ECDSA(Prehashed(SHA256())))
    except InvalidSignature:
        raise SignatureInvalid("the signature is not that of the key over this image") from None


def make_mac(key: bytes, covered: bytes) -> bytes:
    """HMAC-SHA256 over what the hash covers."""
    return hmac.new(key, covered, hashlib.sha256).digest()


def verify_mac(key: bytes, mac: bytes | None, covered: bytes) -> None:
    """Raises MacInvalid, or TlvMissing where there is none."""
    if mac is None:
        raise TlvMissing("the image has no HMAC TLV")
    if not hmac.compare_digest(make_mac(key, covered), mac):
        raise MacInvalid("the HMAC is not that of the key over this image")


def _pss() -> padding.PSS:
    return padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size)


def _unpadded(signature: bytes) -> bytes:
    """Without the zeros to 72 bytes that old tools add, of which DER knows nothing."""
    end = signature[1] + 2 if len(signature) > 1 else 0
    if len(signature) == MAX_ECDSA_BYTES and not any(signature[end:]):
        return signature[:end]
    return signature
