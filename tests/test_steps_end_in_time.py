"""A step has a time limit that really ends it: it hangs, it spins, it swallows what is raised, its tidying up
hangs.  The verdict is ERROR, and says what is known of the unit.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from tests.steps_lab import StepsLab, Technician, boardless_lab, step
from workbench.errors import WorkbenchError
from workbench.station.steps import clock
from workbench.station.steps.clock import Limit

SHORT = 0.05


class Over(WorkbenchError):
    """Too long."""

    code = "over"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StepsLab]:
    with boardless_lab(tmp_path_factory.mktemp("line")) as made:
        yield made


@pytest.mark.parametrize("do", ["hang", "swallow", "spin", "tidy"])
def test_a_step_that_does_not_end_is_ended(lab: StepsLab, do: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "AGAIN_S", SHORT)
    done = lab.run(lab.recipe([step("own", do=do, limit_s=SHORT), step("own")]), lab.serial())
    assert (done.verdict, done.code) == ("ERROR", "step-time-over")
    assert done.steps == [("own", "ERROR")]
    assert done.run.error is not None
    known = "the fixture is closed" if do == "tidy" else "nothing of the unit was changed"
    assert known in done.run.error.what


def test_a_step_over_its_limit_is_not_tried_again(lab: StepsLab) -> None:
    done = lab.run(lab.recipe([step("own", do="hang", limit_s=SHORT, retries=3)]), lab.serial())
    assert done.steps == [("own", "ERROR")]


def test_a_unit_has_a_limit_too(lab: StepsLab) -> None:
    recipe = lab.recipe([step("own", do="hang")], limits={"step_s": 2 * SHORT, "unit_s": 2 * SHORT})
    done = lab.run(recipe, lab.serial())
    assert (done.verdict, done.code) == ("ERROR", "unit-time-over")


def test_a_persons_time_does_not_count_but_has_its_own_limit(lab: StepsLab) -> None:
    def late() -> str:
        threading.Event().wait(3 * SHORT)
        return "here"

    recipe = lab.recipe([step("own", do="scan", limit_s=SHORT)])
    assert lab.run(recipe, lab.serial(), Technician(scans=[late])).verdict == "PASS"

    def never() -> str:
        threading.Event().wait()
        return ""

    recipe = lab.recipe([step("own", do="scan", file=str(SHORT))])
    done = lab.run(recipe, lab.serial(), Technician(scans=[never]))
    assert (done.verdict, done.code) == ("ERROR", "answer-missing")


def test_nothing_of_a_limit_is_left_behind() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with Limit(60, lambda: Over("too long")):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_time_that_ends_at_the_very_end_ends_once() -> None:
    """Whenever the signal comes, the body ends in its own way or in the limit's, and nothing comes later."""
    ends = set()
    for number in range(300):
        limit_s = clock.SHORTEST_S * (1 + number % 5 / 10)
        try:
            with Limit(limit_s, lambda: Over("too long")):
                for _ in range(number * 100):
                    pass
            ends.add("in time")
        except Over:
            ends.add("over")
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert "in time" in ends


def test_a_ctrl_c_stays_a_ctrl_c() -> None:
    with pytest.raises(KeyboardInterrupt), Limit(60, lambda: Over("too long")):
        raise KeyboardInterrupt
