"""A unit's identity and history as lines.  Pure, but for certificates, which are parsed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from workbench.identity.ledger import Act, HistoryEntry, Unit
from workbench.identity.state import next_for
from workbench.station.lots.values import UnitHistory, UnitRow
from workbench.station.records import RunSummary
from workbench.tui.engineer.texts import seconds
from workbench.wires.clean import clean_line


@dataclass(frozen=True, slots=True)
class Told:
    """What ledger, lots and records know of a unit; `unit` is None where it has no identity, `row` what a lot
    says of one without.
    """

    unit: Unit | None
    acts: tuple[Act, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    runs: tuple[RunSummary, ...] = ()
    attempts: tuple[str, ...] = ()
    row: UnitRow | None = None


def identity_lines(unit: Unit) -> Iterator[str]:
    """State, what comes next, names, keys."""
    yield f"state        {unit.state}{f': {clean_line(unit.reason)}' if unit.reason else ''}"
    yield f"next         {next_for(unit.state, open_acts=unit.open_acts).words}"
    yield f"unit         {unit.unit_id}, {unit.kind}, model {unit.model}, target {unit.target}"
    yield f"hardware     {unit.hardware_id}"
    yield f"request      {unit.request_id}"
    if unit.rma:
        yield f"rma          {unit.rma}, in place of request {', '.join(unit.replaces)}"
    if unit.ek_cert_sha256:
        yield f"EK cert      {unit.ek_cert_sha256}"
    for role, digest in sorted(unit.keys.items()):
        yield f"key          {role}: {digest} ({unit.origin})"
    if unit.lock_observed is not None:
        yield f"lock seen    {brief(unit.lock_observed)}"
    if unit.evidence_sha256:
        yield f"evidence     {unit.evidence_sha256}"


def certificate_lines(unit: Unit) -> Iterator[str]:
    """Each certificate: subject, issuer, number, dates, fingerprint."""
    for role, der in sorted(unit.certificates.items()):
        yield from _certificate(role, der)


def _certificate(role: str, der: bytes) -> Iterator[str]:
    from cryptography import x509

    digest = sha256(der).hexdigest()
    try:
        found = x509.load_der_x509_certificate(der)
        subject, issuer = found.subject.rfc4514_string(), found.issuer.rfc4514_string()
    except ValueError:
        yield f"{role:<12} {len(der)} bytes that are no certificate, SHA-256 {digest}"
        return
    yield f"{role:<12} {clean_line(subject)}"
    yield f"  issuer     {clean_line(issuer)}"
    yield f"  number     {found.serial_number:x}"
    yield f"  valid      {found.not_valid_before_utc:%Y-%m-%d} to {found.not_valid_after_utc:%Y-%m-%d}"
    yield f"  SHA-256    {digest}"


def act_lines(acts: Sequence[Act]) -> Iterator[str]:
    """Irreversible acts: what was intended, and what was observed."""
    for act in acts:
        seen = "NOT OBSERVED" if act.observed is None else brief(act.observed) or "nothing more"
        yield f"{moment(act.intended_at)}  {act.act}: {brief(act.intent)}"
        yield f"  observed   {seen}"


def history_lines(history: Sequence[HistoryEntry]) -> Iterator[str]:
    """Everything that happened, oldest first."""
    for entry in history:
        yield f"{moment(entry.time)}  {clean_line(entry.what)}, {entry.state}, station {entry.station}"


def attempt_lines(history: UnitHistory) -> Iterator[str]:
    """Where the unit is now, and what was tried with it in lots, the newest first."""
    unit = history.unit
    yield f"now          {unit.state} in lot {unit.lot}{f': {clean_line(unit.note)}' if unit.note else ''}"
    for tried in reversed(history.attempts):
        ended = (tried.verdict or "not ended") + (f" {tried.error_code}" if tried.error_code else "")
        by = f", {clean_line(tried.operator)}" if tried.operator else ""
        yield (
            f"{moment(tried.started_at)}  {tried.number}. in lot {tried.lot}, {tried.station} "
            f"{tried.slot or ''}{by}: {ended}, run {tried.run_id[:8]}"
        )


def run_lines(runs: Sequence[RunSummary]) -> Iterator[str]:
    """The runs that saw it, the newest first."""
    for run in runs:
        code = f" {run.error['code']}" if run.error else ""
        yield (
            f"{moment(run.started_at)}  {run.verb} in {run.slot or 'no slot'}: {run.verdict}{code}, "
            f"{seconds(run.elapsed_s)}, run {run.run_id[:8]}"
        )


def brief(told: Mapping[str, Any]) -> str:
    """Names and values on one line."""
    return clean_line(", ".join(f"{name} {value}" for name, value in told.items()), max_chars=160)


def moment(time: datetime) -> str:
    """A time as people here read it."""
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"
