"""What a test's outcome means for its run: pytest's reports on one side, a verdict's error on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from workbench.errors import Blame, Stopped, WorkbenchError
from workbench.station.plain import plain

Phase = Literal["setup", "call", "teardown"]

MAX_WORDS: Final = 1000


class CheckFailed(WorkbenchError):
    """A test's own check of the board failed."""

    code = "test-failed"
    blame = Blame.UNIT
    default_cause = "the board does not do what the test expects"
    default_action = "read the report of the test, the board's console in it, and the run's journal"


class FixtureFailed(WorkbenchError):
    """What a test needs beside the board could not be made ready or taken away."""

    code = "test-error"
    blame = Blame.INPUT
    default_cause = "another fixture of the test, or the test suite itself"
    default_action = "read the report of the test"


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """One of pytest's reports: `error` is what was raised, `words` how pytest says it in one line."""

    phase: Phase
    outcome: Literal["passed", "failed", "skipped"]
    expected_failure: bool = False
    words: str = ""
    error: BaseException | None = None


def error_of(reports: Sequence[PhaseReport], *, complete: bool) -> WorkbenchError | None:
    """The error that the run ends with, None for PASS.  `complete`: the test was not broken off.

    An error of the workbench keeps its blame, whichever phase it came in.  Anything else that failed in the
    test's body is the unit's fault, and beside it the test suite's.
    """
    for report in reports:
        if report.outcome == "failed":
            return _error(report)
    for report in reports:
        if report.outcome == "skipped" and not report.expected_failure:
            return Stopped(f"the test skipped itself: {_bounded(report.words)}", cause="the test decided so")
    return None if complete else Stopped("the test was broken off before its end")


def outcome_word(reports: Sequence[PhaseReport]) -> str:
    """What pytest says: passed, failed, error, skipped, xfailed, or unfinished."""
    word = "unfinished"
    for report in reports:
        if report.outcome == "failed":
            return "failed" if report.phase == "call" else "error"
        if report.outcome == "skipped":
            return "xfailed" if report.expected_failure else "skipped"
        if report.phase == "call":
            word = "passed"
    return word


def is_stations_fault(error: BaseException | None) -> bool:
    """Whether pytest should say ERROR, not FAILED: the error says nothing about the unit."""
    return isinstance(error, WorkbenchError) and error.blame not in (Blame.UNIT, Blame.TRUST)


def _error(report: PhaseReport) -> WorkbenchError:
    if isinstance(report.error, WorkbenchError):
        return report.error
    words = _bounded(report.words)
    return CheckFailed(words) if report.phase == "call" else FixtureFailed(f"{report.phase}: {words}")


def _bounded(words: str) -> str:
    return str(plain(words))[:MAX_WORDS]
