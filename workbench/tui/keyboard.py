"""What a keyboard and a scanner type, told apart.  Pure: keys and times in, scans and presses out.

A scanner is a keyboard that types fast and ends with CR, LF or both.  Everything it types between two ends is
one scan, control characters included, so that a damaged one is refused instead of being repaired.  A key that
belongs to a person (Enter alone, Esc, F-keys) counts only where no character came just before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

QUIET_S: Final = 0.15
"""A person's key comes so long after the last character of a scan."""
ARM_S: Final = 0.5
"""A question takes no answer before it was on the screen for so long: what was typed ahead is none."""
KEEP: Final = 4096
"""Characters that are kept of a scan, so that a refusal counts them; of a longer one the line refuses what is
kept."""


@dataclass(slots=True)
class ScanBuffer:
    """The scan that is being typed."""

    text: str = ""
    last_s: float = float("-inf")
    began_s: float = float("inf")
    """When the first character of this scan came."""
    dropping: bool = False
    """The rest of a scan that was flushed is still coming."""

    def type(self, characters: str, now_s: float) -> None:
        """Characters that are no end of a scan."""
        if self.dropping and now_s - self.last_s > QUIET_S:
            self.dropping = False
        self.last_s = now_s
        if not self.text:
            self.began_s = now_s
        if not self.dropping:
            self.text = (self.text + characters)[:KEEP]

    def end(self, now_s: float) -> str | None:
        """CR or LF: the scan, empty for Enter alone, None where nobody meant anything by it.

        The second character of CR LF and the end of a flushed scan are such.
        """
        text, self.text = self.text, ""
        burst = now_s - self.last_s <= QUIET_S
        self.dropping = False
        if text:
            self.last_s = now_s
            return text
        return None if burst else ""

    def rub(self) -> None:
        """Backspace."""
        self.text = self.text[:-1]

    def is_person(self, now_s: float) -> bool:
        """Whether a key that comes now is a person's: not one in the middle of a scan."""
        return now_s - self.last_s > QUIET_S

    def flush(self, now_s: float) -> bool:
        """Forgets what was typed so far, and the rest of it; says whether there was anything."""
        had = bool(self.text)
        self.dropping = self.dropping or (had and now_s - self.last_s <= QUIET_S)
        self.text = ""
        return had


@dataclass(slots=True)
class Armed:
    """When a question that is on the screen may be answered."""

    what: object = None
    since_s: float = 0.0

    def show(self, what: object, now_s: float) -> bool:
        """Says what is asked now, None for nothing; True where that is something new."""
        if what == self.what:
            return False
        self.what, self.since_s = what, now_s
        return what is not None

    def is_armed(self, now_s: float) -> bool:
        """Whether an answer counts by now."""
        return self.what is not None and now_s - self.since_s >= ARM_S
