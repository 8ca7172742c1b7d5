"""Whether an update may be installed now: the device's own word, and what to do about it.  Pure.

The device decides; nothing here overrides it.  `grant` answers in the place of somebody at the device.
"""

from __future__ import annotations

from enum import StrEnum

from workbench.updates.device import BUSY, CONSENT_NEEDED, Consent
from workbench.wires.smp_errors import SmpRefused


class Policy(StrEnum):
    """What to do when a device asks for consent."""

    RESPECT = "respect"
    """Stop, and leave the image there for its user."""
    ASK = "ask"
    """Ask the person at the workbench."""
    GRANT = "grant"
    """Agree in the place of the user."""
    WAIT = "wait"
    """Wait until the user at the device agrees."""


class Hindrance(StrEnum):
    """Why a device does not install now."""

    CONSENT = "consent"
    BUSY = "busy"


class Step(StrEnum):
    """What to do next."""

    RETRY = "retry"
    GRANT = "grant"
    ASK = "ask"
    WAIT = "wait"
    STOP = "stop"


def hindrance_of(error: SmpRefused, consent: Consent | None) -> Hindrance | None:
    """What hinders, None where the refusal is about something else.

    A device that answers in version 1 only says EBUSY or EBADSTATE; then its state of consent tells.
    """
    if error.is_own(CONSENT_NEEDED):
        return Hindrance.CONSENT
    if error.is_own(BUSY):
        return Hindrance.BUSY
    if error.group is not None or consent is None:
        return None
    if consent.busy:
        return Hindrance.BUSY
    return Hindrance.CONSENT if consent.state in ("waiting", "deferred") else None


def next_step(hindrance: Hindrance, policy: Policy, consent: Consent | None, *, time_left: bool) -> Step:
    """What to do about it.  `time_left`: whether --wait-for-conditions permits to wait longer."""
    if hindrance is Hindrance.BUSY:
        if consent is not None and not consent.busy:
            return Step.RETRY
        return Step.WAIT if time_left else Step.STOP
    if consent is not None and consent.state == "granted":
        return Step.RETRY
    if policy is Policy.GRANT:
        return Step.GRANT
    if policy is Policy.ASK:
        return Step.ASK
    if policy is Policy.WAIT and time_left:
        return Step.WAIT
    return Step.STOP
