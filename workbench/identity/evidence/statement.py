"""From an enrolment's content to the statement that is signed.  Pure; secrets are refused on the way."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from workbench.identity.evidence.content import Content
from workbench.identity.evidence.schema import PREDICATE, PREDICATE_TYPE, STATEMENT_TYPE, conforms
from workbench.identity.storable import ValueNotStorable, storable


@dataclass(frozen=True, slots=True)
class Place:
    """Where the evidence will stand in the station's log: its line, and the SHA-256 of the line before."""

    line: int
    prev: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, and when: DER certificates from the signer's to the root's; RFC 3339 in UTC."""

    chain: tuple[bytes, ...]
    signed_at: str


def statement_of(
    content: Content, place: Place, signer: Signer, secrets: tuple[bytes, ...] = ()
) -> dict[str, Any]:
    """The in-toto Statement v1; raises SecretRefused, ValueNotStorable."""
    told = asdict(content)
    certificates = told.pop("certificates")
    predicate = _nulls(storable(told, secrets))
    predicate["certificates"] = [
        {**certificate, "der": base64.b64encode(certificate["der"]).decode()} for certificate in certificates
    ]
    predicate["log"] = {"line": place.line, "prev": place.prev}
    predicate["signer"] = {
        "chain": [base64.b64encode(der).decode() for der in signer.chain],
        "signed_at": signer.signed_at,
    }
    if not conforms(predicate, PREDICATE):
        wrong = [name for name, form in PREDICATE.items() if not conforms(predicate.get(name), form)]
        raise ValueNotStorable(f"evidence cannot say this: {', '.join(wrong)}")
    return {
        "_type": STATEMENT_TYPE,
        "predicate": predicate,
        "predicateType": PREDICATE_TYPE,
        "subject": subjects_of(predicate),
    }


def subjects_of(predicate: dict[str, Any]) -> list[dict[str, Any]]:
    """What the statement is about: the label with its chip, and each certificate."""
    unit = predicate["unit"]
    names = [f"unit:{unit['model']}/{unit['serial']}"]
    digests = [sha256(unit["hardware_id"].encode()).hexdigest()]
    for certificate in predicate["certificates"]:
        names.append(f"certificate:{certificate['role']}")
        digests.append(sha256(base64.b64decode(certificate["der"])).hexdigest())
    return [{"digest": {"sha256": digest}, "name": name} for name, digest in zip(names, digests, strict=True)]


def _nulls(value: Any) -> Any:
    """Empty texts as null: the statement says that there is nothing."""
    if isinstance(value, dict):
        return {key: _nulls(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_nulls(item) for item in value]
    return None if value == "" else value
