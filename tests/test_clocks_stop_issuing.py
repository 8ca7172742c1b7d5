"""Clocks that disagree stop issuing: each comparison says yes up to its limit and no beyond it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.identity.clocks import LIMIT_S, Anchors, ClocksDisagree, Reading, check_clocks, not_before_for

START = Reading(datetime(2026, 1, 1, tzinfo=UTC), 1000.0)


def later(seconds: float) -> Reading:
    return Reading(START.wall + timedelta(seconds=seconds), START.monotonic_s + seconds)


def seconds_from(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)


NOW = later(3600)


def test_clocks_that_agree_give_the_time() -> None:
    berlin = timezone(timedelta(hours=1))
    anchors = Anchors(START, NOW.wall.astimezone(berlin), START.wall, START.wall, seconds_from(NOW.wall, 9))
    assert check_clocks(NOW, anchors) == NOW.wall
    assert check_clocks(NOW, anchors).tzinfo is UTC
    assert check_clocks(NOW, Anchors(START)) == NOW.wall


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("over", [0, 1])
@pytest.mark.parametrize("what", ["wall", "peer"])
def test_a_clock_may_be_off_by_the_limit_and_no_more(what: str, over: int, direction: int) -> None:
    off = direction * (LIMIT_S + over)
    now = replace(NOW, wall=seconds_from(NOW.wall, off)) if what == "wall" else NOW
    peer = seconds_from(NOW.wall, off) if what == "peer" else None
    if over:
        with pytest.raises(ClocksDisagree):
            check_clocks(now, Anchors(START, peer))
    else:
        check_clocks(now, Anchors(START, peer))


@pytest.mark.parametrize(
    ("anchors", "agrees"),
    [
        (Anchors(START, last_issued=seconds_from(NOW.wall, LIMIT_S)), True),
        (Anchors(START, last_issued=seconds_from(NOW.wall, LIMIT_S + 1)), False),
        (Anchors(START, not_before=NOW.wall), True),
        (Anchors(START, not_before=seconds_from(NOW.wall, 1)), False),
        (Anchors(START, not_after=NOW.wall), True),
        (Anchors(START, not_after=seconds_from(NOW.wall, -1)), False),
        (Anchors(replace(START, monotonic_s=NOW.monotonic_s + 1)), False),
        (Anchors(replace(START, monotonic_s=float("nan"))), False),
        (Anchors(START, peer=NOW.wall.replace(tzinfo=None)), False),
    ],
)
def test_each_anchor_is_looked_at(anchors: Anchors, agrees: bool) -> None:
    if agrees:
        check_clocks(NOW, anchors)
    else:
        with pytest.raises(ClocksDisagree) as caught:
            check_clocks(NOW, anchors)
        assert "the unit stays as it is" in caught.value.action


def test_a_limit_that_is_none_lets_nothing_through() -> None:
    for limit in (-1.0, float("nan")):
        with pytest.raises(ClocksDisagree):
            check_clocks(NOW, Anchors(START), limit_s=limit)


OFFSETS = st.floats(-1e7, 1e7)


@given(OFFSETS, OFFSETS, OFFSETS, OFFSETS)
def test_what_is_believed_is_near_everything_that_is_known(
    wall: float, monotonic: float, peer: float, last: float
) -> None:
    now = Reading(seconds_from(START.wall, wall), START.monotonic_s + monotonic)
    anchors = Anchors(START, seconds_from(START.wall, peer), seconds_from(START.wall, last))
    agrees = (
        now.monotonic_s >= START.monotonic_s
        and abs(timedelta(seconds=wall) - timedelta(seconds=now.monotonic_s - 1000.0))
        <= timedelta(seconds=120)
        and abs(now.wall - seconds_from(START.wall, peer)) <= timedelta(seconds=120)
        and seconds_from(START.wall, last) - now.wall <= timedelta(seconds=120)
    )
    try:
        check_clocks(now, anchors)
    except ClocksDisagree:
        assert not agrees
    else:
        assert agrees


@given(OFFSETS, st.floats(0, 1e6))
def test_a_certificate_begins_neither_before_its_ca_nor_after_now(begin: float, skew: float) -> None:
    anchors = Anchors(START, not_before=seconds_from(NOW.wall, begin).replace(microsecond=0))
    moment = not_before_for(NOW.wall, anchors, skew_s=skew)
    assert moment <= NOW.wall
    assert moment.microsecond == 0
    if anchors.not_before is not None and anchors.not_before <= NOW.wall:
        assert moment >= anchors.not_before
