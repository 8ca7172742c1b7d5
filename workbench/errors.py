"""Errors that say whose fault it is;

every room raises subclasses of WorkbenchError, and nothing else on purpose.

An error carries a stable code, what happened, the likely cause and the next action, so that a face can show
it without a traceback and a script can act on it.  This module imports nothing of the workbench.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final


class Blame(StrEnum):
    """Whose fault an error is; decides the exit code and the verdict."""

    UNIT = "unit"
    """The board under test: the verdict is FAIL."""
    INPUT = "input"
    """What the user typed or a file the user gave."""
    STATION = "station"
    """Probe, cable, port, disk, missing program: the verdict is ERROR, never FAIL."""
    TRUST = "trust"
    """A signature, certificate, lock or identity that must not be accepted."""
    STOPPED = "stopped"
    """Somebody asked for it to end: Ctrl-C, a kicked lease."""
    BUG = "bug"
    """A defect of the workbench itself."""


EXIT_CODES: Final[dict[Blame, int]] = {
    Blame.UNIT: 1,
    Blame.INPUT: 2,
    Blame.STATION: 3,
    Blame.TRUST: 4,
    Blame.STOPPED: 130,
    Blame.BUG: 70,
}
"""Process exit code for each blame; 0 is success.  2 and 130 are what shells and click use already."""


class WorkbenchError(Exception):
    """Base of all errors that the workbench reports.

    Subclasses set `code`, `blame`, and defaults for `cause` and `action`; `what` is said when it is raised.
    The first line of a subclass's docstring is its title in the documentation.
    """

    code: ClassVar[str] = "internal"
    blame: ClassVar[Blame] = Blame.BUG
    default_cause: ClassVar[str] = "a defect in the workbench"
    default_action: ClassVar[str] = "report it with the run's journal"

    def __init__(self, what: str, *, cause: str | None = None, action: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause if cause is not None else self.default_cause
        self.action = action if action is not None else self.default_action

    @property
    def exit_code(self) -> int:
        """Exit code of a process that ends with this error."""
        return EXIT_CODES[self.blame]

    def as_dict(self) -> dict[str, str]:
        """Flat form for events, journals and JSON: code, blame, what, cause, action."""
        return {
            "code": self.code,
            "blame": str(self.blame),
            "what": self.what,
            "cause": self.cause,
            "action": self.action,
        }

    def diagnostics(self) -> str:
        """Three lines for a person: what happened, the likely cause, the next action."""
        return f"{self.code}: {self.what}\n  likely cause: {self.cause}\n  what to do:   {self.action}"


class InputError(WorkbenchError):
    """Something given to the workbench is wrong."""

    code = "input-invalid"
    blame = Blame.INPUT
    default_cause = "a value that the workbench cannot use"
    default_action = "correct the value named above and run the command again"


class Stopped(WorkbenchError):
    """Somebody asked for the run to end."""

    code = "stopped"
    blame = Blame.STOPPED
    default_cause = "Ctrl-C, or another process took the slot"
    default_action = "run the command again when you are ready"
