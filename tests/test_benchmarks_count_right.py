"""Ratios are of partners, goals are judged by the median, and the table goes where it belongs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import bench, moments, starting, table
from benchmarks.moments import Took
from benchmarks.ratios import Goal, Row, milliseconds, ratios


def test_each_measurement_is_divided_by_its_partner() -> None:
    assert ratios([2.0, 9.0], [1.0, 3.0]) == (2.0, 3.0)


@pytest.mark.parametrize(("over", "under"), [([], []), ([1.0], [1.0, 2.0])])
def test_a_measurement_without_partner_is_a_mistake(over: list[float], under: list[float]) -> None:
    with pytest.raises(ValueError, match=r"measured|argument"):
        ratios(over, under)


@pytest.mark.parametrize(
    ("goal", "values", "met"),
    [
        (Goal("at most", 1.3), (9.0, 1.3, 1.0), True),
        (Goal("at most", 1.3), (1.0, 1.31, 1.4), False),
        (Goal("at least", 5.0), (0.1, 5.0, 7.0), True),
        (Goal("at least", 5.0), (4.9, 4.9, 9.0), False),
        (None, (1.0,), True),
    ],
)
def test_the_median_decides(goal: Goal | None, values: tuple[float, ...], met: bool) -> None:
    assert Row("x", values, "times", goal).is_met is met


def test_moments_of_the_host_are_left_out_and_named() -> None:
    taken = [Took(0.01, ours=True)] * 3 + [Took(2.0, ours=False)]
    assert moments.most(taken, ours=True) == pytest.approx(0.01)
    assert moments.most(taken) > 1
    assert "3 of 4" in moments.words([taken])
    assert moments.most([Took(2.0, ours=False)] * 2, ours=True) == pytest.approx(2.0), "all count"


def test_a_missed_goal_is_seen_in_the_table() -> None:
    rows = [Row("quick", (1.0,), "s", Goal("at most", 2.0)), Row("slow", (3.0,), "s", Goal("at most", 2.0))]
    text = table.lines(rows)
    assert "| met " in text[2]
    assert "| MISSED |" in text[3]
    assert len({len(line) for line in text}) == 1


def test_the_document_is_renewed_between_its_markers_only() -> None:
    old = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    assert table.renewed(old, ["new"]) == f"before\n{table.BEGIN}\nnew\n{table.END}\nafter\n"
    with pytest.raises(ValueError, match="needs one"):
        table.renewed("no markers", ["new"])


def test_the_document_of_the_project_has_its_place_for_the_table() -> None:
    assert table.renewed(table.DOCUMENT.read_text(encoding="utf-8"), ["new"])


def test_images_differ_in_every_sector(tmp_path: Path) -> None:
    from intelhex import IntelHex

    one, two = (IntelHex(str(bench.make_image(tmp_path / f"{seed}.hex", seed))).tobinstr() for seed in (1, 2))
    assert len(one) == len(two) == bench.IMAGE_BYTES
    assert all(one[at : at + 1024] != two[at : at + 1024] for at in range(0, len(one), 1024))


def test_processor_time_of_help_is_measured() -> None:
    assert 0 < starting.help_cpu_s() < 30


def test_seconds_are_said_in_a_fitting_unit() -> None:
    assert milliseconds([0.25, 0.5, 0.75]) == "500 ms"
    assert milliseconds([2.5]) == "2.50 s"
