"""DSSE envelopes with one ECDSA signature on P-256, in canonical JSON.  Pure; the caller signs.

Specification: secure-systems-lab/dsse, protocol.md and envelope.md, version 1.0.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workbench.identity.evidence import canonical
from workbench.identity.evidence.errors import EvidenceRefused
from workbench.identity.evidence.schema import ENVELOPE, PAYLOAD_TYPE, conforms

MAX_ENVELOPE_BYTES: Final = 1 << 20
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the group, SEC 2 section 2.4.2."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope as it was read: nothing of it is believed yet."""

    payload: bytes
    key_id: str
    signature: bytes


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def key_id(public: ec.EllipticCurvePublicKey) -> str:
    """SHA-256 of the SubjectPublicKeyInfo, in hex."""
    return sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def seal(payload: bytes, name: str, sign: Callable[[bytes], bytes]) -> bytes:
    """The envelope's file; `sign` gives a DER signature by ECDSA with SHA-256 over what it is given."""
    signature = low_s(sign(pae(PAYLOAD_TYPE, payload)))
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": name, "sig": base64.b64encode(signature).decode()}],
    }
    return canonical.encode(envelope) + b"\n"


def unseal(data: bytes) -> Envelope:
    """The parts of an envelope's file; raises EvidenceRefused."""
    if len(data) > MAX_ENVELOPE_BYTES:
        raise EvidenceRefused("too-large")
    if data[-1:] != b"\n":
        raise EvidenceRefused("envelope-malformed")
    try:
        found = canonical.decode(data[:-1])
    except ValueError:
        raise EvidenceRefused("envelope-malformed") from None
    if not conforms(found, ENVELOPE) or len(found["signatures"]) != 1:
        raise EvidenceRefused("envelope-malformed")
    if found["payloadType"] != PAYLOAD_TYPE:
        raise EvidenceRefused("payload-type")
    (signature,) = found["signatures"]
    payload, signed = unbase64(found["payload"]), unbase64(signature["sig"])
    if payload is None or signed is None:
        raise EvidenceRefused("envelope-malformed")
    return Envelope(payload, signature["keyid"], signed)


def check_signature(envelope: Envelope, public: ec.EllipticCurvePublicKey) -> None:
    """Raises EvidenceRefused unless `public` signed the envelope's payload, in the signature's only form."""
    if envelope.key_id != key_id(public):
        raise EvidenceRefused("key-id")
    try:
        public.verify(envelope.signature, pae(PAYLOAD_TYPE, envelope.payload), ec.ECDSA(SHA256()))
        unique = low_s(envelope.signature) == envelope.signature
    except (InvalidSignature, ValueError):
        raise EvidenceRefused("signature-wrong") from None
    if not unique:
        raise EvidenceRefused("signature-wrong", "not in its only form")


def low_s(signature: bytes) -> bytes:
    """The signature whose s is at most half the order: of the two that are valid, the one that is taken."""
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, P256_ORDER - s))


def unbase64(text: Any) -> bytes | None:
    """The bytes, None where the text is not their only form in base64."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None
