"""What a trial is, and how it ended.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from workbench.errors import Blame, WorkbenchError


class Verdict(StrEnum):
    """How a trial ended."""

    HELD = "HELD"
    """The board did what it must do."""
    BROKEN = "BROKEN"
    """It did something else."""
    SHOWN = "SHOWN"
    """The attack succeeded, as the profile says that it does."""
    NOT_RUN = "NOT RUN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the matrix."""

    name: str
    group: str
    """What is attacked: image, line, update, power."""
    title: str
    expected: str
    observed: str
    verdict: Verdict
    seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)
    """Numbers and what the board printed, for the report."""

    def as_json(self) -> dict[str, Any]:
        """For the record and the report."""
        return asdict(self) | {"verdict": str(self.verdict), "details": dict(self.details)}


def not_run(name: str, group: str, title: str, expected: str, why: str) -> Row:
    """A trial that does not apply here, or for which something is missing."""
    return Row(name=name, group=group, title=title, expected=expected, observed=why, verdict=Verdict.NOT_RUN)


class TrialsBroken(WorkbenchError):
    """An attack succeeded, or the board did not recover from one."""

    code = "trials-broken"
    blame = Blame.UNIT
    default_cause = "a check that the bootloader or the application leaves out"
    default_action = "see the lines that say BROKEN; do not ship this firmware"


class TrialsImpossible(WorkbenchError):
    """Trials cannot begin on this board."""

    code = "trials-impossible"
    blame = Blame.STATION
    default_cause = "the board does not run the sample firmware, or was provisioned with other keys"
    default_action = "let the trials set the board up: --setup (what is on it is erased)"
