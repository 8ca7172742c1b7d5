"""Requests of microcontrollers for tests: one that is right, and what is needed to make wrong ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AttributeOID, NameOID

from workbench.identity.mcu.checks import Check, check_mcu_request
from workbench.identity.mcu.request import CheckedMcu, McuPolicy, McuRequest, enrolment_mac

NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CHIP: Final = bytes.fromhex("0011223344556677")
NONCE: Final = hashlib.sha256(b"a nonce").digest()
SECRET: Final = hashlib.sha256(b"a one-time secret").digest()
POLICY: Final = McuPolicy(models=frozenset({"micro-1"}))
KEY: Final = ec.generate_private_key(ec.SECP256R1())


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half as an uncompressed point."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def spki_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half as SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def csr_of(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY,
    *,
    subject: x509.Name | None = None,
    mac: str | None = None,
    attributes: tuple[tuple[x509.ObjectIdentifier, bytes], ...] | None = None,
    extensions: bool = False,
    algorithm: SHA256 | SHA384 | None = None,
    chip: bytes = CHIP,
    nonce: bytes = NONCE,
    secret: bytes = SECRET,
) -> bytes:
    """A request as the firmware makes it, as far as nothing else is said."""
    if subject is None:
        subject = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, chip.hex())])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if attributes is None:
        point = point_of(key) if isinstance(key, ec.EllipticCurvePrivateKey) else b""
        value = enrolment_mac(secret, nonce, chip, point) if mac is None else mac
        attributes = ((AttributeOID.CHALLENGE_PASSWORD, value.encode()),)
    for oid, value_bytes in attributes:
        builder = builder.add_attribute(oid, value_bytes)
    if extensions:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, algorithm or SHA256()).public_bytes(Encoding.DER)


@dataclass(frozen=True)
class Told:
    """Everything that the checks are given."""

    request: McuRequest
    policy: McuPolicy = POLICY
    nonce: bytes = NONCE
    secret: bytes = SECRET
    now: datetime = NOW

    def with_request(self, **changes: Any) -> Told:
        """The same with another request."""
        return replace(self, request=replace(self.request, **changes))

    def check(self, checks: tuple[Check, ...] | None = None) -> CheckedMcu:
        """As a CA does it."""
        return check_mcu_request(self.request, self.policy, self.nonce, self.secret, self.now, checks)


def right(**changes: Any) -> Told:
    """A request that must be accepted, but for the changes."""
    request = McuRequest(
        request_id="6f1c2f6e-0d5a-4c6c-9a55-0f5f5d3f1a10",
        serial="S1",
        model="micro-1",
        station="station-1",
        chip_id=CHIP,
        csr=csr_of(),
        key_origin="on-chip",
        station_time=int(NOW.timestamp()),
    )
    return Told(replace(request, **changes))
