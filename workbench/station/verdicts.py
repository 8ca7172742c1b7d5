"""Which verdict an exception means, and which error a person is to see.  Pure: decides, does nothing."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Final

from workbench.errors import Blame, Stopped, WorkbenchError
from workbench.events import Verdict

VERDICT_OF: Final[dict[Blame, Verdict]] = {
    Blame.UNIT: "FAIL",
    Blame.TRUST: "FAIL",
    Blame.INPUT: "ERROR",
    Blame.STATION: "ERROR",
    Blame.BUG: "ERROR",
    Blame.STOPPED: "STOPPED",
}
"""FAIL speaks of the unit only; what the station, the input or the workbench got wrong is an ERROR."""


class Unexpected(WorkbenchError):
    """Something went wrong inside the workbench that it did not foresee."""

    code = "internal"
    blame = Blame.BUG


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an exception means: the verdict, the error to show, and a traceback where it is a defect."""

    verdict: Verdict
    error: WorkbenchError
    traceback: str | None = None


def judge(exc: BaseException) -> Judgement:
    """The meaning of `exc`.  Whatever is no Exception (Ctrl-C, an exit) asks for the end of the run."""
    if isinstance(exc, WorkbenchError):
        trace = _trace(exc) if exc.blame is Blame.BUG else None
        return Judgement(VERDICT_OF[exc.blame], exc, trace)
    if not isinstance(exc, Exception):
        return Judgement("STOPPED", Stopped(f"the run was stopped ({type(exc).__name__})"))
    words = f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
    return Judgement("ERROR", Unexpected(words[:1000]), _trace(exc))


def _trace(exc: BaseException) -> str:
    return "".join(traceback.format_exception(exc))
