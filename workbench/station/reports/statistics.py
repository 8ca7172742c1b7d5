"""What many runs come to: yield, first-pass yield, failures by cause, time per step, measurements.  Pure.

How units are counted: PASS and FAIL judge a unit, ERROR and STOPPED say nothing of it.  A unit's verdict is
that of its last run that judged it; yield is the share of judged units whose verdict is PASS, first-pass
yield the share whose first judging run was a PASS.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from workbench.events import Verdict
from workbench.station.reports.brief import Brief, brief_of
from workbench.station.reports.unit_run import UnitRun, measurement

BINS: Final = 16
VERDICTS: Final[tuple[Verdict, ...]] = ("PASS", "FAIL", "ERROR", "STOPPED")


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind of failure: how many runs ended so, on how many units, and the sum of shares down to here."""

    code: str
    verdict: Verdict
    what: str
    runs: int
    units: int
    share: float
    cumulative: float


@dataclass(frozen=True, slots=True)
class StepFigures:
    """A step over all runs in which it ended: its time in seconds and how often it did not pass."""

    step: str
    title: str
    runs: int
    not_passed: int
    p50_s: float
    p95_s: float
    max_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class MeasurementFigures:
    """A measurement over all runs; the numbers are None where its values are no numbers.

    `cpk` is the process capability index: the distance of the mean from the nearer limit in units of three
    standard deviations; None without limits, or where all values are the same.
    """

    step: str
    name: str
    unit: str
    low: float | None
    high: float | None
    count: int
    failed: int
    minimum: float | None = None
    mean: float | None = None
    maximum: float | None = None
    deviation: float | None = None
    cpk: float | None = None
    bins: tuple[int, ...] = ()
    """How many values lie in each of BINS equal parts from `minimum` to `maximum`."""


@dataclass(frozen=True, slots=True)
class Hour:
    """Runs that ended within one hour, by verdict."""

    begins_at: datetime
    verdicts: dict[Verdict, int]


@dataclass(frozen=True, slots=True)
class Place:
    """A slot of a station: its runs by verdict."""

    station: str
    slot: str
    verdicts: dict[Verdict, int]


@dataclass(frozen=True, slots=True)
class Statistics:
    """The figures of some runs; see the module's words on how units are counted."""

    units: int
    passed: int
    failed: int
    first_passed: int
    runs: dict[Verdict, int]
    began_at: datetime | None
    ended_at: datetime | None
    p50_s: float | None
    p95_s: float | None
    failures: tuple[Failure, ...]
    steps: tuple[StepFigures, ...]
    measurements: tuple[MeasurementFigures, ...]
    hours: tuple[Hour, ...]
    places: tuple[Place, ...]

    @property
    def judged(self) -> int:
        """Units of which a run said PASS or FAIL."""
        return self.passed + self.failed

    @property
    def open(self) -> int:
        """Units on which runs ended, but none that judged them."""
        return self.units - self.judged

    @property
    def yield_share(self) -> float | None:
        """Passed of judged units, from 0 to 1; None where none is judged."""
        return self.passed / self.judged if self.judged else None

    @property
    def first_pass_share(self) -> float | None:
        """Units that passed at once, of judged units; None where none is judged."""
        return self.first_passed / self.judged if self.judged else None


@dataclass(slots=True)
class _Unit:
    first: Verdict | None = None
    last: Verdict | None = None


@dataclass(slots=True)
class _Step:
    title: str
    times_s: list[float] = field(default_factory=list)
    not_passed: int = 0


@dataclass(slots=True)
class _Values:
    last: Mapping[str, Any]
    count: int = 0
    failed: int = 0
    numbers: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Failure:
    what: str
    runs: int = 0
    units: set[str] = field(default_factory=set)


