"""The head of a station's log of runs: its last line's number and SHA-256, by which the whole log is known.

Each unit's signed evidence holds the head of its time, and each report names it.  A log that was made anew
has other lines there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from workbench.errors import InputError
from workbench.identity.evidence.errors import EvidenceRefused
from workbench.identity.evidence.log import file_name
from workbench.identity.evidence.verify import Verified, verify_evidence
from workbench.station.evidence_log import LOG_FILE, UNITS, read_log_file
from workbench.station.run_log import MAX_LINE_BYTES, decode

OBSERVED: Final = "run_log"
"""Name of the head among what the evidence of a unit observed."""
MAX_KEPT_BYTES: Final = 1 << 26
"""Longest report in which a head is looked for."""
_HEAD: Final = re.compile(r"(?<!\d)(\d{1,9}):([0-9a-f]{64})(?![0-9a-f])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Head:
    """A line of a log: its number from 0, and its SHA-256 in hex."""

    line: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.line}:{self.sha256}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The head that the whole text is; None where it is none."""
        found = _HEAD.fullmatch(text.strip())
        return None if found is None else cls(int(found[1]), found[2])


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The newest head that the station signed: of which log, and in the evidence of which unit."""

    log_id: str
    head: Head
    serial: str
    signed_at: str


def last_head(log: Path) -> tuple[str, Head] | None:
    """A log's ID and its last whole line, which is on the disk when this returns; None where there is no log,
    or it cannot be read.
    """
    try:
        with log.open("rb") as file:
            first = decode(file.readline(MAX_LINE_BYTES))
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - 2 * MAX_LINE_BYTES))
            whole = file.read().rpartition(b"\n")[0]
            last = decode(whole.rpartition(b"\n")[2] + b"\n")
            os.fsync(file.fileno())
        return str(first.data["log_id"]), Head(last.line, last.sha256)
    except (OSError, ValueError, KeyError):
        return None


def observed_head(journals: Path) -> dict[str, object]:
    """What the evidence of a unit is to say of the log for that folder of journals; empty without a log."""
    from workbench.station.run_log_file import LOG_FILE as RUNS
    from workbench.station.run_log_file import RECORDED

    found = last_head(journals / RECORDED / RUNS)
    return {} if found is None else {OBSERVED: {"log_id": found[0], "head": str(found[1])}}


def signed_head(evidence: Path, roots: Iterable[bytes]) -> SignedHead | None:
    """The newest head in the station's evidence; None where none has one.

    `evidence`: the station's folder; `roots`: DER certificates, one of which the signer's chain ends at.
    Raises EvidenceRefused where evidence or its log is not to be believed, or lacks a file; OSError.
    """
    if not (evidence / LOG_FILE).exists():
        return None
    trusted, entries = list(roots), read_log_file(evidence / LOG_FILE)
    for entry in reversed(entries):
        if entry.kind != "evidence":
            continue
        name = file_name(entry.data["serial"], entry.data["evidence_sha256"])
        path = evidence / UNITS / name
        if not path.is_file():
            raise EvidenceRefused("log-lost-file", name)
        found = _signed(verify_evidence(path.read_bytes(), trusted, entries))
        if found is not None:
            return found
    return None


def kept_head(path: Path, roots: Iterable[bytes]) -> Head:
    """The head that somebody kept in a file: a report, or the signed evidence of a unit.

    Raises InputError where the file cannot be read, or holds no head or several; EvidenceRefused.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_KEPT_BYTES)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if data.startswith(b'{"payload":'):
        signed = _signed(verify_evidence(data, roots))
        found = set() if signed is None else {signed.head}
    else:
        text = data.decode("utf-8", "replace")
        found = {Head(int(line), sha256) for line, sha256 in _HEAD.findall(text)}
    if len(found) != 1:
        held = "holds no head of a log of runs" if not found else "holds several heads"
        raise InputError(f"{path} {held}", action="name a report, or give the head itself, LINE:SHA256")
    return found.pop()


def _signed(evidence: Verified) -> SignedHead | None:
    told = evidence.predicate["observed"].get(OBSERVED)
    if not isinstance(told, dict):
        return None
    head = Head.parse(str(told.get("head")))
    if head is None:
        return None
    unit, signer = evidence.predicate["unit"], evidence.predicate["signer"]
    return SignedHead(str(told.get("log_id")), head, unit["serial"], signer["signed_at"])
