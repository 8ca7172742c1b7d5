"""Software keys with public areas of one's choice: they say that they are in a TPM."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from workbench.identity.tpm.public_key import CURVES, HASHES
from workbench.identity.tpm.structures import (
    Alg,
    EccKey,
    EcdsaSignature,
    PublicArea,
    RsaSignature,
    build_public,
    build_signature,
)
from workbench.identity.tpm.templates import SHAPES, Kind, template_area, variant_names
from workbench.identity.tpm.wire import tpm2b

Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class SoftKey:
    """A software key with a public area of one's choice."""

    area: PublicArea
    private: Private

    @property
    def public(self) -> bytes:
        return build_public(self.area)

    def sign(self, message: bytes) -> bytes:
        """TPMT_SIGNATURE, by the area's scheme or else RSASSA and ECDSA over its nameAlg."""
        scheme = self.area.scheme
        hash_alg = scheme.hash_alg if scheme else self.area.name_alg
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(HASHES[hash_alg])))
            size = (self.private.curve.key_size + 7) // 8
            return build_signature(EcdsaSignature(hash_alg, r.to_bytes(size, "big"), s.to_bytes(size, "big")))
        pss = scheme is not None and scheme.alg == Alg.RSAPSS
        chosen: padding.AsymmetricPadding = padding.PKCS1v15()
        if pss:
            chosen = padding.PSS(padding.MGF1(HASHES[hash_alg]), padding.PSS.DIGEST_LENGTH)
        value = self.private.sign(message, chosen, HASHES[hash_alg])
        return build_signature(RsaSignature(Alg.RSAPSS if pss else Alg.RSASSA, hash_alg, value))


def area_of(kind: Kind, id: str = "H-2") -> PublicArea:
    """The template's area in its usual form."""
    return template_area(SHAPES[id], kind, variant_names(id)[0])


def soft_key(area: PublicArea, private: Private | None = None, **key: Any) -> SoftKey:
    """A software key in that area; `key` changes fields of its RsaKey or EccKey afterwards."""
    if isinstance(area.key, EccKey):
        private = private or ec.generate_private_key(CURVES[area.key.curve])
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        numbers, size = private.public_key().public_numbers(), (private.curve.key_size + 7) // 8
        x, y = numbers.x.to_bytes(size, "big"), numbers.y.to_bytes(size, "big")
        return SoftKey(replace(area, key=replace(area.key, **{"x": x, "y": y, **key})), private)
    private = private or rsa.generate_private_key(65537, area.key.bits)
    assert isinstance(private, rsa.RSAPrivateKey)
    modulus = private.public_key().public_numbers().n.to_bytes(area.key.bits // 8, "big")
    return SoftKey(replace(area, key=replace(area.key, **{"modulus": modulus, **key})), private)


def soft_sensitive(key: SoftKey) -> bytes:
    """TPMT_SENSITIVE of a software ECC key, for TPM2_LoadExternal."""
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    size = (key.private.curve.key_size + 7) // 8
    value = key.private.private_numbers().private_value.to_bytes(size, "big")
    return int(Alg.ECC).to_bytes(2, "big") + tpm2b(b"") + tpm2b(b"") + tpm2b(value)
