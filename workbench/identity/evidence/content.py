"""What an evidence file says, as plain values that the enrolment fills in.  Pure; times are RFC 3339 in UTC.

Observed and intended are never one field: `Tried.observed` is what was seen, `expected` what had to be seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["held", "broken", "shown", "not-tried"]
"""held: what had to fail failed as expected, or what had to hold held.  broken: it did not.  shown: seen and
reported, without a claim.  not-tried: nothing was observed."""


@dataclass(frozen=True, slots=True)
class Flashed:
    """Something that was written to the unit, and read back or measured."""

    name: str
    """What it is: "bootloader", "application", "tpm-certificate-idevid"."""
    sha256: str
    """Of what was read back from the unit, in hex."""
    size_bytes: int
    version: str = ""
    where: str = ""
    """Address, slot or NV index, as text."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the unit: only its public half is ever here."""

    role: str
    """"idevid", "iak", "ek", "device", "challenge"."""
    spki_sha256: str
    """SHA-256 of its SubjectPublicKeyInfo (of a symmetric key: its fingerprint), in hex."""
    origin: Literal["tpm", "on-chip", "injected"]
    algorithm: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Template, Name, policy, persistent handle and the like: JSON values."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that was issued to the unit and read back from it."""

    role: str
    der: bytes
    read_back_sha256: str | None
    """SHA-256 of the DER as read from the unit; None where it was not read back."""


@dataclass(frozen=True, slots=True)
class Tried:
    """An act that was tried on the unit: what had to happen, and what was seen."""

    act: str
    """Stable name: "nv-write-certificate", "clear", "read-flash"."""
    expected: str
    """Return code or words: "0x148", "refused"."""
    observed: str
    outcome: Outcome
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Times:
    """When things happened, by the station's clock unless the name says otherwise."""

    started: str
    finished: str
    ca_time: str | None = None
    tpm_clock: Mapping[str, Any] | None = None
    """reset_count, restart_count, clock_ms, safe: before and after, as the enrolment read them."""


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """Which unit this is, and what the ledger says of it."""

    unit_id: str
    kind: Literal["tpm", "mcu"]
    serial: str
    model: str
    hardware_id: str
    target: str
    request_id: str
    ledger_state: str
    """State at the moment of signing: "locked" (a unit becomes verified by this very file)."""
    ek_cert_sha256: str | None = None
    ek_trust: str = ""
    """"vendor-root", "allow-list", or "" for a microcontroller."""
    enforced_by: str = ""
    """Who enforces the locks: "silicon", or "emulator" for a virtual board."""


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that one evidence file says, except what signer and log add."""

    unit: UnitFacts
    station: str
    times: Times
    flashed: tuple[Flashed, ...] = ()
    keys: tuple[Key, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    tried: tuple[Tried, ...] = ()
    intended: Mapping[str, Any] = field(default_factory=dict)
    """What the recipe asked for: profile, permissions, locks.  Never read as a result."""
    observed: Mapping[str, Any] = field(default_factory=dict)
    """Further things that were seen: dictionary-attack parameters, PCRs, boot state."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Tools and firmware, by name: "workbench", "tpm-firmware", "tpm2-tss", "bootloader"."""
    run_id: str = ""
