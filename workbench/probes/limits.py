"""Time limits and stopping for calls that block: one thread does all of a session's pyOCD calls, the caller
waits.

pyOCD has no time limit of its own for most calls, and an exception thrown into the middle of a transfer, as
Ctrl-C would, leaves probe and host out of step.  So pyOCD runs in a thread that signals never reach; the
caller waits with a limit, passes events on in its own thread, and asks the thread to stop at the next safe
point.  A thread that hangs is given up: the session is broken from then on, and the process can still end,
for the thread is a daemon.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from workbench.events import Emit, Event, Progress, ignore

T = TypeVar("T")

_POLL_S: Final = 0.05
_PROGRESS_EVERY_S: Final = 0.05
GRACE_S: Final = 15.0
"""How long a thread that was asked to stop may take to reach a safe point."""


class OutOfTime(Exception):
    """A task took longer than it may, or gave no sign of life for longer than it may."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"took longer than {limit_s:g} s")
        self.limit_s = limit_s


class StopAsked(Exception):
    """Raised in the thread at a safe point after somebody asked it to stop."""


class Broken(Exception):
    """The thread hung earlier: nothing more can be done with it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`total_s`: for the whole task.  `stall_s`: between two signs of life; None where it gives none."""

    total_s: float
    stall_s: float | None = None


class Reporter:
    """What a task sees of its caller: where to report progress, and whether to stop."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._finished = threading.Event()
        self._reported: tuple[str, float] = ("", 0.0)
        self._alive_at = time.monotonic()

    def beat(self) -> None:
        """A safe point: tells that the task is alive; raises StopAsked if it is to stop."""
        self._alive_at = time.monotonic()
        if self._stop.is_set():
            raise StopAsked

    def progress(self, step: str, done: int, total: int, unit: str = "bytes") -> None:
        """Report progress, at most 20 times a second and always when a step begins or is complete."""
        now = time.monotonic()
        last_step, last_at = self._reported
        if step == last_step and done < total and now - last_at < _PROGRESS_EVERY_S:
            return
        self._reported = (step, now)
        self._messages.put(("event", Progress(step=step, done=done, total=total, unit=unit)))

    def emit(self, event: Event) -> None:
        """Pass an event to the caller."""
        self._messages.put(("event", event))


class Worker:
    """A thread that runs one task at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._broken = False
        self._thread.start()

    @property
    def is_broken(self) -> bool:
        """Whether a task hung and the thread was given up."""
        return self._broken

    def run(
        self,
        task: Callable[[Reporter], T],
        limits: Limits,
        *,
        emit: Emit = ignore,
        check: Callable[[], object] | None = None,
    ) -> T:
        """Run `task` in the thread and return what it returns or raise what it raises.

        Events are passed to `emit`, and `check` is called about 20 times a second, both in the caller's
        thread.  When `check` or `emit` raises, Ctrl-C arrives, or the time is over, the task is asked to stop
        and given GRACE_S to reach a safe point; then that exception, or OutOfTime, is raised.  A task that
        completes instead of stopping makes Ctrl-C no less an interruption.  Raises Broken after an earlier
        task hung.
        """
        if self._broken:
            raise Broken
        reporter = Reporter()
        self._tasks.put(lambda: _perform(task, reporter))
        try:
            return cast(T, self._wait(reporter, limits, emit, check))
        except _TaskRaised as raised:
            raise raised.error from None
        except BaseException:
            self._settle(reporter)
            raise

    def close(self) -> None:
        """Let the thread end after what it is doing."""
        self._tasks.put(None)

    def _wait(
        self, reporter: Reporter, limits: Limits, emit: Emit, check: Callable[[], object] | None
    ) -> object:
        ends_at = time.monotonic() + limits.total_s
        while True:
            try:
                kind, value = reporter._messages.get(timeout=_POLL_S)
            except queue.Empty:
                kind, value = "", None
            if kind == "result":
                return value
            if kind == "error":
                raise _TaskRaised(value)
            if kind == "event":
                emit(value)
            if check is not None:
                check()
            _refuse_late(reporter, limits, ends_at)

    def _settle(self, reporter: Reporter) -> None:
        """Ask the task to stop and wait until it has; give the thread up if it does not."""
        reporter._stop.set()
        self._broken = True
        self._broken = not reporter._finished.wait(GRACE_S)

    def _loop(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()


class _TaskRaised(Exception):
    """Carries what a task raised past the handler for what the caller's side raised."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def _perform(task: Callable[[Reporter], object], reporter: Reporter) -> None:
    try:
        result = task(reporter)
    except BaseException as error:
        reporter._messages.put(("error", error))
    else:
        reporter._messages.put(("result", result))
    finally:
        reporter._finished.set()


def _refuse_late(reporter: Reporter, limits: Limits, ends_at: float) -> None:
    now = time.monotonic()
    if now > ends_at:
        raise OutOfTime(limits.total_s)
    if limits.stall_s is not None and now - reporter._alive_at > limits.stall_s:
        raise OutOfTime(limits.stall_s)
