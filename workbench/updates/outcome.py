"""What became of an update, from what was observed.  Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from workbench.images.reasons import Reason, reason_of
from workbench.updates.device import Identity, Images
from workbench.updates.release import Release

REQUESTED_PHASES: Final = (1, 2)
"""Of our own bootloader: an image waits for the restart."""
_REFUSED: Final = re.compile(r"^boot: slot 1 refused: ([a-z-]{1,40})$", re.MULTILINE)
_REVERTING: Final = re.compile(r"^boot: reverting$", re.MULTILINE)


class Standing(StrEnum):
    """Where a device stands after it was told to install a release."""

    NEW = "new"
    """It runs the release."""
    WAITING = "waiting"
    """It runs the old image, and the release still waits for a restart."""
    REFUSED = "refused"
    """It runs the old image, and its bootloader did not accept the release."""
    REVERTED = "reverted"
    """It runs the old image again."""
    OTHER = "other"
    """It runs something else, or does not say what."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Where it stands, and the bootloader's reason where it gives one."""

    standing: Standing
    reason: Reason | None = None


def judge(
    release: Release,
    before: bytes | None,
    images: Images,
    identity: Identity | None,
    *,
    trial_seen: bool,
    printed: str = "",
) -> Judged:
    """Where the device stands.

    before      hash of the image that ran before
    trial_seen  the release was already seen to run since
    printed     what the board printed since it was told to restart
    """
    active, other = images.active, images.other
    if active is None or active.hash is None:
        return Judged(Standing.OTHER)
    if release.matches(active.hash):
        return Judged(Standing.NEW)
    if active.hash != before:
        return Judged(Standing.OTHER)
    requested = identity is not None and identity.phase in REQUESTED_PHASES
    if requested or (other is not None and other.pending and release.matches(other.hash)):
        return Judged(Standing.WAITING)
    told = _told(printed)
    if told is not None:
        return Judged(Standing.REFUSED, told)
    if trial_seen or _REVERTING.search(printed):
        return Judged(Standing.REVERTED)
    if identity is not None and identity.result is not None:
        if identity.result.refuses:
            return Judged(Standing.REFUSED, identity.result)
        return Judged(Standing.REVERTED)
    # another bootloader than ours: what it swapped back lies in the other slot, what it refused does not
    swapped_back = other is not None and release.matches(other.hash)
    return Judged(Standing.REVERTED if swapped_back else Standing.REFUSED)


def _told(printed: str) -> Reason | None:
    found = _REFUSED.findall(printed.replace("\r", ""))
    try:
        return reason_of(found[-1]) if found else None
    except KeyError:
        return None
