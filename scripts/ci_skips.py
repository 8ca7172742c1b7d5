"""Pytest plugin of ./check: on a CI server a skipped test is a failure, unless it needs hardware and says so.

A skip of what CI could have run hides the part it should prove.  Reasons that start with "hardware:" are let
through.  Used as `pytest -p scripts.ci_skips`; without CI in the environment it does nothing.
"""

from __future__ import annotations

import os
from typing import Final

import pytest

PERMITTED: Final = "hardware:"
MARK: Final = ".pytest_cache/skipped"
"""Left where a run has such skips: ./check does not try its failures again then."""
SUCCESS: Final = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The words after "Skipped:", as pytest reports them; empty where there are none."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr or "")
    return text.removeprefix("Skipped:").strip()


class SkipWatch:
    """Collects skips that are not permitted, and turns the session's success into a failure."""

    def __init__(self) -> None:
        self.unexplained: list[str] = []

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = skip_reason(report)
        if not reason.startswith(PERMITTED):
            self.unexplained.append(f"{report.nodeid}: {reason or 'no reason given'}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self.unexplained:
            return
        if session.exitstatus in SUCCESS:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        mark = session.config.rootpath / MARK
        mark.parent.mkdir(exist_ok=True)
        mark.touch()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.unexplained:
            return
        terminalreporter.section("skips that fail a CI run", red=True)
        for line in self.unexplained:
            terminalreporter.line(line)
        terminalreporter.line(f'A reason that starts with "{PERMITTED}" would be let through.')


def pytest_configure(config: pytest.Config) -> None:
    """Watches in the main process only; test processes of pytest-xdist report to it."""
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    if in_ci and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipWatch())
