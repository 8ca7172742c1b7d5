"""Encryption of payloads: AES-CTR with a random key that is wrapped in a TLV.  Pure.

The counter block starts at 0 with the payload's first byte.  The wrapping is AES-KW (RFC 3394), RSA-OAEP with
SHA-256, or ECIES on P-256 or X25519: ECDH, HKDF without salt, AES-CTR and HMAC.  Source: MCUboot,
docs/encrypted_images.md.  It keeps payloads from readers on the way; it proves nobody's authorship.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workbench.errors import InputError
from workbench.images.format import Flag
from workbench.images.refusals import KeyKindWrong, KeyWrong, TlvMalformed, Unsupported
from workbench.images.tlvs import Tlv, TlvType

WrapKey = bytes | rsa.RSAPublicKey | ec.EllipticCurvePublicKey | x25519.X25519PublicKey
UnwrapKey = bytes | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey
Bits = Literal[128, 256]

ECIES_INFO: Final = b"MCUBoot_ECIES_v1"
FLAGS: Final[dict[int, Flag]] = {128: Flag.ENCRYPTED_AES128, 256: Flag.ENCRYPTED_AES256}
_POINT: Final = 65
_X25519: Final = 32
_KW_EXTRA: Final = 8
_ECIES: Final[dict[int, tuple[int, SHA256 | SHA512]]] = {
    TlvType.ENC_EC256: (_POINT, SHA256()),
    TlvType.ENC_X25519: (_X25519, SHA256()),
    TlvType.ENC_X25519_SHA512: (_X25519, SHA512()),
}


class WrapKeyInvalid(InputError):
    """A payload's key cannot be wrapped with this key."""

    code = "wrap-key-unsuitable"
    default_cause = "a key of another kind: wrapping takes RSA-2048, P-256, X25519 or an AES key"
    default_action = "name a key of one of these kinds; an AES key is as long as the payload's key"


@dataclass(frozen=True, slots=True)
class Encryption:
    """How to encrypt: for whom, with how many bits; the payload's key is random unless it is given."""

    key: WrapKey
    bits: Bits = 128
    payload_key: bytes | None = None

    @property
    def flag(self) -> Flag:
        """What the header says."""
        return FLAGS[self.bits]


def crypt(key: bytes, payload: bytes) -> bytes:
    """AES-CTR from counter 0: encrypts and decrypts."""
    cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return cipher.update(payload) + cipher.finalize()


