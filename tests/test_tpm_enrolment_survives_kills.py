"""Whatever ends an enrolment, wherever: the next run ends in the same single identity, or in quarantine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.tpm_enrol_lab import Line, open_line
from tests.tpm_kill_lab import Extent, Point, measure, try_point
from tests.tpm_lab import needs_swtpm

pytestmark = needs_swtpm

SEED: Final = 4
OF_EACH_KIND: Final = 7
ALWAYS: Final = 3
"""The last commands before the restart, with the IDevID's write lock among them, are always tried."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with open_line(tmp_path_factory.mktemp("line")) as made:
        yield made


@pytest.fixture(scope="module")
def extent(line: Line) -> Extent:
    return measure(line)


def sample(extent: Extent) -> list[Point]:
    """Some points of each kind, by a seed."""
    chosen: list[Point] = []
    for kind in dict.fromkeys(point.kind for point in extent.points()):
        of_kind = [point for point in extent.points() if point.kind == kind]
        chosen += random.Random(SEED).sample(of_kind, OF_EACH_KIND)
    return chosen


def test_the_matrix_is_large(extent: Extent) -> None:
    assert len(extent.points()) >= 400
    assert len(sample(extent)) >= 40


@pytest.mark.parametrize("number", range(6 * OF_EACH_KIND))
def test_the_next_run_ends_in_the_same_identity(line: Line, extent: Extent, number: int) -> None:
    seen = try_point(line, sample(extent)[number])
    assert seen.then.state == "verified", seen


@pytest.mark.parametrize("back", range(ALWAYS))
def test_cuts_around_the_last_write_lock(line: Line, extent: Extent, back: int) -> None:
    for kind in ("power-before", "power-after"):
        seen = try_point(line, Point(kind, 0, extent.commands[0] - back))
        assert seen.then.state == "verified", seen


def test_a_board_that_lost_power_twice(line: Line, extent: Extent, tmp_path: Path) -> None:
    """The second cut comes in the run that resumes."""
    point = Point("power-after", 0, extent.commands[0] // 2)
    seen = try_point(line, point, again=Point("power-after", 0, extent.commands[0] * 2 // 3))
    assert seen.then.state == "verified", seen
