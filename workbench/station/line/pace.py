"""How many units an hour a station finishes.  Pure: the caller says what time it is."""

from __future__ import annotations

from typing import Final

HOUR_S: Final = 3600.0


class Pace:
    """The finished units of the last hour of work, by monotonic times."""

    def __init__(self) -> None:
        self._ends: list[float] = []

    def add(self, now: float) -> None:
        """A unit was finished."""
        self._ends.append(now)

    def per_hour(self, now: float) -> float | None:
        """Units an hour between the first and the last end of the last hour; None before the second."""
        self._ends = [end for end in self._ends if now - end <= HOUR_S]
        if len(self._ends) < 2 or self._ends[-1] <= self._ends[0]:
            return None
        return (len(self._ends) - 1) * HOUR_S / (self._ends[-1] - self._ends[0])
