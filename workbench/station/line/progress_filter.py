"""Which progress a slot's process tells the line: faces paint ten times a second, and no more is needed."""

from __future__ import annotations

import time
from typing import Any, Final

PROGRESS_EVERY_S: Final = 0.1
"""More progress of a step than this stays in the process."""


class ProgressFilter:
    """Which progress is worth telling: the first and last of a step, and some between."""

    def __init__(self) -> None:
        self._told_at: dict[str, float] = {}

    def tells(self, event: dict[str, Any]) -> bool:
        """Whether to tell this event."""
        if event["event"] != "progress":
            return True
        now, step = time.monotonic(), str(event["step"])
        last = event["total"] == event["done"]
        if not last and now - self._told_at.get(step, 0.0) < PROGRESS_EVERY_S:
            return False
        self._told_at[step] = now
        return True
