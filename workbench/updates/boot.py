"""Waits for a device to come back after a restart, and says where it stands then."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from workbench.updates.device import Device, Identity, Images
from workbench.updates.outcome import Judged, Standing
from workbench.wires.errors import SerialError, SerialLost
from workbench.wires.smp_errors import SmpGarbled, SmpRefused, SmpSilent

POLL_S: Final = 0.7
"""How long one question waits for its answer."""
SLOWEST_POLL_S: Final = 4.0
"""A device that stays silent is asked less and less often: what it has not read may still reach it."""
STUCK_S: Final = 20.0
"""How long a device may answer and not restart."""

Judge = Callable[[Images, Identity | None], Judged]


@dataclass(frozen=True, slots=True)
class Came:
    """A device that came back."""

    judged: Judged
    images: Images
    identity: Identity | None
    seconds: float


def wait_for_boot(device: Device, judge: Judge, *, limit_s: float) -> Came | None:
    """The device once it stands elsewhere than before the restart, or after STUCK_S of answering the same.

    A device may still answer for a moment before it restarts.  None where it is silent after `limit_s`.
    Raises what the connection's `check` raises.
    """
    began_s = time.monotonic()
    stuck_since: float | None = None
    last: Came | None = None
    patience_s = POLL_S
    while (elapsed_s := time.monotonic() - began_s) < limit_s:
        found = _ask(device, min(patience_s, limit_s - elapsed_s))
        if found is None:
            stuck_since = last = None
            patience_s = min(patience_s * 1.5, SLOWEST_POLL_S)
            continue
        patience_s = POLL_S
        now = time.monotonic()
        last = Came(judge(*found), *found, elapsed_s)
        if last.judged.standing not in (Standing.WAITING, Standing.OTHER):
            return last
        stuck_since = stuck_since or now
        if now - stuck_since > STUCK_S:
            break
        device.smp.pause(POLL_S)
    return last


def _ask(device: Device, timeout_s: float) -> tuple[Images, Identity | None] | None:
    try:
        images = device.images(timeout_s=timeout_s, tries=1)
        return images, device.identity()
    except (SmpSilent, SmpGarbled):
        return None
    except SmpRefused:
        device.smp.pause(POLL_S)
        return None
    except SerialLost:
        _reopen(device)
        return None


def _reopen(device: Device) -> None:
    try:
        device.smp.link.reopen(POLL_S)
    except SerialError:
        device.smp.pause(POLL_S)
