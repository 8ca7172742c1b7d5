"""How many units an hour a station finishes.  Pure: the caller says what time it is."""

from __future__ import annotations

from typing import Final

HOUR_S: Final = 3600.0


class Pace:
    """The finished units of the last hour of work, by monotonic times."""

    def __init__(self) -> None:
        self._units: list[tuple[float, float]] = []

    def add(self, began: float, ended: float) -> None:
        """A unit was finished: when it was begun, and when it ended."""
        self._units.append((began, ended))

    def per_hour(self, now: float) -> float | None:
        """Units an hour from the first begin within the last hour to the last end; None before the second
        unit.

        Between the ends alone, units that end together would count as finished in no time.
        """
        self._units = [unit for unit in self._units if now - unit[1] <= HOUR_S]
        if len(self._units) < 2:
            return None
        first = max(min(began for began, _ended in self._units), now - HOUR_S)
        last = max(ended for _began, ended in self._units)
        return None if last <= first else len(self._units) * HOUR_S / (last - first)
