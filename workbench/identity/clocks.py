"""Whether the clocks agree well enough to issue a certificate.  Pure: the clocks are read by the caller.

A wrong clock makes certificates that are not valid yet, or that seem older than what was issued before.
No clock here is believed alone: the wall clock must have moved as the monotonic one did, must agree with the
clock of the peer that asks, and must not lie before what was issued last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from workbench.errors import Blame, WorkbenchError

LIMIT_S: Final = 120.0
"""How far clocks may be apart."""


class ClocksDisagree(WorkbenchError):
    """Clocks are too far apart to issue anything."""

    code = "clocks-disagree"
    blame = Blame.STATION
    default_cause = "a machine whose clock was not set, was set meanwhile, or has an empty battery"
    default_action = (
        "set the clocks of the CA's machine and of the station by NTP, restart the CA's worker, and run it "
        "again: the unit stays as it is"
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """Both clocks of one machine at one moment."""

    wall: datetime
    """With a time zone."""
    monotonic_s: float
    """Seconds since some moment of this boot; CLOCK_BOOTTIME where the machine may sleep."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """What a reading is compared with; None where there is nothing."""

    start: Reading
    """The reading when this process began."""
    peer: datetime | None = None
    """What the other side says that it is now."""
    last_issued: datetime | None = None
    """The newest moment that the CA has signed: notBefore of the last certificate, or thisUpdate of a CRL."""
    not_before: datetime | None = None
    """Begin of the CA certificate's validity."""
    not_after: datetime | None = None


def check_clocks(now: Reading, anchors: Anchors, *, limit_s: float = LIMIT_S) -> datetime:
    """The wall clock's time in UTC, where it may be believed; raises ClocksDisagree.

    Exactly `limit_s` apart still agrees.  A time without a zone never agrees.
    """
    given = (
        now.wall,
        anchors.start.wall,
        anchors.peer,
        anchors.last_issued,
        anchors.not_before,
        anchors.not_after,
    )
    if any(moment is not None and moment.tzinfo is None for moment in given):
        raise ClocksDisagree("a time was given without its time zone")
    if not limit_s >= 0:
        raise ClocksDisagree(f"{limit_s} s is no limit")
    limit = timedelta(seconds=limit_s)
    _check_own(now, anchors.start, limit)
    if anchors.peer is not None and abs(now.wall - anchors.peer) > limit:
        raise ClocksDisagree(
            f"this machine has {_words(now.wall)} and the other side {_words(anchors.peer)}, "
            f"{_apart(now.wall - anchors.peer)} apart"
        )
    if anchors.last_issued is not None and anchors.last_issued - now.wall > limit:
        raise ClocksDisagree(
            f"it is {_words(now.wall)} here, and was {_words(anchors.last_issued)} when something was issued"
        )
    if anchors.not_before is not None and now.wall < anchors.not_before:
        raise ClocksDisagree(f"the CA's certificate is valid from {_words(anchors.not_before)} only")
    if anchors.not_after is not None and now.wall > anchors.not_after:
        raise ClocksDisagree(
            f"the CA's certificate was valid until {_words(anchors.not_after)}",
            cause="the CA has ended, or this machine's clock is ahead",
        )
    return now.wall.astimezone(UTC)


def not_before_for(now: datetime, anchors: Anchors, *, skew_s: float = 0.0) -> datetime:
    """Begin of a new certificate's validity: a little earlier than now, never before the CA's own begin.

    Never later than `now`; in whole seconds, as certificates have them.
    """
    earliest = now - timedelta(seconds=max(0.0, skew_s))
    if anchors.not_before is not None:
        earliest = max(earliest, min(anchors.not_before, now))
    return earliest.astimezone(UTC).replace(microsecond=0)


def _check_own(now: Reading, start: Reading, limit: timedelta) -> None:
    """The wall clock against the monotonic one, which nobody can set."""
    passed = now.monotonic_s - start.monotonic_s
    if not passed >= 0:
        raise ClocksDisagree(
            "the monotonic clock went backwards", cause="a defect of the machine or its kernel"
        )
    drift = (now.wall - start.wall) - timedelta(seconds=passed)
    if abs(drift) > limit:
        raise ClocksDisagree(
            f"the wall clock was moved by {_apart(drift)} since this process began",
            cause="somebody or NTP set the clock",
            action="see that the clock is right now, then restart the CA's worker: the unit stays as it is",
        )


def _words(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _apart(difference: timedelta) -> str:
    return f"{abs(difference.total_seconds()):.0f} s"
