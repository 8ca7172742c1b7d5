"""Runs, statistics and whole reports as JSON, schema `workbench.report/1`.  Pure: gives plain data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any, Final

from workbench.station.reports.statistics import Statistics
from workbench.station.reports.unit_run import UnitRun

SCHEMA: Final = "workbench.report/1"


def report(statistics: Statistics | None, runs: Iterable[UnitRun], **about: Any) -> dict[str, Any]:
    """The document: what it is about, its figures, its runs."""
    return {
        "schema": SCHEMA,
        **{name: value(said) for name, said in about.items()},
        "statistics": figures(statistics) if statistics else None,
        "runs": [value(run) for run in runs],
    }


def figures(statistics: Statistics) -> dict[str, Any]:
    """The figures, and the shares that follow from them."""
    shares = {"yield": statistics.yield_share, "first_pass_yield": statistics.first_pass_share}
    counts = {"judged": statistics.judged, "open": statistics.open}
    return {**value(statistics), **counts, **shares}


def value(said: Any) -> Any:
    """Plain data: moments in RFC 3339, numbers that JSON has not as text."""
    if is_dataclass(said) and not isinstance(said, type):
        return {name: value(part) for name, part in asdict(said).items()}
    if isinstance(said, datetime):
        return said.isoformat()
    if isinstance(said, Mapping):
        return {str(name): value(part) for name, part in said.items()}
    if isinstance(said, (list, tuple)):
        return [value(part) for part in said]
    if isinstance(said, float) and not math.isfinite(said):
        return str(said)
    return said
