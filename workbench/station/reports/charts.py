"""Where the parts of a report's charts lie, in the units of their SVG.  Pure: the templates draw them.

Every bar also carries its number in words and its verdict as a pattern, so that nothing is lost in mono.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from workbench.events import Verdict
from workbench.station.reports import words
from workbench.station.reports.statistics import (
    VERDICTS,
    Hour,
    MeasurementFigures,
    Statistics,
    StepFigures,
)

WIDTH: Final = 720
LABEL: Final = 210
"""Room for the names at the left of bars."""
ROW: Final = 24
BARS: Final = WIDTH - LABEL - 190
"""Longest bar; the rest is for the words behind it."""
MAX_BARS: Final = 12
MAX_COLUMNS: Final = 72
COLUMNS_HEIGHT: Final = 140


@dataclass(frozen=True, slots=True)
class Bar:
    """A horizontal bar: its row's top, its length, a mark further right (None for none), words around it."""

    label: str
    y: float
    length: float
    mark: float | None
    verdict: Verdict | None
    words: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a column, of one verdict."""

    verdict: Verdict
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """Runs within some time, one piece on the other."""

    x: float
    width: float
    label: str
    title: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """A measurement's values: columns between two limits, whose places are None where they are not drawn."""

    bars: tuple[tuple[float, float, float], ...]
    low: float | None
    high: float | None


def pareto(statistics: Statistics) -> tuple[Bar, ...]:
    """Failures, the most frequent first; the mark is the sum of shares down to here."""
    shown = statistics.failures[:MAX_BARS]
    most = max((failure.runs for failure in shown), default=1)
    return tuple(
        Bar(
            failure.code,
            number * ROW,
            BARS * failure.runs / most,
            BARS * failure.cumulative,
            failure.verdict,
            f"{failure.runs} {failure.verdict}, sum {100 * failure.cumulative:.0f} %",
        )
        for number, failure in enumerate(shown)
    )


def step_times(steps: tuple[StepFigures, ...]) -> tuple[Bar, ...]:
    """Half of a step's runs took no longer than its bar, 95 % no longer than its mark."""
    longest = max((step.p95_s for step in steps), default=0) or 1
    return tuple(
        Bar(
            step.title,
            number * ROW,
            BARS * step.p50_s / longest,
            BARS * step.p95_s / longest,
            None,
            f"{words.seconds(step.p50_s)}, 95 %: {words.seconds(step.p95_s)}",
        )
        for number, step in enumerate(steps)
    )


def columns(hours: tuple[Hour, ...]) -> tuple[Column, ...]:
    """Runs over the time, in at most MAX_COLUMNS columns; hours without a run have none."""
    if not hours:
        return ()
    at_once = math.ceil(len(hours) / MAX_COLUMNS)
    groups = [hours[first : first + at_once] for first in range(0, len(hours), at_once)]
    sums = [
        {verdict: sum(hour.verdicts[verdict] for hour in group) for verdict in VERDICTS} for group in groups
    ]
    highest = max(sum(counts.values()) for counts in sums) or 1
    width = min(60.0, (WIDTH - 40) / len(groups))
    made = []
    for number, (group, counts) in enumerate(zip(groups, sums, strict=True)):
        label = group[0].begins_at.strftime("%d.%m. %H:%M")
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
        made.append(
            Column(40 + number * width, width * 0.8, label, f"{label}: {told}", _pieces(counts, highest))
        )
    return tuple(made)


def _pieces(counts: dict[Verdict, int], highest: int) -> tuple[Piece, ...]:
    pieces = []
    bottom = float(COLUMNS_HEIGHT)
    for verdict, count in counts.items():
        height = COLUMNS_HEIGHT * count / highest
        bottom -= height
        if count:
            pieces.append(Piece(verdict, bottom, height))
    return tuple(pieces)


def highest_column(hours: tuple[Hour, ...]) -> int:
    """Runs in the highest column of `columns`."""
    at_once = math.ceil(len(hours) / MAX_COLUMNS) or 1
    groups = (hours[first : first + at_once] for first in range(0, len(hours), at_once))
    return max((sum(sum(hour.verdicts.values()) for hour in group) for group in groups), default=0)


def histogram(m: MeasurementFigures, width: float = 160, height: float = 30) -> Histogram | None:
    """A measurement's values with its limits; None where they are no numbers."""
    if m.minimum is None or m.maximum is None or not m.bins:
        return None
    ends = [m.minimum, m.maximum, *(limit for limit in (m.low, m.high) if limit is not None)]
    span = (max(ends) - min(ends)) or 1.0

    def place(value: float) -> float:
        return width * (value - min(ends)) / span

    bin_width = max(place(m.maximum) - place(m.minimum), 2.0 * len(m.bins)) / len(m.bins)
    begin = min(place(m.minimum), width - bin_width * len(m.bins))
    most = max(m.bins)
    bars = tuple(
        (begin + number * bin_width, height * (1 - count / most), height * count / most)
        for number, count in enumerate(m.bins)
    )
    low = None if m.low is None else place(m.low)
    return Histogram(bars, low, None if m.high is None else place(m.high))
