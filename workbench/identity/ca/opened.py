"""Opens a CA's folder for work: settings, certificates, keys, store; each must fit the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from workbench.identity.ca.authority import Authority
from workbench.identity.ca.ca_file import (
    DATABASE,
    ISSUING_CERTIFICATE,
    PROFILES,
    ROOT_CERTIFICATE,
    read_ca_file,
)
from workbench.identity.ca.certify import Certifier, spki_sha256
from workbench.identity.ca.clock_guard import ClockGuard
from workbench.identity.ca.errors import CaFolderInvalid, CaKeyUnavailable
from workbench.identity.ca.key_store import open_secret_key, open_signing_key
from workbench.identity.ca.manual import Manual
from workbench.identity.ca.store import Store
from workbench.identity.ca.units import Units
from workbench.identity.ca.vendors import ek_policy
from workbench.identity.certificates.lint import lint, refuse_findings
from workbench.identity.certificates.production import known_key_hashes
from workbench.identity.certificates.profile import load_profile

MAX_CERTIFICATE_BYTES = 16 << 10


@dataclass(frozen=True, slots=True)
class Opened:
    """A CA that can work."""

    authority: Authority
    units: Units
    manual: Manual


def read_certificate(path: Path) -> x509.Certificate:
    """The certificate (PEM) in a file; raises CaFolderInvalid."""
    try:
        with path.open("rb") as file:
            return x509.load_pem_x509_certificate(file.read(MAX_CERTIFICATE_BYTES))
    except (OSError, ValueError) as error:
        raise CaFolderInvalid(f"{path} holds no certificate: {error}") from error


def read_chain(folder: Path) -> tuple[x509.Certificate, x509.Certificate]:
    """Issuing certificate and root; raises CaFolderInvalid where the one does not lead to the other."""
    issuing = read_certificate(folder / ISSUING_CERTIFICATE)
    root = read_certificate(folder / ROOT_CERTIFICATE)
    try:
        issuing.verify_directly_issued_by(root)
        root.verify_directly_issued_by(root)
    except Exception as error:  # InvalidSignature, ValueError, TypeError: one is not the other's issuer
        raise CaFolderInvalid(
            f"{folder}: {ISSUING_CERTIFICATE} was not issued by {ROOT_CERTIFICATE}",
            cause="one of the two files was replaced",
        ) from error
    return issuing, root


@contextmanager
def opened_ca(folder: Path, passphrase: bytes, *, clock: ClockGuard | None = None) -> Iterator[Opened]:
    """The CA, its keys open; raises CaFolderInvalid, CaFileInvalid, CaKeyUnavailable, CaStoreFailed."""
    settings = read_ca_file(folder)
    chain = read_chain(folder)
    call_s = settings.limits.key_call_s
    with ExitStack() as stack:
        key = open_signing_key(settings.keys.issuing, folder, passphrase, call_s=call_s)
        stack.callback(key.close)
        if spki_sha256(key.public_key) != _spki(chain[0]):
            raise CaKeyUnavailable(f"the issuing key is not the one of {folder / ISSUING_CERTIFICATE}")
        enrolment = open_secret_key(settings.keys.enrolment, folder, passphrase, call_s=call_s)
        stack.callback(enrolment.close)
        store = Store(folder / DATABASE)
        stack.callback(store.close)
        certifier = Certifier(store, chain[0], key, folder / PROFILES)
        _lint_issuing(chain)
        authority = Authority(folder, settings, store, certifier, enrolment, clock or ClockGuard(), chain)
        units = Units(authority, ek_policy(folder, settings.tpm), _refused_keys())
        yield Opened(authority, units, Manual(authority))


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate in hexadecimal."""
    return certificate.fingerprint(SHA256()).hex()


def _lint_issuing(chain: tuple[x509.Certificate, x509.Certificate]) -> None:
    """The CA's own certificate is held against its profile too; it also has the linters loaded in time."""
    profile = load_profile("issuing")
    refuse_findings(lint(chain[0], profile, chain[1]), profile)


def _spki(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    return spki_sha256(key)  # type: ignore[arg-type]


def _refused_keys() -> frozenset[bytes]:
    """Keys that everybody has: no unit may have one, whatever its CA is for."""
    return known_key_hashes()
