"""Decides whether evidence is to be believed.  Pure: bytes in, what it says or EvidenceRefused out.

`scripts/verify_evidence.py` decides the same without the workbench; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from workbench.identity.evidence import canonical, dsse
from workbench.identity.evidence.chain import check_chain, check_signer, is_issued_by, read_certificate
from workbench.identity.evidence.errors import EvidenceRefused
from workbench.identity.evidence.log import Entry, check_place
from workbench.identity.evidence.schema import (
    PREDICATE,
    PREDICATE_TYPE,
    STATEMENT,
    STATEMENT_TYPE,
    conforms,
)
from workbench.identity.evidence.statement import subjects_of


@dataclass(frozen=True, slots=True)
class Verified:
    """Evidence that is to be believed."""

    sha256: str
    """Of the file."""
    predicate: dict[str, Any]
    """What it says, in the form of `schema.PREDICATE`."""
    signer: str
    """Name of the station's certificate."""
    root_sha256: str
    broken: tuple[str, ...]
    """Acts that were to fail and did not, or were to hold and did not: authentic, but not a good unit."""
    not_tried: tuple[str, ...]
    in_log: bool
    """Whether a log was given, and has it."""


def verify_evidence(
    data: bytes,
    roots: Iterable[bytes],
    log: Iterable[Entry] | None = None,
    *,
    require_held: bool = False,
) -> Verified:
    """What the evidence in `data` says.

    `roots`: DER certificates, one of which the chain must end at.  `log`: the station's, read by `read_log`.
    `require_held`: refuse evidence that tells of a broken act, of one that was not tried, or of none that
    held.  Raises EvidenceRefused with its reason.
    """
    envelope = dsse.unseal(data)
    statement = _statement(envelope.payload)
    predicate = statement["predicate"]
    chain = _bytes(predicate["signer"]["chain"], "chain-malformed")
    path = check_chain(chain, roots, _moment(predicate["signer"]["signed_at"]))
    dsse.check_signature(envelope, check_signer(path[0]))
    _check_certificates(predicate, path[1:])
    if statement["subject"] != subjects_of(predicate):
        raise EvidenceRefused("subject-mismatch")
    digest = sha256(data).hexdigest()
    if log is not None:
        check_place(log, digest, predicate, sha256(chain[0]).hexdigest())
    broken = tuple(tried["act"] for tried in predicate["tried"] if tried["outcome"] == "broken")
    if require_held:
        _check_held([tried["outcome"] for tried in predicate["tried"]], broken)
    return Verified(
        sha256=digest,
        predicate=predicate,
        signer=path[0].subject.rfc4514_string(),
        root_sha256=sha256(chain[-1]).hexdigest(),
        broken=broken,
        not_tried=tuple(tried["act"] for tried in predicate["tried"] if tried["outcome"] == "not-tried"),
        in_log=log is not None,
    )


def _check_held(outcomes: list[str], broken: tuple[str, ...]) -> None:
    if broken:
        raise EvidenceRefused("act-broken", ", ".join(broken))
    if "held" not in outcomes or "not-tried" in outcomes:
        raise EvidenceRefused("act-missing")


def read_statement(data: bytes) -> dict[str, Any]:
    """The statement in the form that it must have, believed by nobody yet; raises EvidenceRefused."""
    return _statement(dsse.unseal(data).payload)


def _statement(payload: bytes) -> dict[str, Any]:
    try:
        found = canonical.decode(payload)
    except ValueError:
        raise EvidenceRefused("statement-malformed") from None
    if not conforms(found, STATEMENT) or found["_type"] != STATEMENT_TYPE:
        raise EvidenceRefused("statement-malformed")
    if found["predicateType"] != PREDICATE_TYPE:
        raise EvidenceRefused("predicate-type")
    if not conforms(found["predicate"], PREDICATE):
        raise EvidenceRefused("predicate-malformed")
    statement: dict[str, Any] = found
    return statement


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise EvidenceRefused("predicate-malformed") from None


def _bytes(texts: Iterable[str], reason: str) -> list[bytes]:
    found = [dsse.unbase64(text) for text in texts]
    if any(data is None for data in found):
        raise EvidenceRefused(reason)
    return [data for data in found if data is not None]


def _check_certificates(predicate: dict[str, Any], issuers: list[x509.Certificate]) -> None:
    """Each is from this CA, for this unit and the key that has its role, and is what was read back."""
    unit, keys = predicate["unit"], {key["role"]: key["spki_sha256"] for key in predicate["keys"]}
    roles = [certificate["role"] for certificate in predicate["certificates"]]
    if len(set(roles)) != len(roles) or len(keys) != len(predicate["keys"]):
        raise EvidenceRefused("predicate-malformed")
    ders = _bytes([found["der"] for found in predicate["certificates"]], "certificate-foreign")
    for told, der in zip(predicate["certificates"], ders, strict=True):
        try:
            certificate = read_certificate(der)
        except ValueError:
            raise EvidenceRefused("certificate-foreign", told["role"]) from None
        if (
            not any(is_issued_by(certificate, issuer) for issuer in issuers)
            or _spki_sha256(certificate) != keys.get(told["role"])
            or not set(_serials(certificate)) <= {unit["serial"], unit["hardware_id"]}
        ):
            raise EvidenceRefused("certificate-foreign", told["role"])
        if told["read_back_sha256"] not in (None, sha256(der).hexdigest()):
            raise EvidenceRefused("certificate-not-stored", told["role"])


def _spki_sha256(certificate: x509.Certificate) -> str:
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(public).hexdigest()


def _serials(certificate: x509.Certificate) -> list[str]:
    named = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    return [str(attribute.value) for attribute in named]
