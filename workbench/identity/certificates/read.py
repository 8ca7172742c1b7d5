"""Certificates from files, PEM or DER, and the issuer among them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from asn1crypto import pem
from cryptography import x509

from workbench.errors import InputError
from workbench.identity.certificates.profile import CertificateProfile
from workbench.identity.certificates.view import CertificateUnreadable, read_view
from workbench.toml_file import shown_text

MAX_FILE_BYTES: Final = 1 << 20
MAX_CERTIFICATES: Final = 64


class IssuerMissing(InputError):
    """The certificate of an issuer is not among those given."""

    code = "certificate-issuer-missing"
    default_cause = "the file holds the certificate alone"
    default_action = "name the issuer's certificate: --issuer FILE"


def read_certificates(path: Path) -> list[bytes]:
    """The certificates in a file, as DER, in its order; raises CertificateUnreadable."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise CertificateUnreadable(f"{shown_text(str(path))}: {why}") from error
    if len(content) > MAX_FILE_BYTES:
        raise CertificateUnreadable(f"{shown_text(str(path))} has more than {MAX_FILE_BYTES} bytes")
    return split_certificates(content, shown_text(str(path)))


def split_certificates(content: bytes, what: str = "the text") -> list[bytes]:
    """The certificates in PEM, or the one in DER; `what` is named in CertificateUnreadable."""
    if not pem.detect(content):
        return [content]
    try:
        found = [der for kind, _, der in pem.unarmor(content, multiple=True) if kind == "CERTIFICATE"]
    except (ValueError, TypeError) as error:
        raise CertificateUnreadable(f"{what} is damaged: {error}") from error
    if not 1 <= len(found) <= MAX_CERTIFICATES:
        raise CertificateUnreadable(f"{what} holds {len(found)} certificates")
    return found


def issuer_among(
    subject: bytes, others: Sequence[bytes], profile: CertificateProfile
) -> x509.Certificate | None:
    """The certificate in `others` that has the issuer's name, None for a root, which issued itself.

    Raises IssuerMissing.
    """
    wanted = read_view(subject)
    if profile.kind == "root" and wanted.issuer == wanted.subject:
        return None
    for other in others:
        if read_view(other).subject == wanted.issuer:
            try:
                return x509.load_der_x509_certificate(other)
            except ValueError as error:
                raise CertificateUnreadable("the issuer's certificate is not in strict DER") from error
    raise IssuerMissing("the certificate of its issuer is not there")
