"""pkilint's opinion of a certificate: RFC 5280 by itself, and against its issuer.

The only module that knows pkilint, which is slow to load: import it where it is needed.  Its validators
are built once and hold nothing of the certificates they saw.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from threading import Lock
from typing import Any, Final

from pkilint.loader import RFC5280CertificateDocumentLoader
from pkilint.pkix import certificate as pkix_certificate
from pkilint.pkix import extension, name
from pkilint.pkix.certificate import certificate_extension, certificate_key
from pkilint.validation import ValidationFindingSeverity as PkilintSeverity
from pkilint.validation import ValidatorContainer
from pyasn1_alt_modules import rfc5280

from workbench.identity.certificates.finding import Finding, Severity
from workbench.toml_file import shown_text

MAX_MESSAGE: Final = 400
"""Characters of a message: it may quote what it found."""

_LOCK: Final = Lock()
"""An issuer's documents are shared by the certificates that are held against it."""
_SEVERITIES: Final = {
    PkilintSeverity.FATAL: Severity.ERROR,
    PkilintSeverity.ERROR: Severity.ERROR,
    PkilintSeverity.WARNING: Severity.WARNING,
    PkilintSeverity.NOTICE: Severity.NOTICE,
}
"""pkilint's INFO and DEBUG tell of nothing wrong."""


def pkilint_findings(der: bytes, issuer: bytes | None, *, signed: bool = True) -> Iterator[Finding]:
    """What pkilint finds.  `issuer` is the issuer's certificate, None for a root, which issued itself."""
    yield from _asked(der, der if issuer is None else issuer, lambda found: _validate(found, signed=signed))


def pkilint_signature_findings(der: bytes, issuer: bytes) -> Iterator[Finding]:
    """What pkilint finds of the signature alone, of a certificate whose other bytes it has seen."""
    yield from _asked(der, issuer, lambda found: [*_signature().validate(found["subject"].root)])


def _asked(der: bytes, issuer: bytes, ask: Callable[[dict[str, Any]], list[Any]]) -> list[Finding]:
    logging.getLogger("pkilint").setLevel(logging.CRITICAL)
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            documents = _with_issuer(issuer)
            documents["subject"] = _load(der, "subject", documents)
        except ValueError as error:
            return [Finding("pkilint.unreadable", Severity.ERROR, str(error), "pkilint", "pkilint")]
        return list(_findings(ask(documents)))


@lru_cache(maxsize=4)
def _with_issuer(der: bytes) -> dict[str, Any]:
    """Documents by which pkilint's rules find each other: the issuer, decoded; the subject is put beside it.

    Findings about the issuer are not asked for here.
    """
    documents: dict[str, Any] = {}
    documents["issuer"] = _load(der, "issuer", documents)
    _decoders().validate(documents["issuer"].root)
    return documents


def _validate(documents: dict[str, Any], *, signed: bool) -> list[Any]:
    results = [*_certificate().validate(documents["subject"].root)]
    results += _issuer().validate(documents["issuer"].root)
    if signed:
        results += _signature().validate(documents["subject"].root)
    return results


def _load(der: bytes, name_: str, documents: dict[str, Any]) -> Any:
    return RFC5280CertificateDocumentLoader().load_der_document(der, name_, name_, documents)


def _findings(results: list[Any]) -> Iterator[Finding]:
    for result in results:
        for described in result.finding_descriptions:
            severity = _SEVERITIES.get(described.finding.severity)
            if severity is not None:
                message = shown_text(described.message or f"at {result.node.path}", MAX_MESSAGE)
                yield Finding(described.finding.code, severity, message, "pkilint", "pkilint")


@cache
def _certificate() -> Any:
    """RFC 5280 of a certificate by itself."""
    return pkix_certificate.create_pkix_certificate_validator_container(
        pkix_certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        ),
        [
            pkix_certificate.create_issuer_validator_container([]),
            pkix_certificate.create_validity_validator_container(),
            pkix_certificate.create_subject_validator_container([]),
            pkix_certificate.create_extensions_validator_container([]),
            pkix_certificate.create_spki_validator_container([]),
        ],
    )


@cache
def _decoders() -> Any:
    """What the rules about the issuer need to have decoded; findings about the issuer are not ours here."""
    decoders = pkix_certificate.create_decoding_validators(
        name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
    )
    return ValidatorContainer(validators=decoders, path="certificate")


@cache
def _issuer() -> Any:
    """Names and key identifiers of issuer and subject, byte by byte."""
    return ValidatorContainer(
        validators=[
            name.IssuerSubjectNameBinaryEqualValidator(
                path="certificate.tbsCertificate.subject",
                subject_document_issuer_dn_path="subject:certificate.tbsCertificate.issuer",
            ),
            extension.IssuerSubjectKeyIdentifierBinaryEqualValidator(
                subject_auth_key_id_retriever=_authority_key_identifier
            ),
            certificate_extension.IssuerSubjectPolicyChainValidator(),
        ]
    )


def _authority_key_identifier(node: Any) -> Any:
    subject = node.document.parent["subject"] if isinstance(node.document.parent, dict) else None
    return subject.get_extension_by_oid(rfc5280.id_ce_authorityKeyIdentifier) if subject else None


@cache
def _signature() -> Any:
    return ValidatorContainer(
        validators=[
            certificate_key.SubjectSignatureVerificationValidator(
                tbs_node_retriever=lambda node: node.navigate("^.tbsCertificate"),
                path="certificate.signature",
            )
        ]
    )
