"""Attestation tokens for tests: what a right device says, and every way to say it wrong."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from workbench.identity.attest.claims import PROFILE
from workbench.identity.attest.verify import Asked, Known, key_id, ueid_of

KEY: Final = ec.generate_private_key(ec.SECP256R1())
SECRET: Final = hashlib.sha256(b"a challenge key").digest()
CHIP: Final = bytes.fromhex("0011223344556677")
NONCE: Final = hashlib.sha256(b"a question").digest()
IMAGE: Final = hashlib.sha256(b"an image").digest()
ASKED: Final = Asked(NONCE, 100.0)
SIGNED: Final = Known(
    chip_id=CHIP,
    key=KEY.public_key(),
    image=IMAGE,
    version="1.2.3",
    profile="tier-2-ecdsa",
    locked=True,
    origin="on-chip",
    counter=4,
)
MACED: Final = replace(SIGNED, key=SECRET, profile="tier-1-plus", origin="injected")


def component(**changes: Any) -> dict[int, Any]:
    """The application, as a software component."""
    names = {"kind": 1, "digest": 2, "version": 4, "signer": 5}
    right: dict[int, Any] = {1: "app", 2: IMAGE, 4: "1.2.3"}
    return right | {names[name]: value for name, value in changes.items()}


def claims(known: Known = SIGNED, **changes: Any) -> dict[int, Any]:
    """What the device says: right, but for the changes, by name."""
    right: dict[int, Any] = {
        10: NONCE,
        256: ueid_of(known.key),
        263: 0,
        265: PROFILE,
        2395: 0x3000,
        2399: [component()],
        -70001: 0,
        -70002: 4,
        -70003: known.profile,
        -70004: True,
        -70005: CHIP,
        -70006: known.origin,
    }
    numbers = dict(zip(NAMES, right, strict=True))
    return right | {numbers[name]: value for name, value in changes.items()}


NAMES: Final = (
    "nonce", "ueid", "debug", "eat_profile", "lifecycle", "components", "slot", "counter", "profile",
    "confirmed", "chip", "origin",
)  # fmt: skip


def signed(
    said: Any,
    key: ec.EllipticCurvePrivateKey = KEY,
    *,
    protected: bytes = b"\xa1\x01\x26",
    headers: Any = None,
    tag: int = 18,
) -> bytes:
    """COSE_Sign1 over claims, or over bytes as they are."""
    payload = said if isinstance(said, bytes) else cbor2.dumps(said)
    covered = cbor2.dumps(["Signature1", protected, b"", payload])
    r, s = decode_dss_signature(key.sign(covered, ec.ECDSA(SHA256())))
    proof = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    kid = {4: key_id(key.public_key())} if headers is None else headers
    return cbor2.dumps(cbor2.CBORTag(tag, [protected, kid, payload, proof]))


def maced(said: Any, secret: bytes = SECRET, *, protected: bytes = b"\xa1\x01\x05") -> bytes:
    """COSE_Mac0 over claims."""
    payload = cbor2.dumps(said)
    proof = hmac.digest(secret, cbor2.dumps(["MAC0", protected, b"", payload]), "sha256")
    return cbor2.dumps(cbor2.CBORTag(17, [protected, {4: key_id(secret)}, payload, proof]))
