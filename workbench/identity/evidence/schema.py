"""What a statement about a unit's identity consists of, as data, and the check against it.  Pure."""

from __future__ import annotations

import re
from typing import Any, Final

from workbench.identity.state import ORDER

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://workbench.invalid/evidence/unit-identity/v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"

MAX_LIST: Final = 1000
MAX_TEXT: Final = 4096
MAX_DER: Final = 16_384
"""Longest certificate, in characters of base64."""

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)

ENVELOPE: Final[dict[str, Any]] = {
    "payload": "blob",
    "payloadType": "text",
    "signatures": [{"keyid": "sha256", "sig": "base64"}],
}
STATEMENT: Final[dict[str, Any]] = {
    "_type": "text",
    "predicate": "object",
    "predicateType": "text",
    "subject": [{"digest": {"sha256": "sha256"}, "name": "text"}],
}
PREDICATE: Final[dict[str, Any]] = {
    "certificates": [{"der": "base64", "read_back_sha256": "sha256?", "role": "text"}],
    "flashed": [
        {"name": "text", "sha256": "sha256", "size_bytes": "count", "version": "text?", "where": "text?"}
    ],
    "intended": "object",
    "keys": [
        {
            "algorithm": "text?",
            "details": "object",
            "origin": "origin",
            "role": "text",
            "spki_sha256": "sha256",
        }
    ],
    "log": {"line": "count", "prev": "sha256"},
    "observed": "object",
    "run_id": "text?",
    "signer": {"chain": ["base64"], "signed_at": "time"},
    "station": "text",
    "times": {"ca_time": "time?", "finished": "time", "started": "time", "tpm_clock": "object?"},
    "tried": [
        {"act": "text", "details": "object", "expected": "text", "observed": "text", "outcome": "outcome"}
    ],
    "unit": {
        "ek_cert_sha256": "sha256?",
        "ek_trust": "text?",
        "enforced_by": "text?",
        "hardware_id": "text",
        "kind": "kind",
        "ledger_state": "state",
        "model": "text",
        "request_id": "text",
        "serial": "text",
        "target": "text",
        "unit_id": "text",
    },
    "versions": "texts",
}
"""A question mark: may be null.  `objects` are free, everything else has exactly these names."""

_CHOICES: Final = {
    "origin": {"tpm", "on-chip", "injected"},
    "outcome": {"held", "broken", "shown", "not-tried"},
    "kind": {"tpm", "mcu"},
    "state": {str(state) for state in ORDER},
}


def conforms(value: Any, form: Any) -> bool:
    """Whether `value` has just the form."""
    if isinstance(form, dict):
        return (
            isinstance(value, dict)
            and value.keys() == form.keys()
            and all(conforms(value[key], form[key]) for key in form)
        )
    if isinstance(form, list):
        return isinstance(value, list) and len(value) <= MAX_LIST and all(conforms(v, form[0]) for v in value)
    if form.endswith("?"):
        return value is None or conforms(value, form[:-1])
    if form == "object":
        return isinstance(value, dict)
    if form == "texts":
        return isinstance(value, dict) and all(conforms(item, "text?") for item in value.values())
    if form == "count":
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53
    return isinstance(value, str) and _is(value, form)


def _is(value: str, form: str) -> bool:
    if form in _CHOICES:
        return value in _CHOICES[form]
    if form == "sha256":
        return _SHA256.fullmatch(value) is not None
    if form == "time":
        return _TIME.fullmatch(value) is not None
    if form in ("base64", "blob"):
        return (form == "blob" or len(value) <= MAX_DER) and _BASE64.fullmatch(value) is not None
    return 0 < len(value) <= MAX_TEXT and not _SURROGATE.search(value)
