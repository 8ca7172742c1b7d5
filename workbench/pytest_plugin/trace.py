"""What a failing test's report shows of its board: the last events and console lines, as safe text."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from workbench.events import Progress, event_name
from workbench.station.throttle import Stamped
from workbench.wires.clean import clean_line
from workbench.wires.lines import Line

KEEP_EVENTS: Final = 200
MAX_EVENT_CHARS: Final = 300
MAX_CHARS: Final = 32_768


class Trace:
    """Listener of a run that keeps its last events, progress left out."""

    def __init__(self) -> None:
        self._events: deque[Stamped] = deque(maxlen=KEEP_EVENTS)

    def __call__(self, stamped: Stamped) -> None:
        if not isinstance(stamped.event, Progress):
            self._events.append(stamped)

    def text(self) -> str:
        """One line an event, oldest first."""
        return bounded([_event_line(stamped) for stamped in tuple(self._events)])


def console_text(lines: Sequence[Line], last: int) -> str:
    """The last lines of a console, which are clean already."""
    shown = [str(line) for line in lines[-last:]] if last else []
    left_out = len(lines) - len(shown)
    return bounded([f"({left_out} earlier lines are in the log)", *shown] if left_out else shown)


def bounded(lines: Sequence[str]) -> str:
    """The lines as one text, its beginning left out where it is too long for a report."""
    text = "\n".join(lines)
    return text if len(text) <= MAX_CHARS else f"(…)\n{text[-MAX_CHARS:]}"


def _event_line(stamped: Stamped) -> str:
    fields = asdict(stamped.event)
    words = " ".join(f"{key}={value}" for key, value in fields.items() if value not in (None, {}))
    return clean_line(
        f"[{stamped.time[11:23]}] {event_name(stamped.event)} {words}", max_chars=MAX_EVENT_CHARS
    )
