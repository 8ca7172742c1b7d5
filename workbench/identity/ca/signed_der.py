"""What certificates and CRLs are in DER: bytes to be signed, an algorithm, a signature (X.509).  Pure."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from workbench.identity.ca.key_store import hash_of

_ECDSA_WITH: Final = {
    "sha256": bytes.fromhex("300a06082a8648ce3d040302"),
    "sha384": bytes.fromhex("300a06082a8648ce3d040303"),
}
"""AlgorithmIdentifier of ecdsa-with-SHA256 and -SHA384 (RFC 5758, 3.2): without parameters."""


def signed_der(tbs: bytes, key: ec.EllipticCurvePublicKey, signature: bytes) -> bytes:
    """`tbs`, signed with ECDSA by the owner of `key`; `signature` is DER."""
    algorithm = _ECDSA_WITH[hash_of(key.curve).name]
    return _der(0x30, tbs + algorithm + _der(0x03, b"\x00" + signature))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    head = bytes((size,)) if size < 0x80 else bytes((0x80 | len(length),)) + length
    return bytes((tag,)) + head + content
