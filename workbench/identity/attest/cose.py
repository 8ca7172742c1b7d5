"""COSE_Sign1 with ES256 and COSE_Mac0 with HMAC 256/256, and nothing else: strict, bounded, pure.

Sources: RFC 9052, sections 2, 4.2, 4.4, 6.2, 6.3; RFC 9053, sections 2.1 and 3.1.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from workbench.identity.attest.errors import EatRefused

MAX_TOKEN_BYTES: Final = 1024
MAX_DEPTH: Final = 8
MAC0_TAG: Final = 17
SIGN1_TAG: Final = 18
ALG, KID = 1, 4
ES256: Final = -7
HMAC_256: Final = 5
SIGNATURE_BYTES: Final = 64
MAC_BYTES: Final = 32
MAX_KID_BYTES: Final = 32

Key = ec.EllipticCurvePublicKey | bytes
"""A P-256 key, or the 32 bytes of an HMAC key."""


@dataclass(frozen=True, slots=True)
class Cose:
    """A message that has the right form; nothing in it is to be believed yet."""

    kind: Literal["sign1", "mac0"]
    protected: bytes
    payload: bytes
    proof: bytes
    """r and s, 32 bytes each, or the MAC."""
    kid: bytes | None

    def covered(self) -> bytes:
        """What signature or MAC are over: Sig_structure or MAC_structure without external data."""
        context = "Signature1" if self.kind == "sign1" else "MAC0"
        return cbor2.dumps([context, self.protected, b"", self.payload])


def decode_cose(token: bytes) -> Cose:
    """The message in `token`, and nothing behind it.

    Raises EatRefused "cose-form" for other CBOR, or for CBOR that is not written in the one shortest form;
    "cose-algorithm" for another algorithm or other headers.
    """
    message = exact_cbor(token, MAX_TOKEN_BYTES, "cose-form")
    if not isinstance(message, cbor2.CBORTag) or message.tag not in (MAC0_TAG, SIGN1_TAG):
        raise EatRefused("cose-form", "the token is neither COSE_Sign1 nor COSE_Mac0")
    signed = message.tag == SIGN1_TAG
    parts = message.value
    if not isinstance(parts, list | tuple) or len(parts) != 4:
        raise EatRefused("cose-form", "the token has not the four parts of its kind")
    protected, open_headers, payload, proof = parts
    size = SIGNATURE_BYTES if signed else MAC_BYTES
    if not all(isinstance(part, bytes) for part in (protected, payload, proof)) or len(proof) != size:
        raise EatRefused("cose-form", "the token's parts have another type or size than they must")
    _refuse_headers(protected, open_headers, ES256 if signed else HMAC_256)
    return Cose("sign1" if signed else "mac0", protected, payload, proof, open_headers.get(KID))


def verify_cose(cose: Cose, key: Key) -> None:
    """Raises EatRefused "signature" unless the message was made with `key`: which kind of proof is demanded
    follows from the key, not from the message.
    """
    if isinstance(key, bytes):
        right = cose.kind == "mac0" and hmac.compare_digest(
            cose.proof, hmac.digest(key, cose.covered(), "sha256")
        )
    else:
        right = cose.kind == "sign1" and _is_signature(key, cose)
    if not right:
        raise EatRefused(
            "signature",
            "the token was not made with this unit's key",
            cause="another device than the ledger's, or a token that was changed",
        )


def exact_cbor(data: bytes, limit: int, reason: str) -> Any:
    """What `data` says, if it is one item of CBOR in the shortest form, with definite lengths and no key
    twice: the only form that encodes again to the same bytes.  Without floats, and without true and false as
    keys, which would equal the integers that are meant.  Raises EatRefused.
    """
    if not 0 < len(data) <= limit:
        raise EatRefused(reason, f"{len(data)} bytes, not 1 to {limit}")
    try:
        found = cbor2.loads(data, max_depth=MAX_DEPTH)
        same = _is_exact(found) and cbor2.dumps(found) == data
    except Exception as error:  # a decoder of strangers' bytes; what it raises depends on the tags in them
        raise EatRefused(reason, f"no CBOR: {str(error)[:80]}") from error
    if not same:
        raise EatRefused(reason, "CBOR that is not in its shortest form, has a key twice, or does not end")
    return found


def _is_exact(value: Any) -> bool:
    if value is None or isinstance(value, bool | int | str | bytes):
        return True
    if isinstance(value, cbor2.CBORTag):
        return _is_exact(value.value)
    if isinstance(value, list | tuple):
        return all(_is_exact(item) for item in value)
    return isinstance(value, Mapping) and all(
        type(key) in (int, str) and _is_exact(item) for key, item in value.items()
    )


def _refuse_headers(protected: bytes, open_headers: Any, algorithm: int) -> None:
    headers = exact_cbor(protected, 16, "cose-algorithm")
    if headers != {ALG: algorithm} or not isinstance(headers, dict):
        raise EatRefused("cose-algorithm", "the token names another algorithm, or more than that")
    if not isinstance(open_headers, Mapping) or not set(open_headers) <= {KID}:
        raise EatRefused("cose-algorithm", "the token has headers that nothing protects")
    kid = open_headers.get(KID, b"")
    if not isinstance(kid, bytes) or len(kid) > MAX_KID_BYTES:
        raise EatRefused("cose-algorithm", "the token's key ID is no short byte string")


def _is_signature(key: ec.EllipticCurvePublicKey, cose: Cose) -> bool:
    half = SIGNATURE_BYTES // 2
    r, s = int.from_bytes(cose.proof[:half], "big"), int.from_bytes(cose.proof[half:], "big")
    try:
        key.verify(encode_dss_signature(r, s), cose.covered(), ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return isinstance(key.curve, ec.SECP256R1)
