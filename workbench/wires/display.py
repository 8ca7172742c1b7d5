"""How a board's bytes appear in the interactive console: clean, at once, each line with its time.  Pure."""

from __future__ import annotations

from datetime import datetime

from workbench.wires.clean import Cleaner


class Display:
    """Turns what arrives into text to be written as it stands; an unfinished line shows as far as it came."""

    def __init__(self, *, timestamps: bool, backspace: bool) -> None:
        self.timestamps = timestamps
        self._backspace = backspace
        self._cleaner = Cleaner(backspace=backspace)
        self._at_start = True

    def feed(self, at: datetime, data: bytes) -> str:
        """Text for bytes that arrived at `at`; times are local and have milliseconds."""
        return self._stamp(at, self._cleaner.feed(data))

    def end_line(self) -> str:
        """Ends an unfinished line, before a notice; "" where there is none."""
        rest = self._cleaner.flush()
        ended = "" if self._at_start and not rest else "\n"
        self._at_start = True
        return rest + ended

    def _stamp(self, at: datetime, text: str) -> str:
        if not text:
            return ""
        started = self._at_start
        self._at_start = text.endswith("\n")
        if not self.timestamps:
            return text
        stamp = at.astimezone().strftime("[%H:%M:%S.%f")[:-3] + "] "
        body = text[:-1] if self._at_start else text
        stamped = body.replace("\n", "\n" + stamp) + ("\n" if self._at_start else "")
        return stamp + stamped if started else stamped
