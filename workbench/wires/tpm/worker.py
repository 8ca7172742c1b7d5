"""A thread that carries out TPM commands, so that Ctrl-C never comes between a command and its answer.

Python delivers signals to the main thread alone.  An exception in a callback of the library would be lost
there and leave the wire out of step.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

LOOK_S: Final = 0.5
"""How often the main thread looks whether it missed the end of a command."""

T = TypeVar("T")


class Job:
    """One command: its result or exception, once `finished`."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self._act = act
        self.finished = False
        self.result: Any = None
        self.error: BaseException | None = None
        self._running = threading.Lock()
        self._running.acquire()

    def work(self) -> None:
        """Carry it out."""
        try:
            self.result = self._act()
        except BaseException as error:
            self.error = error
        self.finished = True
        self._running.release()

    def wait(self) -> BaseException | None:
        """Until it is finished; returns what interrupted the wait, if something did."""
        stop: BaseException | None = None
        while not self.finished:
            try:
                self._running.acquire(timeout=LOOK_S)
            except BaseException as error:
                stop = error
        return stop


class Worker:
    """Carries out acts, one at a time; at once where no signal can come."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, act: Callable[[], T]) -> T:
        """The result of `act`.  Who interrupts has to wait until it is done."""
        if threading.current_thread() is not threading.main_thread():
            return act()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="tpm", daemon=True)
            self._thread.start()
        job = Job(act)
        self._jobs.put(job)
        stop = job.wait()
        if stop is not None:
            raise stop
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.work()

    def end(self) -> None:
        """The thread ends by itself."""
        self._jobs.put(None)
