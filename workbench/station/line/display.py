"""The line's state while it changes: one writer at a time, readers that never wait for work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from workbench.station.line.moves import with_slot
from workbench.station.line.state import LineState, SlotView

MAX_NOTICES: Final = 20
"""Remarks about the line that are kept for faces."""

Change = Callable[[LineState], LineState]


class Display:
    """Holds a LineState; safe for threads."""

    def __init__(self, state: LineState) -> None:
        self._state = state
        self._changed = threading.Condition()

    def state(self) -> LineState:
        """The state, with the time of now."""
        return replace(self._state, now=time.monotonic())

    def slot(self, name: str) -> SlotView:
        """One slot; raises KeyError."""
        return self._state.slot(name)

    def wait(self, revision: int, timeout_s: float) -> LineState:
        """The state, as soon as its revision is another one, at the latest after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._state.revision != revision, timeout_s)
        return self.state()

    def change(self, change: Change) -> LineState:
        """Puts `change(state)` in the state's place; its revision is made to grow where it differs."""
        with self._changed:
            old, new = self._state, change(self._state)
            if new is not old and replace(new, revision=old.revision) != old:
                self._state = replace(new, revision=old.revision + 1)
                self._changed.notify_all()
            return self._state

    def change_slot(self, name: str, change: Callable[[SlotView], SlotView]) -> SlotView:
        """The same for one slot; returns its view."""
        return self.change(lambda state: with_slot(state, change(state.slot(name)))).slot(name)

    def note(self, text: str) -> None:
        """A remark about the line, for everybody to see."""
        self.change(lambda state: replace(state, notices=(*state.notices, text)[-MAX_NOTICES:]))
