"""SIGTERM and SIGHUP end a command as Ctrl-C does: cleanly, with the state of the chip said."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Final

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)
_came: list[str] = []


def install() -> None:
    """From now on those signals interrupt the main thread; ignored ones stay so, as `nohup` wants."""
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def leave() -> None:
    """They do what they do by themselves, for code that handles them."""
    for number in _ENDING:
        if signal.getsignal(number) is _interrupt:
            signal.signal(number, signal.SIG_DFL)


def reason() -> str:
    """What interrupted."""
    return _came[0] if _came else "Ctrl-C"


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _came.append(signal.Signals(number).name)
    raise KeyboardInterrupt
