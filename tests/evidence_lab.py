"""A CA, a station's signer and the evidence of a unit, made for tests; and both verifiers behind one face."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID, ObjectIdentifier

from workbench.identity.evidence.build import build_evidence
from workbench.identity.evidence.content import Certificate, Content, Flashed, Key, Times, Tried, UnitFacts
from workbench.identity.evidence.log import FIRST_PREV
from workbench.identity.evidence.statement import Place, Signer

SCRIPT = Path(__file__).parent.parent / "scripts" / "verify_evidence.py"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ENDS = BEGAN + timedelta(days=3650)
SIGNED_AT = "2026-02-03T04:05:06.700000Z"
SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def spki(key: ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(public).hexdigest()


def usage(**wanted: bool) -> x509.KeyUsage:
    names = [
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
    ]
    names += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: wanted.get(name, False) for name in names})


@dataclass
class Party:
    """A key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def certify(
    name: str,
    issuer: Party | None,
    extensions: list[tuple[x509.ExtensionType, bool]],
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    serial: str | None = None,
    begins: datetime = BEGAN,
    ends: datetime = ENDS,
) -> Party:
    """A certificate of that name by the issuer, or by itself."""
    key = key or new_key()
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, f"TEST {name}")]
    if serial is not None:
        attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial))
    subject = x509.Name(attributes)
    builder = x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
    builder = builder.issuer_name(issuer.certificate.subject if issuer else subject)
    builder = (
        builder.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return Party(key, builder.sign(issuer.key if issuer else key, SHA256()))


CA = [(usage(key_cert_sign=True, crl_sign=True), True)]
SIGNS: list[tuple[x509.ExtensionType, bool]] = [
    (usage(digital_signature=True), True),
    (x509.ExtendedKeyUsage([SIGNING]), False),
]


def ca(name: str, issuer: Party | None, path_length: int | None) -> Party:
    return certify(name, issuer, [(x509.BasicConstraints(True, path_length), True), *CA])


@dataclass
class Lab:
    """Root, issuing CA, the station's signer, and the keys of one unit."""

    root: Party = field(default_factory=lambda: ca("root", None, 1))
    issuing: Party = field(init=False)
    signer: Party = field(init=False)
    device: Party = field(init=False)

    def __post_init__(self) -> None:
        self.issuing = ca("issuing", self.root, 0)
        self.signer = certify("station s1", self.issuing, SIGNS)
        self.device = certify("unit", self.issuing, [(usage(digital_signature=True), True)], serial="A1")

    @property
    def chain(self) -> tuple[bytes, ...]:
        return (self.signer.der, self.issuing.der, self.root.der)

    def content(self, **more: Any) -> Content:
        """What is said of a good unit."""
        made = Content(
            unit=UnitFacts(
                unit_id="0b0e7d2c-7a34-4b8b-9a4e-1f1f0a1a5f00",
                kind="mcu",
                serial="A1",
                model="m1",
                hardware_id="0011223344556677",
                target="microbit-v1",
                request_id="7b0e7d2c-7a34-4b8b-9a4e-1f1f0a1a5f00",
                ledger_state="locked",
                enforced_by="emulator",
            ),
            station="s1",
            times=Times("2026-02-03T04:04:00Z", "2026-02-03T04:05:06Z"),
            flashed=(Flashed("bootloader", sha256(b"boot").hexdigest(), 4, "1.0.0", "0x0"),),
            keys=(Key("device", spki(self.device.key), "on-chip", "ecdsa-p256", {"rng": "healthy"}),),
            certificates=(Certificate("device", self.device.der, sha256(self.device.der).hexdigest()),),
            tried=(Tried("read-flash", "refused", "refused", "held"), Tried("read-gadget", "", "x", "shown")),
            intended={"lock": True},
            observed={"dbgstat": 2},
            versions={"workbench": "0.4.0", "bootloader": "1.0.0"},
            run_id="r1",
        )
        made = replace(made, tried=(made.tried[0], replace(made.tried[1], expected="refused")))
        return replace(made, **more)

    def build(
        self, content: Content | None = None, place: Place | None = None, signed_at: str = SIGNED_AT
    ) -> bytes:
        """Evidence by the station's signer."""
        return build_evidence(
            content or self.content(), place or Place(1, FIRST_PREV), Signer(self.chain, signed_at), self.sign
        )

    def sign(self, data: bytes) -> bytes:
        return self.signer.key.sign(data, ec.ECDSA(SHA256()))


def by_script(*arguments: str | Path) -> tuple[int, str]:
    """Exit code and reason of the stand-alone script; the reason is "" where it accepts."""
    command = [sys.executable, "-I", str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == "" or done.returncode == 2, done.stderr
    return done.returncode, done.stdout.split()[1] if done.returncode == 4 else ""
