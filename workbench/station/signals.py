"""Holds Ctrl-C back while something must be done wholly.  Knows nothing of runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

HELD: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_signals() -> Iterator[None]:
    """Signals that come within the block are handled after it.

    Handlers run in the main thread only, so that there is nothing to hold back in others.
    """
    came: list[int] = []
    held = HELD if threading.current_thread() is threading.main_thread() else ()
    before = {number: handler for number in held if (handler := signal.getsignal(number)) is not None}
    try:
        for number in before:
            signal.signal(number, lambda which, _frame: came.append(which))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for which in dict.fromkeys(came):
            signal.raise_signal(which)
