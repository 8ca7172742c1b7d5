"""Thins out progress for the journal: faces see every step of it, the disk about one a second.

Decides only; the caller says what time it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workbench.events import Event, Progress, to_json
from workbench.station.plain import plain

PERIOD_S: Final = 1.0
"""At least this long between two progress events of one step in the journal."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """An event with its place in its run: `seq` from 0, `time` in UTC, RFC 3339 with microseconds."""

    event: Event
    seq: int
    time: str

    def as_json(self) -> dict[str, object]:
        """Its public form, schema `workbench.event/1`, its values fit for JSON and bounded."""
        return {key: plain(value) for key, value in to_json(self.event, seq=self.seq, time=self.time).items()}


class ProgressGate:
    """Which events the journal is to keep: all but progress that comes too soon.

    The first and the last progress of a step are kept, and the newest one before any other event, so that a
    journal always tells how far a step had come when something happened.
    """

    def __init__(self, period_s: float = PERIOD_S) -> None:
        self._period_s = period_s
        self._kept_at: dict[str, float] = {}
        self._held: dict[str, Stamped] = {}

    def admit(self, stamped: Stamped, now_s: float) -> list[Stamped]:
        """The events to keep now that `stamped` has come, oldest first; `now_s` is a monotonic time."""
        event = stamped.event
        if isinstance(event, Progress):
            self._held.pop(event.step, None)
            if not self._due(event, now_s):
                self._held[event.step] = stamped
                return []
            self._kept_at[event.step] = now_s
        kept = list(self._held.values())  # by age, for each came to the end of the mapping
        self._kept_at.update(dict.fromkeys(self._held, now_s))
        self._held.clear()
        return [*kept, stamped]

    def _due(self, event: Progress, now_s: float) -> bool:
        last_s = self._kept_at.get(event.step)
        finished = 0 < event.total <= event.done
        return last_s is None or finished or now_s - last_s >= self._period_s
