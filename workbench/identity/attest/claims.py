"""The claims of a device's token, by the profile of our own firmware: strict and pure.

Sources: RFC 9711 (EAT), sections 4.1 nonce, 4.2.1 ueid, 4.2.9 dbgstat, 4.3.2 eat_profile; RFC 9783 (PSA
token), sections 4.3.1 security lifecycle, 4.4.1 software components.  The private claims are described in
firmware-samples/secure/app/eat.h.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from workbench.identity.attest.cose import MAX_TOKEN_BYTES, exact_cbor
from workbench.identity.attest.errors import EatRefused

PROFILE: Final = "tag:workbench,2026:mcu-1"
NONCE, UEID, DBGSTAT, EAT_PROFILE = 10, 256, 263, 265
LIFECYCLE, COMPONENTS = 2395, 2399
SLOT, COUNTER, UNIT_PROFILE, CONFIRMED, CHIP, ORIGIN = -70001, -70002, -70003, -70004, -70005, -70006
UEID_RAND: Final = 0x01
UEID_BYTES: Final = 33
"""Type RAND with 256 bits: the chip's ID alone is too short for any type."""
CHIP_ID_BYTES: Final = 8
LOCKED: Final = 0x3000
"""RFC 9783: secured."""
NOT_LOCKED: Final = 0x2000
"""RFC 9783: provisioning and test of a platform; here: read-back protection is not on."""
MAX_COUNTER: Final = (1 << 32) - 1

COMPONENT_TYPE, MEASUREMENT, COMPONENT_VERSION, SIGNER = 1, 2, 4, 5


@dataclass(frozen=True, slots=True)
class Component:
    """A piece of software: its kind, the SHA-256 of its image, its version, and the SHA-256 of the root key
    that it is verified with, None where there is none.
    """

    kind: str
    digest: bytes
    version: str
    signer: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """All that a token says.

    `chip_id` has 8 bytes as the chip's words lie in memory.  `ueid` is the unit's name, 33 bytes, made of its
    key.  `debug` is dbgstat, 0 for a port by which the core can be halted, locked or not.
    """

    nonce: bytes
    ueid: bytes
    chip_id: bytes
    debug: int
    lifecycle: int
    components: tuple[Component, ...]
    slot: int
    counter: int
    profile: str
    confirmed: bool
    origin: str

    @property
    def app(self) -> Component | None:
        """The application that runs."""
        return next((part for part in self.components if part.kind == "app"), None)

    @property
    def locked(self) -> bool:
        """Whether the device says that its read-back protection is on."""
        return self.lifecycle & ~0xFF == LOCKED


def read_claims(payload: bytes) -> Claims:
    """What a token's payload says.  Raises EatRefused "claims", and "profile" for another profile of EAT."""
    found = exact_cbor(payload, MAX_TOKEN_BYTES, "claims")
    if not isinstance(found, dict):
        raise EatRefused("claims", "the token's claims are no map")
    if found.get(EAT_PROFILE) != PROFILE:
        raise EatRefused("profile", "the token follows another profile than our firmware's")
    if set(found) != set(_FORMS) | {EAT_PROFILE}:
        raise EatRefused("claims", "the token lacks claims, or has some that its profile does not know")
    for key, fits in _FORMS.items():
        if not fits(found[key]):
            raise EatRefused("claims", f"claim {key} of the token has another form than it must")
    return Claims(
        nonce=found[NONCE],
        ueid=found[UEID],
        chip_id=found[CHIP],
        debug=found[DBGSTAT],
        lifecycle=found[LIFECYCLE],
        components=tuple(_component(part) for part in found[COMPONENTS]),
        slot=found[SLOT],
        counter=found[COUNTER],
        profile=found[UNIT_PROFILE],
        confirmed=found[CONFIRMED],
        origin=found[ORIGIN],
    )


def _component(part: Any) -> Component:
    needed = {COMPONENT_TYPE, MEASUREMENT, COMPONENT_VERSION}
    if not isinstance(part, dict) or set(part) - {SIGNER} != needed:
        raise EatRefused("claims", "a software component lacks its type, measurement or version, or has more")
    kind, digest, version = part[COMPONENT_TYPE], part[MEASUREMENT], part[COMPONENT_VERSION]
    signer = part.get(SIGNER, digest)
    if not (_is_word(kind) and _is_word(version) and _is_digest(digest) and _is_digest(signer)):
        raise EatRefused("claims", "a software component has another form than it must")
    return Component(kind, digest, version, part.get(SIGNER))


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[!-~]{1,63}", value) is not None


def _is_digest(value: Any) -> bool:
    return isinstance(value, bytes) and len(value) == 32


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_COUNTER


_FORMS: Final[dict[int, Any]] = {
    NONCE: lambda v: isinstance(v, bytes) and 8 <= len(v) <= 64,
    UEID: lambda v: isinstance(v, bytes) and len(v) == UEID_BYTES and v[0] == UEID_RAND,
    DBGSTAT: lambda v: type(v) is int and 0 <= v <= 4,
    LIFECYCLE: lambda v: type(v) is int and 0 <= v <= 0xFFFF,
    COMPONENTS: lambda v: isinstance(v, list) and 1 <= len(v) <= 4,
    SLOT: _is_count,
    COUNTER: _is_count,
    UNIT_PROFILE: _is_word,
    CONFIRMED: lambda v: type(v) is bool,
    CHIP: lambda v: isinstance(v, bytes) and len(v) == CHIP_ID_BYTES,
    ORIGIN: lambda v: v in ("on-chip", "injected"),
}
"""The form of each claim's value."""
