"""A clock that was set while a run was under way makes no absurd times of its events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workbench.cli.records import _after

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after_s", "shown"),
    [(0.0, "0.000 s"), (3.25, "3.250 s"), (-86_400.0, "clock set"), (7200.0, "clock set")],
)
def test_an_event_comes_after_the_beginning_and_before_the_end(after_s: float, shown: str) -> None:
    time = (BEGAN + timedelta(seconds=after_s)).isoformat()
    assert _after(BEGAN, 3.5, time).endswith(shown)
