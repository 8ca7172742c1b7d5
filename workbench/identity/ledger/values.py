"""What goes into the ledger and comes out of it: frozen values, checked when they are made.  Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from workbench.identity.labels import fits_certificate
from workbench.identity.ledger.errors import LedgerValueInvalid
from workbench.identity.state import State

UnitKind = Literal["tpm", "mcu"]
Origin = Literal["tpm", "on-chip", "injected"]
IdentifierKind = Literal["serial", "hardware-id", "ek-certificate", "key", "csr", "certificate", "request-id"]

MAX_TEXT: Final = 128
"""Longest serial number, model, target, station or operator, in characters."""
MAX_REASON: Final = 2000
ORIGINS: Final = ("tpm", "on-chip", "injected")

_HEX: Final = re.compile(r"(?:[0-9a-f]{2}){4,64}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_ROLE: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class UnitClaim:
    """A label and a chip that a station says belong together; raises LedgerValueInvalid.

    `hardware_id` of a TPM is the SHA-256 of its EK's SubjectPublicKeyInfo, of a microcontroller its chip
    ID; in lower-case hex, 4 to 64 bytes.  `other_hardware_ids` are further ones of the same chip, such as
    those of a TPM's second EK, so that a chip cannot come back under another of its names.
    """

    kind: UnitKind
    serial: str
    model: str
    hardware_id: str
    target: str
    station: str
    ek_cert_sha256: str | None = None
    other_hardware_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ("tpm", "mcu"):
            raise LedgerValueInvalid(f"a unit is of kind tpm or mcu, not {self.kind!r}")
        for name in ("serial", "model", "target", "station"):
            check_text(name, getattr(self, name))
        if not fits_certificate(self.serial):
            raise LedgerValueInvalid(
                f"the serial number {self.serial[:40]!r} cannot stand in a certificate",
                cause="a label was read wrong, or has more than letters, digits, space and '()+,-./:=?",
            )
        for value in (self.hardware_id, *self.other_hardware_ids):
            check_hex("hardware ID", value)
        if self.hardware_id in self.other_hardware_ids or len(set(self.other_hardware_ids)) > 8:
            raise LedgerValueInvalid("a claim's other hardware IDs repeat the first, or are too many")
        if self.ek_cert_sha256 is not None:
            check_sha256("the EK certificate's SHA-256", self.ek_cert_sha256)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as the ledger knows it.  Times are in UTC; hashes are in lower-case hex."""

    unit_id: str
    kind: UnitKind
    serial: str
    model: str
    hardware_id: str
    target: str
    station: str
    """Station that claimed it."""
    state: State
    reason: str | None
    """Why it is in quarantine, or was retired."""
    request_id: str
    """UUID under which the CA knows it; made at its claim and never changed."""
    ek_cert_sha256: str | None
    keys: Mapping[str, str]
    """SHA-256 of each key's SubjectPublicKeyInfo, by role: "idevid", "iak", "device", "challenge"."""
    origin: Origin | None
    details: Mapping[str, Any]
    """What was said about the keys: templates, Names, policies."""
    csrs: tuple[str, ...]
    certificates: Mapping[str, bytes]
    """DER by role, as issued."""
    lock_observed: Mapping[str, Any] | None
    evidence_sha256: str | None
    rma: str | None
    """RMA under which it was claimed."""
    replaces: tuple[str, ...]
    """Request IDs of the units whose places it took."""
    open_acts: int
    claimed_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Act:
    """An irreversible act: what was about to happen and, once somebody looked, what was seen."""

    act_id: str
    unit_id: str
    seq: int
    act: str
    intent: Mapping[str, Any]
    intended_at: datetime
    station: str
    observed: Mapping[str, Any] | None
    observed_at: datetime | None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing that happened to a unit; `state` is the unit's afterwards."""

    unit_id: str
    seq: int
    time: datetime
    station: str
    what: str
    state: State
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rma:
    """A return that ended the records `old_units`; `new_unit_id` is the unit that was claimed under it."""

    rma_id: str
    reason: str
    operator: str
    time: datetime
    old_units: tuple[str, ...]
    new_unit_id: str | None


def check_text(name: str, value: str, limit: int = MAX_TEXT) -> str:
    """Text of one line for people and labels; raises LedgerValueInvalid."""
    fine = 0 < len(value) <= limit and value == value.strip()
    if not fine or not value.isprintable():
        raise LedgerValueInvalid(
            f"the {name} {value[:40]!r} is no text of 1 to {limit} printable characters",
            cause="an empty scan, or control characters in it",
        )
    return value


def check_hex(name: str, value: str) -> str:
    """4 to 64 bytes in lower-case hex; raises LedgerValueInvalid."""
    if not _HEX.fullmatch(value):
        raise LedgerValueInvalid(f"the {name} {value[:40]!r} is not 4 to 64 bytes in lower-case hex")
    return value


def check_sha256(name: str, value: str) -> str:
    """A SHA-256 in lower-case hex; raises LedgerValueInvalid."""
    if not _SHA256.fullmatch(value):
        raise LedgerValueInvalid(f"{name} {value[:40]!r} is no SHA-256 in lower-case hex")
    return value


def check_role(value: str) -> str:
    """The name of a key's role; raises LedgerValueInvalid."""
    if not _ROLE.fullmatch(value):
        raise LedgerValueInvalid(f"{value[:40]!r} is no name of a key's role")
    return value
