"""Which endorsement keys a CA trusts, from `[tpm]` in its ca.toml and the files that are named there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from workbench.identity.ca.ca_file import Tpm
from workbench.identity.ca.errors import CaFolderInvalid
from workbench.identity.tpm.policy import CrlMode, EkMode, EkPolicy

MAX_FILE_BYTES: Final = 4 << 20
_CRL_END: Final = b"-----END X509 CRL-----"


def ek_policy(folder: Path, settings: Tpm) -> EkPolicy:
    """The policy; a CA that was told of nothing trusts nothing.  Raises CaFolderInvalid.

    In the file of vendors, certificates that name themselves as issuer are pinned, others only help to find
    the way to them.
    """
    found = () if settings.vendor_roots is None else _certificates(folder / settings.vendor_roots)
    roots = tuple(cert for cert in found if cert.issuer == cert.subject)
    listed = settings.without_certificate == "allow-list"
    if not roots and not listed:
        return EkPolicy(mode=EkMode.REFUSE)
    return EkPolicy(
        mode=EkMode.ALLOW_LIST if listed else EkMode.REQUIRE_CERTIFICATE,
        roots=tuple(_der(cert) for cert in roots),
        intermediates=tuple(_der(cert) for cert in found if cert not in roots),
        allow_list=frozenset(settings.ek_allow_list),
        templates=frozenset(settings.ek_templates) or None,
        crl_mode=CrlMode(settings.revocation),
        crls=() if settings.vendor_crls is None else _crls(folder / settings.vendor_crls),
    )


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError as error:
        raise _wrong(path, str(error)) from error


def _crls(path: Path) -> tuple[bytes, ...]:
    parts = _read(path).split(_CRL_END)[:-1]
    try:
        return tuple(x509.load_pem_x509_crl(part + _CRL_END).public_bytes(Encoding.DER) for part in parts)
    except ValueError as error:
        raise _wrong(path, str(error)) from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _wrong(path, error.strerror or str(error)) from error
    if len(data) > MAX_FILE_BYTES:
        raise _wrong(path, f"it has more than {MAX_FILE_BYTES} bytes")
    return data


def _wrong(path: Path, why: str) -> CaFolderInvalid:
    return CaFolderInvalid(
        f"what the TPM vendors published cannot be read from {path}: {why}",
        cause="a file that was moved or changed, or is not in PEM form",
        action="put the vendors' certificates or CRLs there in PEM form, or correct [tpm] in ca.toml",
    )
