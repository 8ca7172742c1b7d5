"""pytest's reports on tests with a board: what is read from them, and what is added to them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

import pytest

from workbench.errors import Blame, WorkbenchError
from workbench.pytest_plugin.outcome import PhaseReport, is_stations_fault
from workbench.pytest_plugin.plugin import STATIONS_FAULT
from workbench.wires.clean import clean

if TYPE_CHECKING:
    from workbench.pytest_plugin.use import BoardUse

_HIDDEN: Final = (Path(__file__).resolve().parent.parent, Path(contextlib.__file__))
"""Code of no interest at a traceback's end: the workbench's, and what enters its `with` blocks."""


def phase_report(report: pytest.TestReport, call: pytest.CallInfo[None]) -> PhaseReport | None:
    """The report on setup or body, None for that on the teardown."""
    if report.when != "setup" and report.when != "call":
        return None
    return PhaseReport(
        phase=report.when,
        outcome=report.outcome,
        expected_failure=report.skipped and hasattr(report, "wasxfail"),
        words=_words(report, call),
        error=call.excinfo.value if call.excinfo is not None else None,
    )


def teardown_report(call: pytest.CallInfo[None]) -> PhaseReport | None:
    """What will be reported on the teardown, None where nothing failed in it."""
    if call.excinfo is None:
        return None
    words = call.excinfo.exconly(tryshort=True)
    return PhaseReport("teardown", "failed", words=words, error=call.excinfo.value)


def leave_out_own_frames(call: pytest.CallInfo[None]) -> None:
    """Ends the traceback of an error that was foreseen where the test's own code ends."""
    if call.excinfo is None or not _is_foreseen(call.excinfo.value):
        return
    raw = list(_links(call.excinfo.tb))
    last = max((n for n, tb in enumerate(raw) if not _is_hidden(tb)), default=None)
    if last is None:
        return
    end = raw[last]
    shortened = TracebackType(None, end.tb_frame, end.tb_lasti, end.tb_lineno)
    for tb in reversed(raw[:last]):
        shortened = TracebackType(shortened, tb.tb_frame, tb.tb_lasti, tb.tb_lineno)
    call.excinfo.traceback = type(call.excinfo.traceback)(shortened)


def explain(report: pytest.TestReport, call: pytest.CallInfo[None], use: BoardUse | None) -> None:
    """Adds sections to a report that failed: what to do about the error, the console, the events."""
    error = call.excinfo.value if call.excinfo is not None else None
    if report.when == "call" and is_stations_fault(error):
        setattr(report, STATIONS_FAULT, True)
    if call.excinfo is not None and isinstance(error, WorkbenchError) and _is_foreseen(error):
        if report.when == "setup":
            report.longrepr = call.excinfo.getrepr(style="value", chain=False)
        report.sections.append(("workbench: what to do", clean(error.diagnostics())))
    for title, text in use.shown().items() if use is not None else ():
        report.sections.append((f"workbench: {title}", text))


def _is_foreseen(error: BaseException | None) -> bool:
    return isinstance(error, WorkbenchError) and error.blame is not Blame.BUG


def _links(tb: TracebackType | None) -> Iterator[TracebackType]:
    while tb is not None:
        yield tb
        tb = tb.tb_next


def _is_hidden(tb: TracebackType) -> bool:
    path = Path(tb.tb_frame.f_code.co_filename)
    return any(path.is_relative_to(hidden) for hidden in _HIDDEN)


def _words(report: pytest.TestReport, call: pytest.CallInfo[None]) -> str:
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    if call.excinfo is not None:
        return call.excinfo.exconly(tryshort=True)
    return report.longreprtext
