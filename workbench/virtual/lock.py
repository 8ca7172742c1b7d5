"""The lock of a virtual board's folder: one supervisor has it, as long as anything of the board runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from workbench.virtual.protocol import LOCK_FILE

LOCK_LIMIT_S: Final = 15.0
"""How long a predecessor may take to save its memories."""


def lock_file(folder: Path, answers: Callable[[], bool]) -> int | None:
    """The lock of the board in `folder`, as a descriptor; None when another supervisor has it and `answers`.

    Waits for one that is ending, and for what one that was killed left running.  Raises TimeoutError,
    OSError.
    """
    lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_LIMIT_S
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        if answers():
            return None
        if time.monotonic() > deadline:
            raise TimeoutError(f"another process holds {folder / LOCK_FILE}")
        time.sleep(0.01)


def is_held(folder: Path) -> bool:
    """Whether a supervisor, or what it has left running, still has the lock of the board in `folder`."""
    try:
        lock = os.open(folder / LOCK_FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