def new_payload_key(how: Encryption) -> bytes:
    """The payload's key: random, or as given."""
    key = os.urandom(how.bits // 8) if how.payload_key is None else how.payload_key
    if len(key) * 8 != how.bits:
        raise WrapKeyInvalid(f"a payload's key of {how.bits} bits has not {len(key)} bytes")
    return key


def wrap(payload_key: bytes, key: WrapKey) -> Tlv:
    """The TLV that holds the wrapped key."""
    if isinstance(key, bytes):
        if len(key) != len(payload_key):
            raise WrapKeyInvalid(
                f"a KEK of {len(key)} bytes does not wrap a key of {len(payload_key)}: both are as long"
            )
        return Tlv(TlvType.ENC_KW, aes_key_wrap(key, payload_key))
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size != 2048:
            raise WrapKeyInvalid(f"RSA-OAEP takes a key of 2048 bits, not {key.key_size}")
        return Tlv(TlvType.ENC_RSA2048, key.encrypt(payload_key, _oaep()))
    if isinstance(key, x25519.X25519PublicKey):
        own = x25519.X25519PrivateKey.generate()
        sent = own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return Tlv(TlvType.ENC_X25519, sent + _ecies(own.exchange(key), payload_key, SHA256()))
    _check_curve(key.curve)
    ours = ec.generate_private_key(ec.SECP256R1())
    point = ours.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return Tlv(TlvType.ENC_EC256, point + _ecies(ours.exchange(ec.ECDH(), key), payload_key, SHA256()))


def unwrap(tlv: Tlv, key: UnwrapKey, bits: int) -> bytes:
    """The payload's key of `bits` bits.

    Raises KeyWrong where `key` is not the one it was wrapped for, KeyKindWrong where it is for another
    method, TlvMalformed for a wrong length.
    """
    size = bits // 8
    if tlv.type == TlvType.ENC_KW and isinstance(key, bytes):
        return _unwrap_kw(tlv.value, key, size)
    if tlv.type == TlvType.ENC_RSA2048 and isinstance(key, rsa.RSAPrivateKey):
        return _unwrap_rsa(tlv.value, key, size)
    if tlv.type in _ECIES and not isinstance(key, bytes | rsa.RSAPrivateKey):
        return _unwrap_ecies(TlvType(tlv.type), tlv.value, key, size)
    raise KeyKindWrong(f"the key is of another kind than the {tlv.name} TLV was made for")


def _unwrap_kw(value: bytes, key: bytes, size: int) -> bytes:
    _length(value, size + _KW_EXTRA, TlvType.ENC_KW)
    if len(key) != size:
        raise KeyWrong(f"the KEK has {len(key)} bytes, the payload's key {size}")
    try:
        return aes_key_unwrap(key, value)
    except InvalidUnwrap:
        raise KeyWrong("the payload's key was wrapped with another KEK") from None


def _unwrap_rsa(value: bytes, key: rsa.RSAPrivateKey, size: int) -> bytes:
    _length(value, 256, TlvType.ENC_RSA2048)
    try:
        found = key.decrypt(value, _oaep())
    except ValueError:
        raise KeyWrong("the payload's key was wrapped for another RSA key") from None
    _length(found, size, TlvType.ENC_RSA2048)
    return found


def _unwrap_ecies(
    kind: TlvType, value: bytes, key: ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey, size: int
) -> bytes:
    public_size, algorithm = _ECIES[kind]
    _length(value, public_size + algorithm.digest_size + size, kind)
    public, mac, wrapped = value[:public_size], value[public_size:-size], value[-size:]
    shared = _agree(kind, public, key)
    derived = _derive(shared, size, algorithm)
    if not hmac.compare_digest(hmac.digest(derived[size:], wrapped, algorithm.name), mac):
        raise KeyWrong("the payload's key was wrapped for another key, or changed")
    return crypt(derived[:size], wrapped)


def _agree(kind: TlvType, public: bytes, key: ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey) -> bytes:
    try:
        if isinstance(key, x25519.X25519PrivateKey) and kind != TlvType.ENC_EC256:
            return key.exchange(x25519.X25519PublicKey.from_public_bytes(public))
        if isinstance(key, ec.EllipticCurvePrivateKey) and kind == TlvType.ENC_EC256:
            _check_curve(key.curve)
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
            return key.exchange(ec.ECDH(), point)
    except ValueError:
        raise KeyWrong(f"the {kind.name} TLV holds no point of its curve") from None
    raise KeyKindWrong(f"the key is of another kind than the {kind.name} TLV was made for")


def _ecies(shared: bytes, payload_key: bytes, algorithm: SHA256) -> bytes:
    size = len(payload_key)
    derived = _derive(shared, size, algorithm)
    wrapped = crypt(derived[:size], payload_key)
    return hmac.digest(derived[size:], wrapped, algorithm.name) + wrapped


def _derive(shared: bytes, key_size: int, algorithm: SHA256 | SHA512) -> bytes:
    length = key_size + algorithm.digest_size
    return HKDF(algorithm=algorithm, length=length, salt=None, info=ECIES_INFO).derive(shared)


def _oaep() -> padding.OAEP:
    return padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)


def _length(value: bytes, size: int, kind: TlvType) -> None:
    if len(value) != size:
        raise TlvMalformed(f"{kind.name} has {len(value)} bytes instead of {size}")


def _check_curve(curve: ec.EllipticCurve) -> None:
    if not isinstance(curve, ec.SECP256R1):
        raise Unsupported(f"images are encrypted on P-256, not on {curve.name}")