class Counting:
    """Takes runs one by one, each unit's in the order of their beginnings, and gives their statistics."""

    def __init__(self) -> None:
        self._units: dict[str, _Unit] = {}
        self._runs: Counter[Verdict] = Counter()
        self._times_s: list[float] = []
        self._failures: dict[tuple[str, Verdict], _Failure] = {}
        self._steps: dict[str, _Step] = {}
        self._values: dict[tuple[str, str, str], _Values] = {}
        self._hours: defaultdict[datetime, Counter[Verdict]] = defaultdict(Counter)
        self._places: defaultdict[tuple[str, str], Counter[Verdict]] = defaultdict(Counter)
        self._began_at: datetime | None = None
        self._ended_at: datetime | None = None

    def take(self, run: Brief) -> None:
        """One more run."""
        verdict = run.verdict
        self._runs[verdict] += 1
        key = run.unit.casefold()
        unit = self._units.get(key)
        if unit is None:
            unit = self._units[key] = _Unit()
        if verdict in ("PASS", "FAIL"):
            unit.first = unit.first or verdict
            unit.last = verdict
        if verdict == "PASS":
            self._times_s.append(run.elapsed_s)
        else:
            self._take_failure(run, key)
        self._take_time(run)
        for step in run.steps:
            self._take_step(step)
        for measured in run.values:
            self._take_value(measured)

    def _take_failure(self, run: Brief, key: str) -> None:
        found = self._failures.setdefault((run.code or run.verdict.lower(), run.verdict), _Failure(run.what))
        found.runs += 1
        found.units.add(key)

    def _take_time(self, run: Brief) -> None:
        began_at, ended_at = run.started_at, run.finished_at
        if self._began_at is None or began_at < self._began_at:
            self._began_at = began_at
        if self._ended_at is None or ended_at > self._ended_at:
            self._ended_at = ended_at
        hour = ended_at.replace(minute=0, second=0, microsecond=0)
        self._hours[hour][run.verdict] += 1
        self._places[run.station, run.slot or ""][run.verdict] += 1

    def _take_step(self, told: Mapping[str, Any]) -> None:
        elapsed_s, outcome = told.get("elapsed_s"), told.get("outcome")
        if elapsed_s is None or outcome in ("DONE-BEFORE", "NOT-REACHED", None):
            return
        step = str(told["step"])
        figures = self._steps.get(step)
        if figures is None:
            figures = self._steps[step] = _Step(str(told.get("title") or step))
        figures.times_s.append(elapsed_s)
        figures.not_passed += outcome != "PASS"

    def _take_value(self, told: Mapping[str, Any]) -> None:
        key = (str(told.get("step", "")), str(told["name"]), str(told.get("unit") or ""))
        values = self._values.get(key)
        if values is None:
            values = self._values[key] = _Values(told)
        values.last = told
        values.count += 1
        values.failed += not told.get("passed", True)
        number = told["value"]
        if isinstance(number, (int, float)) and not isinstance(number, bool) and math.isfinite(number):
            values.numbers.append(float(number))

    def statistics(self) -> Statistics:
        """What the runs so far come to."""
        last = Counter(unit.last for unit in self._units.values())
        times_s = sorted(self._times_s)
        return Statistics(
            units=len(self._units),
            passed=last["PASS"],
            failed=last["FAIL"],
            first_passed=sum(1 for unit in self._units.values() if unit.first == "PASS"),
            runs=_by_verdict(self._runs),
            began_at=self._began_at,
            ended_at=self._ended_at,
            p50_s=quantile(times_s, 0.5) if times_s else None,
            p95_s=quantile(times_s, 0.95) if times_s else None,
            failures=_pareto(self._failures),
            steps=tuple(_step_figures(name, step) for name, step in self._steps.items()),
            measurements=tuple(_value_figures(values) for values in self._values.values()),
            hours=tuple(Hour(at, _by_verdict(self._hours[at])) for at in sorted(self._hours)),
            places=tuple(Place(*key, _by_verdict(self._places[key])) for key in sorted(self._places)),
        )


def statistics(runs: Iterable[UnitRun]) -> Statistics:
    """What these runs come to; each unit's runs come in the order of their beginnings."""
    counting = Counting()
    for run in runs:
        counting.take(brief_of(run))
    return counting.statistics()


def quantile(ordered: list[float], share: float) -> float:
    """The smallest of the ordered values that at least this share of them does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _by_verdict(counts: Counter[Verdict]) -> dict[Verdict, int]:
    return {verdict: counts[verdict] for verdict in VERDICTS}


def _pareto(found: dict[tuple[str, Verdict], _Failure]) -> tuple[Failure, ...]:
    ordered = sorted(found.items(), key=lambda item: (-item[1].runs, item[0]))
    total = sum(failure.runs for _, failure in ordered)
    failures: list[Failure] = []
    so_far = 0
    for (code, verdict), failure in ordered:
        so_far += failure.runs
        shares = (failure.runs / total, so_far / total)
        failures.append(Failure(code, verdict, failure.what, failure.runs, len(failure.units), *shares))
    return tuple(failures)


def _step_figures(name: str, step: _Step) -> StepFigures:
    ordered = sorted(step.times_s)
    return StepFigures(
        name,
        step.title,
        len(ordered),
        step.not_passed,
        quantile(ordered, 0.5),
        quantile(ordered, 0.95),
        ordered[-1],
        math.fsum(ordered),
    )


def _value_figures(values: _Values) -> MeasurementFigures:
    m, numbers = measurement(values.last), values.numbers
    told = MeasurementFigures(m.step, m.name, m.unit, m.low, m.high, values.count, values.failed)
    if not numbers:
        return told
    mean, deviation = _mean_and_deviation(numbers)
    return MeasurementFigures(
        m.step,
        m.name,
        m.unit,
        m.low,
        m.high,
        values.count,
        values.failed,
        min(numbers),
        mean,
        max(numbers),
        deviation,
        _cpk(mean, deviation, m.low, m.high),
        _bins(numbers),
    )


def _mean_and_deviation(numbers: list[float]) -> tuple[float, float]:
    """Of values that are all the same there is no deviation, whatever rounding makes of their mean."""
    if min(numbers) == max(numbers):
        return numbers[0], 0.0
    mean = math.fsum(numbers) / len(numbers)
    return mean, math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1))


def _bins(numbers: list[float]) -> tuple[int, ...]:
    lowest, width = min(numbers), (max(numbers) - min(numbers)) / BINS
    counts = [0] * BINS
    for number in numbers:
        counts[min(BINS - 1, int((number - lowest) / width)) if width > 0 else BINS // 2] += 1
    return tuple(counts)


def _cpk(mean: float, deviation: float, low: float | None, high: float | None) -> float | None:
    rooms = (None if low is None else mean - low, None if high is None else high - mean)
    known = [room for room in rooms if room is not None]
    return min(known) / (3 * deviation) if known and deviation > 0 else None
