"""The vendor of a bench's virtual TPMs: a CA of its own that says which endorsement keys are genuine.

TCG EK Credential Profile 2.x: an empty subject, the TPM named in the subject alternative name, the EK
extended key usage.  A real vendor's CA does the same for silicon; this one vouches for software.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

ROOTS_FILE: Final = "roots.pem"
"""What a product pins: the vendor's root certificate."""
KEY_FILE: Final = "vendor.key"
LIFE: Final = timedelta(days=365 * 30)

EKU_EK: Final = ObjectIdentifier("2.23.133.8.1")
TPM_MANUFACTURER: Final = ObjectIdentifier("2.23.133.2.1")
TPM_MODEL: Final = ObjectIdentifier("2.23.133.2.2")
TPM_VERSION: Final = ObjectIdentifier("2.23.133.2.3")
SUBJECT_DIRECTORY_ATTRIBUTES: Final = ObjectIdentifier("2.5.29.9")
TPM_SPECIFICATION: Final = bytes.fromhex("301930170605678105021031 0e300c0c03322e30020100020200a4")
"""SubjectDirectoryAttributes: tpmSpecification (2.23.133.2.16) { "2.0", level 0, revision 164 }."""

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Vendor:
    """The vendor's CA."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certify(self, key: PublicKey, version: str) -> bytes:
        """EK certificate, DER.  `version` is the TPM's firmware version, 8 hexadecimal digits."""
        is_rsa = isinstance(key, rsa.RSAPublicKey)
        builder = _builder(x509.Name([]), self.certificate.subject, key)
        named = x509.Name(
            [
                x509.NameAttribute(TPM_MANUFACTURER, "id:49424D00"),
                x509.NameAttribute(TPM_MODEL, "swtpm"),
                x509.NameAttribute(TPM_VERSION, f"id:{version}"),
            ]
        )
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DirectoryName(named)]), critical=True)
            .add_extension(_usage(key_encipherment=is_rsa, key_agreement=not is_rsa), critical=True)
            .add_extension(x509.ExtendedKeyUsage([EKU_EK]), critical=False)
            .add_extension(issuer, critical=False)
            .add_extension(
                x509.UnrecognizedExtension(SUBJECT_DIRECTORY_ATTRIBUTES, TPM_SPECIFICATION), critical=False
            )
            .sign(self.key, hashes.SHA384())
            .public_bytes(serialization.Encoding.DER)
        )


def open_vendor(folder: Path) -> Vendor:
    """The vendor whose CA is in `folder`, made if it is not there yet.  Raises OSError, ValueError."""
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if not (folder / ROOTS_FILE).exists():
            _make(folder)
        key = serialization.load_pem_private_key((folder / KEY_FILE).read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((folder / ROOTS_FILE).read_bytes())
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{folder / KEY_FILE} is not the key of a virtual TPM vendor")
    return Vendor(certificate, key)


def _make(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "TEST virtual TPM vendor"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"TEST virtual TPM root {secrets.token_hex(4)}"),
        ]
    )
    public = key.public_key()
    certificate = (
        _builder(name, name, public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA384())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(folder / KEY_FILE, secret, 0o600)
    _write(folder / ROOTS_FILE, certificate.public_bytes(pem), 0o644)


def _builder(subject: x509.Name, issuer: x509.Name, key: PublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFE)
    )


def _usage(
    *,
    key_encipherment: bool = False,
    key_agreement: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=key_agreement,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Wholly or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
