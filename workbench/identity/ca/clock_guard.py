"""The worker's clocks, read here and judged by `identity.clocks`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography import x509

from workbench.identity.ca.errors import CaClockDisagrees
from workbench.identity.clocks import Anchors, ClocksDisagree, Reading, check_clocks

MAX_TIME_S = 253_402_300_799
"""9999-12-31T23:59:59Z in seconds since 1970."""


def read_clocks() -> Reading:
    """Wall clock, and the clock of this boot, which goes on while the machine sleeps."""
    return Reading(datetime.now(UTC), time.clock_gettime(time.CLOCK_BOOTTIME))


class ClockGuard:
    """Says what time it is, and refuses to where clocks disagree."""

    def __init__(self, read: Callable[[], Reading] = read_clocks) -> None:
        self._read = read
        self._start = read()

    def now(self) -> datetime:
        """The time by the wall clock, unchecked."""
        return self._read().wall

    def check(
        self, station_time: int | None, last_time: int | None, issuer: x509.Certificate | None = None
    ) -> datetime:
        """The time, if all clocks agree; raises CaClockDisagrees.

        `station_time` and `last_time` (the latest time in the CA's records) are in seconds since 1970 UTC.
        """
        anchors = Anchors(
            start=self._start,
            peer=_moment(station_time),
            last_issued=_moment(last_time),
            not_before=None if issuer is None else issuer.not_valid_before_utc,
            not_after=None if issuer is None else issuer.not_valid_after_utc,
        )
        try:
            return check_clocks(self._read(), anchors)
        except ClocksDisagree as error:
            raise CaClockDisagrees(error.what, cause=error.cause, action=error.action) from error


def _moment(seconds: int | None) -> datetime | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(min(max(seconds, 0), MAX_TIME_S), UTC)
