"""The user's own terminal while it is a console: raw keys, ordinary output, and given back in any case."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import termios
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

from workbench.errors import Stopped

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


class RawKeyboard:
    """Passes every key on as it is typed, Ctrl-C included.  Does nothing to an input that is no terminal."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._saved: list[Any] | None = None
        self.is_terminal: bool = os.isatty(fd)

    def enter(self) -> None:
        """Makes the terminal's input raw; its output still turns a line feed into a new line."""
        if not self.is_terminal:
            return
        self._saved = termios.tcgetattr(self._fd)
        atexit.register(self.restore)
        raw = termios.tcgetattr(self._fd)
        raw[0] &= ~(
            termios.BRKINT | termios.ICRNL | termios.IGNCR | termios.INLCR | termios.ISTRIP | termios.IXON
        )
        raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
        raw[6][termios.VMIN] = 1
        raw[6][termios.VTIME] = 0
        termios.tcsetattr(self._fd, termios.TCSANOW, raw)

    def restore(self) -> None:
        """Gives the terminal back as it was.  May be repeated; never raises, even where it is gone."""
        if self._saved is None:
            return
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self._fd, termios.TCSANOW, self._saved)
        self._saved = None
        atexit.unregister(self.restore)


@contextlib.contextmanager
def ending_signals() -> Iterator[None]:
    """Turns SIGTERM and SIGHUP into Stopped, wherever the main thread is, even in a blocked write.

    A handler that was there before is called first, so that a lease hears of it.  A second signal is
    ignored: it must not disturb the tidying up.  In other threads, which get no signals, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ENDING}

    def end(number: int, frame: FrameType | None) -> None:
        for each in _ENDING:
            signal.signal(each, signal.SIG_IGN)
        previous = before[signal.Signals(number)]
        if callable(previous):
            previous(number, frame)
        raise Stopped(f"the console was ended by {signal.Signals(number).name}")

    try:
        for number in _ENDING:
            if before[number] is not signal.SIG_IGN:
                signal.signal(number, end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
