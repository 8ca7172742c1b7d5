"""The station's log of evidence: what a line is, and whether a log is whole.  Pure.

A line is canonical JSON with its number and the SHA-256 of the line before it, newline included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from workbench.identity.evidence import canonical
from workbench.identity.evidence.errors import EvidenceRefused
from workbench.identity.evidence.schema import conforms

SCHEMA: Final = "workbench.evidence-log/1"
FIRST_PREV: Final = "0" * 64
MAX_LINE_BYTES: Final = 16_384
FORMS: Final[dict[str, dict[str, Any]]] = {
    "header": {"schema": "text", "station": "text"},
    "signer": {"certificate_sha256": "sha256", "key_id": "sha256"},
    "evidence": {"evidence_sha256": "sha256", "serial": "text", "unit_id": "text"},
}
"""What the `data` of each kind of line holds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log, and its own SHA-256."""

    line: int
    prev: str
    time: str
    kind: str
    data: dict[str, Any]
    sha256: str


def line_of(line: int, prev: str, time: str, kind: str, data: dict[str, Any]) -> bytes:
    """A line's bytes, newline included; raises ValueError for what a reader would refuse."""
    made = {"data": data, "kind": kind, "line": line, "prev": prev, "time": time}
    written = canonical.encode(made) + b"\n"
    if not _is_entry(made) or len(written) > MAX_LINE_BYTES:
        raise ValueError("not a line of the log")
    return written


def read_log(lines: Iterable[bytes]) -> list[Entry]:
    """All entries of a whole log, from its lines with their newlines; raises EvidenceRefused."""
    entries: list[Entry] = []
    prev = FIRST_PREV
    for line in lines:
        entry = entry_of(line)
        if (entry.line, entry.prev) != (len(entries), prev):
            raise EvidenceRefused("log-broken", f"line {len(entries)}")
        if (entry.kind == "header") != (not entries) or entry.data.get("schema", SCHEMA) != SCHEMA:
            raise EvidenceRefused("log-malformed", f"line {len(entries)}")
        entries.append(entry)
        prev = entry.sha256
    if not entries:
        raise EvidenceRefused("log-malformed", "it is empty")
    return entries


def entry_of(line: bytes) -> Entry:
    """One entry; raises EvidenceRefused."""
    try:
        if len(line) > MAX_LINE_BYTES or line[-1:] != b"\n":
            raise ValueError
        found = canonical.decode(line[:-1])
    except ValueError:
        raise EvidenceRefused(
            "log-malformed", "a line that is torn or was written by something else"
        ) from None
    if not _is_entry(found):
        raise EvidenceRefused("log-malformed", "a line of another kind")
    return Entry(**found, sha256=sha256(line).hexdigest())


def file_name(serial: str, evidence_sha256: str) -> str:
    """Name of an evidence file, which its entry in the log determines."""
    return f"{re.sub(r'[^A-Za-z0-9-]', '_', serial)[:64]}.{evidence_sha256[:16]}.json"


def check_place(
    entries: Iterable[Entry], evidence_sha256: str, predicate: Mapping[str, Any], signer_sha256: str
) -> None:
    """Raises EvidenceRefused unless the log has the evidence in the place, and with the words, of itself, and
    is that of its station and its signer, whose certificate has the SHA-256 `signer_sha256`.

    So the last entry is held as well, though no later one has its hash.
    """
    entries = list(entries)
    found = [entry for entry in entries if entry.data.get("evidence_sha256") == evidence_sha256]
    if not found:
        raise EvidenceRefused("log-lacks-it")
    place, unit = predicate["log"], predicate["unit"]
    data = {"evidence_sha256": evidence_sha256, "serial": unit["serial"], "unit_id": unit["unit_id"]}
    wanted = (place["line"], place["prev"], predicate["signer"]["signed_at"], data)
    if [(entry.line, entry.prev, entry.time, entry.data) for entry in found] != [wanted]:
        raise EvidenceRefused("log-elsewhere")
    signers = [e.data["certificate_sha256"] for e in entries[: place["line"]] if e.kind == "signer"]
    if entries[0].data["station"] != predicate["station"] or signers[-1:] != [signer_sha256]:
        raise EvidenceRefused("log-of-another")


def _is_entry(found: Any) -> bool:
    form = {"data": "object", "kind": "text", "line": "count", "prev": "sha256", "time": "time"}
    return conforms(found, form) and found["kind"] in FORMS and conforms(found["data"], FORMS[found["kind"]])
