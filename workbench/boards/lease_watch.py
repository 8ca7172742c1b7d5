"""A thread that looks after a lease while its owner works, so that being told to stop is noticed at once."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

LOOK_EVERY_S: Final = 1.0
"""How often to look without being woken: for a state folder that was removed."""


class Watch:
    """Calls `look` whenever one of the descriptors gets a byte, and every LOOK_EVERY_S; from its own
    thread.
    """

    def __init__(self, wakers: Sequence[int], look: Callable[[], None]) -> None:
        self._wakers = tuple(wakers)
        self._look = look
        self._pid = os.getpid()
        self._end_read, self._end_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="lease-watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Ends the thread; when this returns it calls nothing any more, unless `look` itself calls this."""
        os.write(self._end_write, b".")
        if self._pid == os.getpid() and threading.current_thread() is not self._thread:
            self._thread.join()
        os.close(self._end_write)
        os.close(self._end_read)

    def _run(self) -> None:
        poll = select.poll()
        for fd in (*self._wakers, self._end_read):
            poll.register(fd, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll(LOOK_EVERY_S * 1000)]
            if self._end_read in ready:
                return
            for fd in ready:
                with suppress(BlockingIOError):
                    os.read(fd, 4096)
            self._look()
