"""What a unit with a TPM is to become, and what the recipe allows.  Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from workbench.identity.tpm.policy import EkPolicy
from workbench.identity.tpm.templates import CERT_INDICES, HANDLES, Kind, Variant
from workbench.identity.tpm_enroll.escrow import EscrowKey

KeyKind = Kind
ALLOWANCES: Final[dict[str, str]] = {
    "platform-open": "firmware that leaves the platform hierarchy open: the identity is not immutable",
    "owner-nv": "certificates stored by the owner, as the platform is closed: they can be removed",
    "owner-auth": "an owner password that somebody has set before",
}
"""What a recipe may allow by name, and what is given up then."""

PLATFORM_OPEN: Final = "platform-open"
OWNER_NV: Final = "owner-nv"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key and its certificate go: persistent handle and NV index."""

    kind: KeyKind
    handle: int
    index: int


_ORDER: Final[tuple[KeyKind, ...]] = ("iak", "idevid")
PLACES: Final = tuple(Place(kind, HANDLES[kind], CERT_INDICES[kind]) for kind in _ORDER)
"""The IDevID comes last: firmware takes its write lock as the sign that the factory is done, and closes
the platform hierarchy.
"""


@dataclass(frozen=True, slots=True)
class DictionaryAttack:
    """TPM2_DictionaryAttackParameters: how many wrong passwords, and the times in seconds until one is
    forgotten and until a wrong lockout password is.
    """

    max_tries: int = 32
    interval_s: int = 7200
    recovery_s: int = 86400


@dataclass(frozen=True, slots=True)
class Escrow:
    """Where lockout passwords go: encrypted for `key`, one new file for each in `folder`."""

    key: EscrowKey
    folder: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What a unit is to become.

    `template` and `unique`: the TCG template of the keys ("H-3") and how its unique field is filled, None
    for the usual form. `manufacturers`: TPM manufacturers that are allowed ("IBM ", "IFX"), None for
    any.  `firmware`: allowed firmware versions, None for any.  `ek`: which endorsement keys are
    believed.  `allow`: names of ALLOWANCES.
    """

    model: str
    template: str = "H-3"
    unique: Variant | None = None
    places: tuple[Place, ...] = PLACES
    attack: DictionaryAttack = field(default_factory=DictionaryAttack)
    escrow: Escrow | None = None
    manufacturers: frozenset[str] | None = None
    firmware: frozenset[tuple[int, int]] | None = None
    ek: EkPolicy = field(default_factory=EkPolicy)
    allow: frozenset[str] = frozenset()

    def place(self, kind: KeyKind) -> Place:
        """The place of the key of that kind."""
        return next(place for place in self.places if place.kind == kind)
