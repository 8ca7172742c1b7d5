"""A replay shows each moment of a run as it was, forwards and backwards, at any speed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.tui.engineer.replay_scene import SPEEDS, Player, event_words, scene_after, script_of

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(at_s: float, event: str, **fields: Any) -> dict[str, Any]:
    """An event as the records have it."""
    return {"event": event, "time": (BEGAN + timedelta(seconds=at_s)).isoformat(), **fields}


UNIT = [
    event(0, "run-started", verb="unit", slot="v1"),
    event(
        0.1,
        "unit-began",
        serial="SN-1",
        attempt=2,
        steps=[
            {"step": "flash", "title": "Flash", "done": True},
            {"step": "label", "title": "Print the label", "done": False},
        ],
    ),
    event(1, "step-started", step="label", title="Print the label"),
    event(2, "progress", step="label", done=50, total=100, unit="bytes"),
    event(3, "asked", step="label", prompt="p", kind="scan", text="Scan the label"),
    event(9, "answered", step="label", prompt="p"),
    event(9.5, "measured", step="label", name="width", value=9.0, unit="mm", low=1, high=5, passed=False),
    event(10, "step-finished", step="label", outcome="PASS", elapsed_s=9.0, error=None),
    event(11, "run-finished", verdict="PASS", error=None, result={}),
]


def test_each_moment_shows_what_stood_there_then() -> None:
    script = script_of(UNIT)
    scenes = [scene_after(script[:count]) for count in range(len(script) + 1)]

    assert [step.state for step in scenes[2].steps] == ["done-before", "waiting"]
    assert scenes[3].steps[1].state == "running"
    assert scenes[4].steps[1].progress == (50, 100, "bytes")
    assert scenes[5].question == "Scan the label"
    assert scenes[6].question is None
    assert [step.state for step in scenes[8].steps] == ["done-before", "PASS"]
    assert scenes[8].verdict is None
    assert scenes[9].verdict == "PASS"


def test_a_run_without_a_plan_and_a_step_that_is_repeated_are_shown_too() -> None:
    events = [
        event(0, "step-started", step="write", title="writing"),
        event(0.5, "progress", step="program", done=1, total=2, unit="bytes"),
        event(1, "step-finished", step="write", outcome="ERROR", elapsed_s=1.0),
        event(2, "step-started", step="write", title="writing again"),
    ]

    scene = scene_after(script_of(events))

    assert [(step.title, step.state) for step in scene.steps] == [
        ("writing", "ERROR"),
        ("writing again", "running"),
    ]


def test_time_passes_at_the_chosen_speed_and_stands_while_it_is_halted() -> None:
    player = Player(script_of(UNIT))

    assert player.after(2.0).index == 4
    assert player.with_speed(1).after(1.0).at_s == pytest.approx(2.0)
    assert player.toggled().after(5.0).index == player.index
    assert player.after(1000).ended
    assert player.after(1000).toggled().at_s == 0.0
    assert player.with_speed(99).speed == len(SPEEDS) - 1


@given(st.lists(st.sampled_from([-3, -1, 1, 2]), max_size=40))
def test_steps_forth_and_back_lead_to_the_same_moments(moves: list[int]) -> None:
    player = Player(script_of(UNIT))
    index = 0
    for move in moves:
        player = player.stepped(move)
        index = min(max(0, index + move), len(UNIT))
        assert player.index == index
        assert not player.playing
        assert all(moment.at_s <= player.at_s for moment in player.seen)


def test_a_clock_that_was_set_back_stands_still() -> None:
    script = script_of([event(5, "notice"), event(1, "notice"), event(6, "notice"), {"event": "notice"}])
    assert [moment.at_s for moment in script] == [0.0, 0.0, 1.0, 1.0]


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["event", "step", "title", "done", "total", "text", "steps", "error", "outcome"]),
            st.one_of(st.none(), st.text(max_size=20), st.lists(st.text(max_size=3), max_size=2)),
        )
        | st.fixed_dictionaries({"event": st.sampled_from([e["event"] for e in UNIT])}),
        max_size=12,
    )
)
def test_events_of_any_form_are_shown_as_safe_lines(events: list[dict[str, Any]]) -> None:
    numbered = [{k: v for k, v in e.items() if k not in ("done", "total")} for e in events]
    script = script_of(numbered)
    scene = scene_after(script)
    words = [event_words(moment.event) for moment in script] + [step.title for step in scene.steps]
    assert not any(char in word for word in words for char in "\x1b\n\r\x9b")
