"""Interrupt the main thread when its lease is lost: KeyboardInterrupt where it stands, as after Ctrl-C.

A real-time signal of the workbench's own carries it, so that a blocking system call ends, and a face's
handler for SIGINT stays what it is.  The signal alone does nothing: its handler asks whether there still is
something to interrupt, and lets the beginning and the end of a `with` pass undisturbed.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Final

SIGNAL: Final = signal.SIGRTMIN + 7

_wanted: list[Callable[[], bool]] = []
_quiet: set[CodeType] = set()


def arm(is_lost: Callable[[], bool]) -> None:
    """From now on a `send` interrupts this thread while `is_lost()`.  Only in the main thread."""
    signal.signal(SIGNAL, _handle)
    _wanted.append(is_lost)


def disarm(is_lost: Callable[[], bool]) -> None:
    """No interrupt for this one after this; a signal that is still under way then does nothing."""
    if is_lost in _wanted:
        _wanted.remove(is_lost)


def send() -> None:
    """Interrupts the main thread, from another one."""
    ident = threading.main_thread().ident
    if _wanted and ident is not None:
        signal.pthread_kill(ident, SIGNAL)


def never_within(*functions: Callable[..., object]) -> None:
    """These functions, and what they call, are not interrupted."""
    _quiet.update(function.__code__ for function in functions if hasattr(function, "__code__"))


def _handle(_number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code in _quiet:
            return
        frame = frame.f_back
    if any(is_lost() for is_lost in _wanted):
        raise KeyboardInterrupt
