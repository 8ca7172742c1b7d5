"""Phase 0: what a TPM says about itself before anything is changed, and whether that is a state we know.

`look` reads; the functions after it decide, on what was read alone.  Whatever is there must be named by
an intent of the ledger; anything else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workbench.identity.tpm_enroll.errors import (
    PlatformClosed,
    TpmInLockout,
    TpmNotAllowed,
    TpmNotBlank,
    TpmUnusable,
)
from workbench.identity.tpm_enroll.recipe import OWNER_NV, PLACES, Recipe
from workbench.wires.tpm.values import First, Nv

if TYPE_CHECKING:
    from workbench.wires.tpm.tpm import Tpm
    from workbench.wires.tpm.values import Clock, TpmProperties

OURS: Final = (0x8102_0000, 0x8102_FFFF)
"""Persistent handles of DevID keys; others belong to the owner and are none of our business."""
OUR_INDICES: Final = (0x01C9_0000, 0x01C9_FFFF)
"""NV indices of DevID certificates and policies."""
MIN_BUFFER: Final = 256
MIN_INDEX: Final = 1024
"""Bytes: a P-384 certificate with both SANs has about 720."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen.  `locked`: which of our indices have their write lock."""

    properties: TpmProperties
    clock: Clock
    handles: tuple[int, ...]
    indices: tuple[int, ...]
    locked: frozenset[int]

    def as_json(self) -> dict[str, Any]:
        """For events and the record."""
        found = self.properties
        return {
            "manufacturer": found.manufacturer,
            "vendor": found.vendor,
            "firmware": list(found.firmware),
            "revision": found.revision,
            "permanent": f"{found.permanent:#010x}",
            "startup_clear": f"{found.startup_clear:#010x}",
            "lockout_counter": found.lockout_counter,
            "reset_count": self.clock.reset_count,
            "restart_count": self.clock.restart_count,
            "clock_ms": self.clock.clock_ms,
            "clock_safe": self.clock.safe,
            "handles": [f"{handle:#010x}" for handle in self.handles],
            "indices": [f"{index:#010x}" for index in self.indices],
        }


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger's intents name: it may be there, and need not."""

    handles: frozenset[int] = frozenset()
    indices: frozenset[int] = frozenset()
    lockout_auth: bool = False
    clear_disabled: bool = False


def look(tpm: Tpm) -> Sight:
    """Reads the TPM; changes nothing.  The board's firmware has started it."""
    handles = tuple(h for h in tpm.handles(First.PERSISTENT) if OURS[0] <= h <= OURS[1])
    indices = tuple(i for i in tpm.handles(First.NV) if OUR_INDICES[0] <= i <= OUR_INDICES[1])
    publics = {index: tpm.nv_public(index) for index in indices}
    locked = frozenset(
        i for i, public in publics.items() if public is not None and public.has(Nv.WRITELOCKED)
    )
    return Sight(tpm.properties(), tpm.clock(), handles, indices, locked)


def known_from(acts: Mapping[str, Mapping[str, Any]]) -> Known:
    """What the intents of a unit's acts, by the acts' names, allow to be there."""
    handles = {int(told["handle"]) for told in acts.get("persist", {}).values()}
    indices = {int(told["index"]) for told in acts.get("store", {}).values() if isinstance(told, Mapping)}
    return Known(frozenset(handles), frozenset(indices), "lock" in acts, "lock" in acts)


def verify_kind(sight: Sight, recipe: Recipe) -> None:
    """The TPM is one of those the recipe names and can carry an identity.  Raises TpmNotAllowed,
    TpmUnusable.
    """
    found = sight.properties
    if recipe.manufacturers is not None and found.manufacturer.strip() not in recipe.manufacturers:
        raise TpmNotAllowed(f"the TPM is made by '{found.manufacturer.strip()}' ({found.vendor})")
    if recipe.firmware is not None and found.firmware not in recipe.firmware:
        raise TpmNotAllowed(f"the TPM has firmware {found.firmware[0]:#010x} {found.firmware[1]:#010x}")
    if not (found.sh_enable and found.eh_enable):
        raise TpmUnusable("the storage or the endorsement hierarchy is switched off until the next start")
    if found.nv_buffer_max < MIN_BUFFER or found.nv_index_max < MIN_INDEX:
        raise TpmUnusable(
            f"NV indices of this TPM hold {found.nv_index_max} bytes, and a certificate has more"
        )


def verify_no_lockout(sight: Sight) -> None:
    """Raises TpmInLockout with the time until the TPM works again, as the TPM's own parameters give it."""
    found = sight.properties
    if found.in_lockout:
        raise TpmInLockout(
            f"the TPM is in dictionary-attack lockout after {found.lockout_counter} wrong passwords; "
            f"it forgets one every {found.lockout_interval_s} s while it has power"
        )


def verify_endorsement_open(sight: Sight) -> None:
    """Raises TpmNotBlank where an endorsement password keeps everybody from the identity's keys."""
    if sight.properties.endorsement_auth_set:
        raise TpmNotBlank("the TPM has an endorsement password, and nobody here knows it")


def surprises(sight: Sight, known: Known, recipe: Recipe) -> list[str]:
    """What is there and named by no intent, in words; empty for a fresh TPM, and for one of ours."""
    found = sight.properties
    said = [f"an object at {h:#010x}" for h in sight.handles if h not in known.handles]
    said += [f"an NV index {i:#010x}" for i in sight.indices if i not in known.indices]
    if found.owner_auth_set and "owner-auth" not in recipe.allow:
        said.append("an owner password")
    if found.lockout_auth_set and not known.lockout_auth:
        said.append("a lockout password")
    if found.disable_clear and not known.clear_disabled:
        said.append("Clear disabled")
    return said


def nv_hierarchy(sight: Sight, recipe: Recipe) -> str:
    """Who stores certificates: "platform", or "owner" where the recipe allows that.

    Raises PlatformClosed where the platform is closed before all certificates have their write lock.
    """
    if sight.properties.ph_enable:
        return "platform"
    if OWNER_NV in recipe.allow:
        return "owner"
    if all(place.index in sight.locked for place in PLACES):
        return "platform"  # nothing is left to be stored
    raise PlatformClosed("the platform hierarchy is closed, and the certificates are not stored yet")
