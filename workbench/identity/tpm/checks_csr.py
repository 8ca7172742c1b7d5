"""Checks of the CSR's form, of its hash and signature, and of what it says beside the keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from workbench.identity.tpm import csr
from workbench.identity.tpm.case import Case, Check, check
from workbench.identity.tpm.csr import CsrParts
from workbench.identity.tpm.ek_certificate import strip_padding
from workbench.identity.tpm.errors import (
    CsrMalformed,
    IdentityRefused,
    TpmSignatureInvalid,
    TpmStructureMalformed,
)
from workbench.identity.tpm.public_key import verify_signature
from workbench.identity.tpm.structures import parse_signature

_NEEDED: Final = (
    "model",
    "serial",
    "iak_public",
    "idevid_public",
    "idevid_attest",
    "idevid_attest_signature",
)


def _form(name: str, reason: str, verify: Callable[[CsrParts], None]) -> Check[Case]:
    def run(case: Case) -> None:
        try:
            verify(case.csr)
        except CsrMalformed as error:
            raise IdentityRefused(reason, error.what) from None

    return Check(name, (reason,), run)


@check("csr-unreadable")
def csr_readable(case: Case) -> None:
    """It is long enough to have its headers, and not too long."""
    try:
        _ = case.csr
    except CsrMalformed as error:
        raise IdentityRefused("csr-unreadable", error.what) from None


@check("csr-field-missing")
def csr_fields_present(case: Case) -> None:
    """Every field that says who asks and what proves it."""
    missing = [name for name in _NEEDED if not getattr(case.csr.fields, name)]
    if missing:
        raise IdentityRefused("csr-field-missing", f"CSR: {', '.join(missing)} is empty")


@check("csr-serial-differs")
def csr_serial(case: Case) -> None:
    """prodSerial is the serial of the request."""
    if case.csr.fields.serial != case.request.serial.encode():
        raise IdentityRefused("csr-serial-differs", "CSR: prodSerial is not the request's serial number")


@check("csr-model-differs")
def csr_model(case: Case) -> None:
    """prodModel is the model of the request."""
    if case.csr.fields.model != case.request.model.encode():
        raise IdentityRefused("csr-model-differs", "CSR: prodModel is not the request's model")


@check("csr-ca-data-differs")
def csr_ca_data(case: Case) -> None:
    """prodCaData is the authority's nonce, or empty."""
    if case.csr.fields.ca_data not in (b"", case.nonce.value):
        raise IdentityRefused("csr-ca-data-differs", "CSR: prodCaData is not this authority's nonce")


@check("csr-ek-certificate-differs")
def csr_ek_certificate(case: Case) -> None:
    """ekCert is the request's EK certificate, padding apart."""
    if _unpadded(case.csr.fields.ek_cert) != _unpadded(case.request.ek_cert or b""):
        raise IdentityRefused("csr-ek-certificate-differs", "CSR: ekCert is not the request's EK certificate")


@check("csr-signature-malformed")
def csr_signature_form(case: Case) -> None:
    """The signature is a TPMT_SIGNATURE."""
    try:
        parse_signature(case.csr.signature)
    except TpmStructureMalformed as error:
        raise IdentityRefused("csr-signature-malformed", f"CSR: {error.what}") from None


@check("csr-signature-wrong")
def csr_signature(case: Case) -> None:
    """The IDevID signed the contents."""
    try:
        verify_signature(case.idevid.public, parse_signature(case.csr.signature), case.csr.contents)
    except TpmSignatureInvalid as error:
        raise IdentityRefused("csr-signature-wrong", f"CSR: {error.what}") from None


def _unpadded(data: bytes) -> bytes:
    try:
        return strip_padding(data)
    except TpmStructureMalformed:
        return data


CSR_CHECKS: Final[tuple[Check[Case], ...]] = (
    csr_readable,
    _form("csr_outer_version", "csr-outer-version", csr.verify_outer_version),
    _form("csr_whole", "csr-truncated", csr.verify_whole),
    _form("csr_end", "csr-trailing-bytes", csr.verify_end),
    _form("csr_version", "csr-version", csr.verify_version),
    _form("csr_hash_algorithm", "csr-hash-algorithm", csr.verify_hash_algorithm),
    _form("csr_sizes", "csr-sizes", csr.verify_sizes),
    _form("csr_padding", "csr-padding", csr.verify_padding),
    _form("csr_hash", "csr-hash-wrong", csr.verify_hash),
    csr_fields_present,
    csr_serial,
    csr_model,
    csr_ca_data,
    csr_ek_certificate,
)
SIGNATURE_CHECKS: Final[tuple[Check[Case], ...]] = (csr_signature_form, csr_signature)
