"""A process is killed when a step or a unit is over its limit and grace; time in which a person is asked
is free.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench.station.line
from workbench.station.line.deadlines import Deadlines
from workbench.station.line.pace import Pace

PLAN = [{"step": "flash", "limit_s": 10.0}, {"step": "ask", "limit_s": None}]


def unit(unit_s: float | None = 100.0) -> Deadlines:
    made = Deadlines("v1", unit_s, 5.0, 0.0)
    made.hear({"event": "unit-began", "steps": PLAN}, 0.0)
    return made


def event(name: str, step: str = "flash") -> dict[str, Any]:
    return {"event": name, "step": step}


def code(times: Deadlines, now: float) -> str | None:
    error = times.over(now)
    return None if error is None else error.code


def test_a_step_has_its_limit_and_the_grace() -> None:
    times = unit()
    times.hear(event("step-started"), 20.0)
    assert times.next_s() == 35.0
    assert (code(times, 34.9), code(times, 35.0)) == (None, "step-hangs")
    times.hear(event("step-finished"), 30.0)
    assert code(times, 35.0) is None


def test_parts_of_a_step_do_not_give_it_more_time() -> None:
    times = unit()
    times.hear(event("step-started"), 0.0)
    times.hear(event("step-started", "flash/erase"), 9.0)
    times.hear(event("step-finished", "flash/erase"), 9.5)
    assert code(times, 15.0) == "step-hangs"


def test_a_unit_has_its_limit_even_between_steps() -> None:
    times = unit(50.0)
    times.hear(event("step-started", "ask"), 1.0)
    assert (code(times, 54.9), code(times, 55.0)) == (None, "unit-takes-too-long")
    assert code(unit(None), 1e9) is None


@given(st.floats(0.1, 1e6), st.booleans())
def test_waiting_for_a_person_costs_nothing(waited: float, answered: bool) -> None:
    times = unit()
    times.hear(event("step-started"), 2.0)
    times.hear(event("asked"), 3.0)
    assert times.next_s() is None
    assert code(times, 3.0 + waited) is None
    times.hear(event("answered" if answered else "step-finished"), 3.0 + waited)
    assert code(times, 3.0 + waited + 1.0) is None or not answered


def test_the_pace_is_that_of_the_last_hour() -> None:
    pace = Pace()
    assert pace.per_hour(0.0) is None
    pace.add(0.0, 60.0)
    assert pace.per_hour(60.0) is None
    pace.add(60.0, 119.0)
    pace.add(60.0, 120.0)
    assert pace.per_hour(130.0) == 90.0
    assert pace.per_hour(120.0 + 3600.0) is None, "one unit is left"


def test_units_that_end_together_took_their_time_all_the_same() -> None:
    pace = Pace()
    for end in (86.9, 87.0, 87.0):
        pace.add(0.0, end)
    assert pace.per_hour(90.0) == pytest.approx(3 * 3600 / 87)


def test_no_time_that_people_set_decides_anything_here() -> None:
    folder = Path(next(iter(workbench.station.line.__path__)))
    wall = {path.name for path in folder.glob("*.py") if "time.time(" in path.read_text()}
    assert wall == set()
