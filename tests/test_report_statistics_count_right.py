"""Yield, first-pass yield, failures, times and measurements of reports count what they say they count."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report_lab import unit_run
from workbench.events import Verdict
from workbench.station.reports.charts import columns, histogram, pareto, step_times
from workbench.station.reports.statistics import VERDICTS, quantile, statistics
from workbench.station.reports.unit_run import Measurement, StepRun

RUNS = st.lists(st.tuples(st.sampled_from(["A1", "a1", "B2", "C3"]), st.sampled_from(VERDICTS)), max_size=12)


@pytest.mark.parametrize(
    ("verdicts", "passed", "failed", "first"),
    [
        (["PASS"], 1, 0, 1),
        (["FAIL"], 0, 1, 0),
        (["FAIL", "PASS"], 1, 0, 0),
        (["PASS", "FAIL"], 0, 1, 1),
        (["ERROR", "STOPPED", "PASS"], 1, 0, 1),
        (["ERROR"], 0, 0, 0),
    ],
)
def test_only_pass_and_fail_judge_a_unit_and_the_last_one_counts(
    verdicts: list[str], passed: int, failed: int, first: int
) -> None:
    s = statistics(unit_run("A1", verdict) for verdict in verdicts)
    assert (s.passed, s.failed, s.first_passed) == (passed, failed, first)
    assert s.open == 1 - passed - failed
    assert s.yield_share == (passed if passed + failed else None)
    assert s.first_pass_share == (first if passed + failed else None)


@given(RUNS)
def test_units_and_runs_add_up(told: list[tuple[str, Verdict]]) -> None:
    s = statistics(unit_run(serial, verdict) for serial, verdict in told)
    assert s.units == len({serial.casefold() for serial, _ in told}) == s.passed + s.failed + s.open
    assert sum(s.runs.values()) == len(told) == sum(sum(hour.verdicts.values()) for hour in s.hours)
    assert s.first_passed <= s.judged
    assert sum(failure.runs for failure in s.failures) == len(told) - s.runs["PASS"]
    assert [f.runs for f in s.failures] == sorted((f.runs for f in s.failures), reverse=True)
    assert not s.failures or s.failures[-1].cumulative == pytest.approx(1)


def test_failures_of_unit_and_station_are_told_apart_though_they_have_one_code() -> None:
    s = statistics([unit_run("A1", "FAIL"), unit_run("A2", "ERROR"), unit_run("A3", "FAIL")])
    assert [(f.code, f.verdict, f.runs, f.units) for f in s.failures] == [
        ("lab-unit-bad", "FAIL", 2, 2),
        ("lab-unit-bad", "ERROR", 1, 1),
    ]


def test_steps_that_did_not_run_have_no_time() -> None:
    steps = (
        StepRun(step="a", title="A", outcome="DONE-BEFORE", elapsed_s=9.0),
        StepRun(step="b", title="B", outcome="PASS", elapsed_s=1.0),
        StepRun(step="c", title="C", outcome="NOT-REACHED"),
    )
    s = statistics([unit_run(steps=steps), unit_run(steps=steps)])
    assert [(f.step, f.runs, f.p50_s, f.total_s) for f in s.steps] == [("b", 2, 1.0, 2.0)]


def test_a_measurement_has_its_spread_and_how_well_it_keeps_its_limits() -> None:
    values = [3.2, 3.3, 3.4]
    runs = [
        unit_run(measurements=(Measurement(step="s", name="u", value=v, unit="V", low=3.0, high=3.6),))
        for v in values
    ]
    (m,) = statistics(runs).measurements
    assert (m.minimum, m.maximum, m.count, m.failed) == (3.2, 3.4, 3, 0)
    assert m.mean == pytest.approx(3.3)
    assert m.deviation == pytest.approx(0.1)
    assert m.cpk == pytest.approx(1.0)  # 0.3 to the nearer limit, three times 0.1
    drawn = histogram(m)
    assert drawn is not None
    assert drawn.low == 0
    assert sum(m.bins) == 3


def test_values_that_are_all_the_same_have_no_spread_by_rounding() -> None:
    always = Measurement(step="s", name="u", value=3.3, low=3.0, high=3.6)
    (m,) = statistics([unit_run(measurements=(always,))] * 3).measurements
    assert (m.mean, m.deviation, m.cpk) == (3.3, 0.0, None)


@pytest.mark.parametrize("value", [True, "ok", float("nan"), float("inf")])
def test_what_is_no_number_is_counted_and_not_averaged(value: float | str | bool) -> None:
    run = unit_run(measurements=(Measurement(step="s", name="u", value=value, passed=False),))
    (m,) = statistics([run]).measurements
    assert (m.count, m.failed, m.mean, m.cpk) == (1, 1, None, None)
    assert histogram(m) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_quantile_is_a_value_that_enough_do_not_exceed(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = quantile(ordered, share)
    assert found in ordered
    assert sum(1 for value in ordered if value <= found) >= share * len(ordered)


@given(RUNS, st.lists(st.integers(0, 5000), min_size=12, max_size=12))
def test_charts_stay_within_their_frames(told: list[tuple[str, Verdict]], hours: list[int]) -> None:
    runs = []
    for (serial, verdict), hour in zip(told, hours, strict=False):
        run = unit_run(serial, verdict)
        later = timedelta(hours=hour)
        runs.append(replace(run, started_at=run.started_at + later, finished_at=run.finished_at + later))
    s = statistics(runs)
    from workbench.station.reports import charts

    for bar in (*pareto(s), *step_times(s.steps)):
        assert 0 <= bar.length <= charts.BARS + 1e-6
        assert bar.mark is None or 0 <= bar.mark <= charts.BARS + 1e-6
    for column in columns(s.hours):
        assert 0 <= column.x <= column.x + column.width <= charts.WIDTH
        assert all(-1e-6 <= piece.y <= charts.COLUMNS_HEIGHT for piece in column.pieces)
