"""What is made sure of before a chip is changed: it is not locked, and no identity is lost without
permission.
"""

from __future__ import annotations

from workbench.boards.target_file import Area
from workbench.probes.errors import ChipLocked, ImageOverIdentity
from workbench.probes.ledger import Range
from workbench.probes.memory import read_bytes
from workbench.probes.session import Debug


def refuse_locked(debug: Debug) -> None:
    """Raises ChipLocked where the chip is protected, or will be after its next reset."""
    state = debug.lock_state()
    if not state.is_locked:
        return
    seen = "its code memory cannot be read" if state.observed else "protection takes hold at its next reset"
    raise ChipLocked(f"slot {debug.slot.name}: the chip is locked: {seen}")


def refuse_identity_loss(debug: Debug, area: Area | None = None) -> None:
    """Raises ImageOverIdentity where erasing `area`, or the whole chip, would destroy an identity that is
    there.

    An identity area that is blank holds nothing to lose.
    """
    for identity in debug.target.identity_areas:
        if area is None or identity.overlaps(area):
            _refuse_loss_of(debug, identity)


def _refuse_loss_of(debug: Debug, identity: Area) -> None:
    memory = debug.target.memory_at(identity.start)
    erased = memory.erased if memory is not None else 0xFF
    held = debug.run(
        "reading the identity area", lambda soc, _: read_bytes(soc, identity.start, identity.size)
    )
    if held.strip(bytes([erased])):
        raise ImageOverIdentity(
            f"slot {debug.slot.name}: erasing would destroy what the identity area "
            f"{Range(identity.start, identity.end)} holds",
            cause="the unit has an identity, and an erased one cannot be had back",
            action="nothing was erased; erase the range before the area, or permit the loss by name",
        )
