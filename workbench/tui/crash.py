"""Where a defect's traceback goes: into a file, never onto the technician's screen."""

from __future__ import annotations

import os
import time
import traceback

from workbench import settings
from workbench.errors import Blame, WorkbenchError


class FaceCrashed(WorkbenchError):
    """The screen met a defect of the workbench, and wrote it to a file."""

    code = "screen-defect"
    blame = Blame.BUG
    default_cause = "a defect in the workbench, not in the unit and not in what you did"
    default_action = "go on; report the defect"


def keep_crash(error: BaseException) -> FaceCrashed:
    """What to tell about `error`, whose traceback is kept in the runtime folder."""
    what = f"{type(error).__name__}: {error}"[:500]
    try:
        path = settings.runtime_dir() / f"crash-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(traceback.format_exception(error)))
    except OSError:
        return FaceCrashed(what)
    return FaceCrashed(what, action=f"go on, and give the file {path} to the engineer")
