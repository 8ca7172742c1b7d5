"""Where a run's events go: into its journal and to listening faces.  Safe for threads and signal handlers."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from workbench.errors import Stopped
from workbench.events import Event, Notice
from workbench.station.journal import Journal, JournalUnwritable, Kind, utc_now
from workbench.station.throttle import ProgressGate, Stamped

MAX_TRACEBACK: Final = 16_000
"""Characters kept of a traceback, its end."""

Listener = Callable[[Stamped], None]
"""A face's ear: called in order, one event at a time, from whatever thread emits.

What it raises is kept in the journal and does not touch the run; but `Stopped` asks for the run's end, which
comes at the next `Channel.check`.
"""


class Channel:
    """The events of one run, from the first to the last."""

    def __init__(self, journal: Journal, first: Stamped, listeners: Iterable[Listener]) -> None:
        """`first` is in the journal already, and is told to the listeners here."""
        self._journal = journal
        self._listeners = list(listeners)
        self._failed: set[int] = set()
        self._gate = ProgressGate()
        self._lock = threading.RLock()
        self._queue: deque[Event] = deque()
        self._delivering = False
        self._ended = False
        self._next_seq = first.seq + 1
        self._stop: Stopped | None = None
        self._journal_error: JournalUnwritable | None = None
        self._tell(first)

    def emit(self, event: Event) -> None:
        """Keeps an event and tells it to the listeners; from any thread, listener or signal handler.

        Raises nothing of its own: what went wrong is said by `check`.  After the end it does nothing.
        """
        with self._lock:
            self._queue.append(event)
            self._drain()

    def say(self, notice: Notice) -> None:
        """As `emit`; after the end the listeners alone hear it, for the journal is closed then."""
        with self._lock:
            if self._ended:
                self._tell(self._stamp(notice))
            else:
                self.emit(notice)

    def keep_traceback(self, text: str) -> None:
        """Writes a traceback to the journal, and nowhere else."""
        with self._lock:
            if not self._ended:
                self._append("traceback", _traceback_line(text))

    def check(self) -> None:
        """Raises JournalUnwritable where the journal is lost, Stopped where a listener asked for the end."""
        self.check_journal()
        if self._stop is not None:
            raise self._stop

    def check_journal(self) -> None:
        """Raises JournalUnwritable where the journal is lost."""
        if self._journal_error is not None:
            raise self._journal_error

    def commit(self) -> None:
        """Returns when everything emitted so far is on the disk; raises JournalUnwritable, Stopped."""
        self.check()
        with self._lock:
            self._sync()
        self.check_journal()

    def end(self, last: Callable[[JournalUnwritable | None], Event]) -> None:
        """Writes the last event to the disk, and tells it to the listeners then.

        `last` makes the event, and makes it again where the journal was lost over writing it.  Does nothing
        the second time.
        """
        with self._lock:
            if self._ended:
                return
            self._drain()
            lost = self._journal_error
            stamped = self._stamp(last(lost))
            self._keep(stamped)
            self._sync()
            if self._journal_error is not lost:
                stamped = Stamped(last(self._journal_error), stamped.seq, stamped.time)
            self._ended = True
            self._tell(stamped)

    def _stamp(self, event: Event) -> Stamped:
        seq, self._next_seq = self._next_seq, self._next_seq + 1
        return Stamped(event, seq, utc_now())

    def _drain(self) -> None:
        """Delivers what waits, in order; whoever emits while this goes on only adds to what waits."""
        if self._delivering or self._ended:
            return
        self._delivering = True
        try:
            while self._queue:
                stamped = self._stamp(self._queue.popleft())
                self._keep(stamped)
                self._tell(stamped)
        finally:
            self._delivering = False

    def _keep(self, stamped: Stamped) -> None:
        for kept in self._gate.admit(stamped, time.monotonic()):
            try:
                data = kept.as_json()
            except Exception:
                self._append("traceback", _traceback_line(traceback.format_exc()))
            else:
                self._append("event", data)

    def _append(self, kind: Kind, data: dict[str, object]) -> None:
        if self._journal_error is None:
            try:
                self._journal.append(kind, data)
            except JournalUnwritable as exc:
                self._journal_error = exc

    def _sync(self) -> None:
        if self._journal_error is None:
            try:
                self._journal.commit()
            except JournalUnwritable as exc:
                self._journal_error = exc

    def _tell(self, stamped: Stamped) -> None:
        for listener in self._listeners:
            try:
                listener(stamped)
            except Stopped as exc:
                self._stop = exc
            except Exception:
                self._note_failed(listener)

    def _note_failed(self, listener: Listener) -> None:
        """A listener that fails is still told everything: it may yet show the verdict."""
        if id(listener) not in self._failed:
            self._failed.add(id(listener))
            self.keep_traceback(traceback.format_exc())
            self._queue.append(Notice(level="warning", text="a display of this run failed; the run goes on"))


def _traceback_line(text: str) -> dict[str, object]:
    return {"time": utc_now(), "text": text[-MAX_TRACEBACK:]}
