"""A run in brief: what the figures of a lot need of it.

A tuple, with steps and measurements as the database has them: a lot may have a hundred thousand, and to make
a `UnitRun` of each takes longer than to count them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

from workbench.events import Verdict
from workbench.station.reports.unit_run import UnitRun


class Brief(NamedTuple):
    """A run.  `unit` names the unit; `code` and `what` are those of its error, empty for PASS.

    steps     {"step", "title", "outcome", "elapsed_s"} each; without a title it is its own
    values    {"step", "name", "value", "unit", "low", "high", "passed"} each, as the event `Measured` has it
    """

    unit: str
    verdict: Verdict
    started_at: datetime
    finished_at: datetime
    elapsed_s: float
    station: str
    slot: str | None
    code: str
    what: str
    steps: Sequence[Mapping[str, Any]]
    values: Sequence[Mapping[str, Any]]


def brief_of(run: UnitRun) -> Brief:
    """A run of which everything is known, in brief."""
    error = run.error or {}
    return Brief(
        run.serial or run.run_id,
        run.verdict,
        run.started_at,
        run.finished_at,
        run.elapsed_s,
        run.station,
        run.slot,
        error.get("code", ""),
        error.get("what", ""),
        [asdict(step) for step in run.steps],
        [asdict(measured) for measured in run.measurements],
    )
