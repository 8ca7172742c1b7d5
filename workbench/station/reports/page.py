"""Reports as one HTML file each: nothing is loaded from elsewhere, and what came from boards is escaped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

import workbench
from workbench.station.reports import charts, words
from workbench.station.reports.attempts import LotFacts, UnitFacts
from workbench.station.reports.brief import Brief
from workbench.station.reports.error_catalogue import find
from workbench.station.reports.statistics import VERDICTS, Counting, Statistics
from workbench.station.reports.unit_run import UnitRun

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Control characters, surrogates and changes of the writing direction: no page needs them."""
MAX_UNITS: Final = 500
"""Most units that a lot's page lists one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Who makes a page, and the head of the station's log of runs at that time."""

    station: str = ""
    head: str | None = None
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class LastRuns:
    """How many runs each unit had, and the last one where it did not pass; taken run by run while something
    else counts them.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._not_passed: dict[str, Brief] = {}

    def take(self, run: Brief) -> None:
        """One more run, after the unit's earlier ones."""
        key = run.unit.casefold()
        self._counts[key] += 1
        if run.verdict == "PASS":
            self._not_passed.pop(key, None)
        else:
            self._not_passed[key] = run

    def not_passed(self) -> list[tuple[Brief, int]]:
        """Units whose last run did not pass, with the number of their runs, by their names."""
        return [(self._not_passed[key], self._counts[key]) for key in sorted(self._not_passed)]


def count_lot(runs: Iterable[Brief]) -> tuple[Statistics, LastRuns]:
    """What a lot's page needs of its runs, in one pass."""
    counting, last = Counting(), LastRuns()
    for run in runs:
        counting.take(run)
        last.take(run)
    return counting.statistics(), last


def lot_page(
    lot: LotFacts, statistics: Statistics, last: LastRuns, maker: Maker, since: str | None = None
) -> str:
    """The page of a lot."""
    not_passed = last.not_passed()
    return _render(
        "lot.html",
        f"Lot {lot.lot}",
        maker,
        lot=lot,
        s=statistics,
        since=since,
        titles=titles({failure.code for failure in statistics.failures}),
        chart=charts,
        pareto=charts.pareto(statistics),
        columns=charts.columns(statistics.hours),
        highest=charts.highest_column(statistics.hours),
        steps=charts.step_times(statistics.steps),
        measurements=[(m, charts.histogram(m)) for m in statistics.measurements],
        not_passed=not_passed[:MAX_UNITS],
        more_not_passed=max(0, len(not_passed) - MAX_UNITS),
    )


def unit_page(unit: UnitFacts, maker: Maker) -> str:
    """The page of a unit with everything that was done with it."""
    counts = {word: sum(1 for run in unit.runs if run.verdict == word) for word in VERDICTS}
    told = {"unit": unit, "runs": unit.runs, "others": unit.others, "counts": counts}
    return _render("unit.html", f"Unit {unit.serial}", maker, **told)


def run_page(run: UnitRun, maker: Maker) -> str:
    """The page of one run."""
    told: dict[str, Any] = {"unit": None, "runs": [run], "others": [], "counts": {}}
    return _render("unit.html", f"Run {run.run_id[:8]} on {run.unit}", maker, **told)


def titles(codes: Iterable[str]) -> Mapping[str, str]:
    """What the codes of errors mean; those of another version are left out."""
    found = {code: find(code) for code in codes}
    return {code: entry.title for code, entry in found.items() if entry is not None}


def _render(template: str, title: str, maker: Maker, **told: Any) -> str:
    page = (
        _environment()
        .get_template(template)
        .render(
            title=title,
            words=words,
            version=workbench.__version__,
            station=maker.station,
            head=maker.head,
            made_at=maker.made_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
            **told,
        )
    )
    return _CONTROL.sub("\ufffd", page)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("workbench.station.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
