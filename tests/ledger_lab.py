"""Claims, keys and certificates for tests of the ledger, made when they are needed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from workbench.identity.ledger import Ledger, Unit, UnitClaim

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def digest(words: str) -> str:
    """A SHA-256 that stands for a thing of that name."""
    return sha256(words.encode()).hexdigest()


def claim_of(serial: str, chip: str, **more: Any) -> UnitClaim:
    """A TPM unit with that label and a chip of that name."""
    values = {"kind": "tpm", "model": "m1", "target": "tpm-board", "station": "s1"} | more
    return UnitClaim(serial=serial, hardware_id=digest(chip), **values)


@cache
def key_of(name: str) -> ec.EllipticCurvePrivateKey:
    """The key of that name: the same one in every process, and worth nothing outside of tests."""
    return ec.derive_private_key(int(digest(f"test key {name}")[:62], 16), ec.SECP256R1())


def spki_of(name: str) -> str:
    """Its SubjectPublicKeyInfo's SHA-256."""
    public = key_of(name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(public).hexdigest()


@cache
def certificate_of(name: str, number: int = 1) -> bytes:
    """A certificate for that key, in DER; `number` tells several apart."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"TEST {name}")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key_of(name).public_key())
        .serial_number(number)
        .not_valid_before(BEGAN)
        .not_valid_after(BEGAN + timedelta(days=1))
    )
    return builder.sign(key_of(name), SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)


def enrol(ledger: Ledger, claim: UnitClaim, key: str, rma: str | None = None) -> Unit:
    """The whole way of a unit whose keys have these names."""
    unit = ledger.claim(claim, rma)
    names = {"idevid": f"{key}/idevid", "iak": f"{key}/iak"}
    act = ledger.intend(unit.unit_id, "make-keys", {"template": "H-2"})
    ledger.observe(act, {"name_sha256": digest(key)})
    ledger.keyed(
        unit.unit_id, {role: spki_of(name) for role, name in names.items()}, "tpm", {"template": "H-2"}
    )
    ledger.requested(unit.unit_id, digest(f"csr of {key} {unit.unit_id}"))
    number = int(sha256(unit.unit_id.encode()).hexdigest()[:15], 16)
    certificates = {role: certificate_of(name, number) for role, name in names.items()}
    ledger.certified(unit.unit_id, certificates)
    ledger.locked(unit.unit_id, {"clear": "0x120"})
    return ledger.verified(unit.unit_id, digest(f"evidence of {unit.unit_id}"))
