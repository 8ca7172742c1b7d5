"""A TPM's public area as a public key: SubjectPublicKeyInfo, and signatures checked with it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workbench.identity.tpm.errors import TpmSignatureInvalid, TpmStructureMalformed
from workbench.identity.tpm.structures import (
    Alg,
    Curve,
    EccKey,
    EcdsaSignature,
    PublicArea,
    RsaKey,
    Signature,
)

DEFAULT_EXPONENT: Final = 65537
MIN_RSA_BITS: Final = 2048
CURVES: Final[dict[int, ec.EllipticCurve]] = {
    Curve.P256: ec.SECP256R1(),
    Curve.P384: ec.SECP384R1(),
    Curve.P521: ec.SECP521R1(),
}
HASHES: Final[dict[int, hashes.HashAlgorithm]] = {
    Alg.SHA256: hashes.SHA256(),
    Alg.SHA384: hashes.SHA384(),
    Alg.SHA512: hashes.SHA512(),
}
"""Hashes that a signature may be over; SHA-1 is not among them."""

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@lru_cache(maxsize=64)
def key_of(public: PublicArea) -> PublicKey:
    """The public key; raises TpmStructureMalformed where the values are none (a point off its curve, a short
    modulus).
    """
    key = public.key
    try:
        return _rsa(key) if isinstance(key, RsaKey) else _ecc(key)
    except ValueError as error:
        raise TpmStructureMalformed(f"TPMT_PUBLIC: unique is no public key ({error})") from None


def spki(public: PublicArea) -> bytes:
    """SubjectPublicKeyInfo, DER (RFC 5280 4.1); raises TpmStructureMalformed."""
    return key_of(public).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def verify_signature(public: PublicArea, signature: Signature, message: bytes) -> None:
    """Raises TpmSignatureInvalid unless that key signed `message`, TpmStructureMalformed where it is no key.

    A key with a scheme signs by its scheme and no other; the hash is the signature's.
    """
    scheme = Alg.ECDSA if isinstance(signature, EcdsaSignature) else signature.scheme
    if public.scheme is not None and (public.scheme.alg, public.scheme.hash_alg) != (
        scheme,
        signature.hash_alg,
    ):
        raise TpmSignatureInvalid("the signature is not of the scheme that the key is made for")
    key = key_of(public)
    try:
        _verify(key, signature, message)
    except InvalidSignature:
        raise TpmSignatureInvalid("the signature was not made by that key over these bytes") from None


def _verify(key: PublicKey, signature: Signature, message: bytes) -> None:
    hash_alg = HASHES.get(signature.hash_alg)
    if hash_alg is None:
        raise TpmSignatureInvalid(f"{signature.hash_alg:#06x} is no hash that a signature may be over")
    if isinstance(signature, EcdsaSignature) and isinstance(key, ec.EllipticCurvePublicKey):
        r, s = int.from_bytes(signature.r, "big"), int.from_bytes(signature.s, "big")
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hash_alg))
    elif not isinstance(signature, EcdsaSignature) and isinstance(key, rsa.RSAPublicKey):
        key.verify(signature.value, message, _padding(signature.scheme, hash_alg), hash_alg)
    else:
        raise TpmSignatureInvalid("the signature is of another kind than the key")


def _padding(scheme: int, hash_alg: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if scheme == Alg.RSASSA:
        return padding.PKCS1v15()
    # A TPM's salt is as long as the digest or as fits (Part 1, B.7): both are valid RSASSA-PSS.
    return padding.PSS(padding.MGF1(hash_alg), padding.PSS.AUTO)


def _rsa(key: RsaKey) -> rsa.RSAPublicKey:
    if not MIN_RSA_BITS <= key.bits == 8 * len(key.modulus) or key.modulus[0] < 0x80:
        raise ValueError(f"modulus of {len(key.modulus)} bytes for keyBits {key.bits}")
    modulus = int.from_bytes(key.modulus, "big")
    return rsa.RSAPublicNumbers(key.exponent or DEFAULT_EXPONENT, modulus).public_key()


def _ecc(key: EccKey) -> ec.EllipticCurvePublicKey:
    curve = CURVES.get(key.curve)
    if curve is None:
        raise ValueError(f"curve {key.curve:#06x} is not known here")
    size = (curve.key_size + 7) // 8
    if max(len(key.x), len(key.y)) > size:
        raise ValueError("a coordinate is longer than the curve's")
    x, y = int.from_bytes(key.x, "big"), int.from_bytes(key.y, "big")
    return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
