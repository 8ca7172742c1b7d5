"""Defects outside of a run: the traceback goes to a file of its own, for there is no journal."""

from __future__ import annotations

import os
import time
import traceback

from workbench import settings
from workbench.errors import Blame, WorkbenchError


class Crashed(WorkbenchError):
    """Something went wrong inside the workbench that it did not foresee."""

    code = "internal"
    blame = Blame.BUG


def keep_crash(error: Exception) -> WorkbenchError:
    """What to tell about `error`, whose traceback is kept."""
    what = f"{type(error).__name__}: {error}"[:1000]
    try:
        path = settings.runtime_dir() / f"crash-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return Crashed(what, action="report it, with the command that you typed")
    return Crashed(what, action=f"report it with the file {path}")
