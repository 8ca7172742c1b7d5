"""Time limits that end a step wherever it stands: a signal raises in the main thread.

What is raised is no Exception, so that no library's handler for its own errors swallows it; should something
swallow it all the same, it comes again.  A call that blocks inside a C library cannot be ended from within:
then the process itself must be.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, TracebackType
from typing import Final, Self

AGAIN_S: Final = 5.0
"""After this time it is raised once more, for a step whose tidying up hangs too."""
SHORTEST_S: Final = 0.001


class OutOfTime(BaseException):
    """The time is over.  Ends in `Limit`, which turns it into an error with words."""


class Limit:
    """`with Limit(5.0, error):` the body may take so long, in the main thread; None: as long as it likes.

    When the time is over the body is interrupted, and `error()` is raised in the place of whatever it made
    of that.  Limits do not nest, but for one within `paused`.
    """

    _running: Limit | None = None

    def __init__(self, limit_s: float | None, error: Callable[[], Exception]) -> None:
        self._limit_s = limit_s
        self._error = error
        self._armed = False
        self._is_over = False
        self._before: object = None
        self._spent_s = 0.0
        self._since_s = 0.0

    def __enter__(self) -> Self:
        if self._limit_s is not None:
            assert threading.current_thread() is threading.main_thread(), "signals come to the main thread"
            assert Limit._running is None, "limits do not nest"
            Limit._running = self
            self._before = signal.signal(signal.SIGALRM, self._handle)
            self._arm()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._limit_s is None:
            return
        self._disarm()
        Limit._running = None
        signal.signal(signal.SIGALRM, self._before)  # type: ignore[arg-type]
        if self._is_over and not isinstance(exc, KeyboardInterrupt):
            raise self._error() from exc

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The body does not count: a person is asked."""
        if self._limit_s is None:
            yield
            return
        self._disarm()
        Limit._running = None
        try:
            yield
        finally:
            Limit._running = self
            self._arm()

    def _arm(self) -> None:
        assert self._limit_s is not None
        self._armed = True
        self._since_s = time.monotonic()
        left_s = max(self._limit_s - self._spent_s, SHORTEST_S)
        signal.setitimer(signal.ITIMER_REAL, left_s, AGAIN_S)

    def _disarm(self) -> None:
        self._armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._spent_s += time.monotonic() - self._since_s

    def _handle(self, _number: int, frame: FrameType | None) -> None:
        """Raises, unless the limit itself is at work: a signal that is still under way then does nothing."""
        while frame is not None:
            if frame.f_code in _QUIET:
                return
            frame = frame.f_back
        if self._armed:
            self._is_over = True
            raise OutOfTime


_QUIET: Final[frozenset[CodeType]] = frozenset(
    function.__code__ for function in (Limit.__enter__, Limit.__exit__, Limit._arm, Limit._disarm)
)
