"""How long somebody must wait who typed a wrong PIN.  Pure: the caller says what time it is.

Three attempts are free; then the wait doubles from 30 s to 15 min with each further failure: a day allows
about a hundred guesses.  Where the clock was set back the wait begins anew: it is never longer than 15 min.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FREE_FAILURES: Final = 3
FIRST_WAIT_S: Final = 30.0
LONGEST_WAIT_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Attempts:
    """Failures since the last right PIN, and when the last one was, in seconds since 1970."""

    failures: int = 0
    last: float = 0.0


def wait_of(failures: int) -> float:
    """Seconds that must pass after that many failures in a row."""
    if failures < FREE_FAILURES:
        return 0.0
    return float(min(FIRST_WAIT_S * 2.0 ** min(failures - FREE_FAILURES, 10), LONGEST_WAIT_S))


def remaining(attempts: Attempts, now: float) -> float:
    """Seconds from `now` until the next attempt is allowed, 0.0 where it is now."""
    wait = wait_of(attempts.failures)
    if now < attempts.last:  # the clock was set back: the wait starts anew
        return wait
    return max(0.0, attempts.last + wait - now)


def rebased(attempts: Attempts, now: float) -> Attempts:
    """The same with a last failure at `now`, if it seems to lie in the future."""
    return Attempts(attempts.failures, min(attempts.last, now))


def failed(attempts: Attempts, now: float) -> Attempts:
    """After one more failure."""
    return Attempts(attempts.failures + 1, now)
