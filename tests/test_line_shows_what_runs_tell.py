"""What a slot shows follows from the events of its run alone, whatever comes and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from workbench.events import (
    Answered,
    Asked,
    Event,
    Measured,
    Notice,
    Observed,
    Progress,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    UnitBegan,
    to_json,
)
from workbench.station.line import moves
from workbench.station.line.reduce import reduce, reduce_slot
from workbench.station.line.snapshot import decode, encode
from workbench.station.line.state import (
    MAX_NOTES,
    ErrorView,
    LineState,
    LotView,
    Phase,
    SlotView,
    StepView,
    UnfinishedUnit,
)

NAMES = st.sampled_from(["flash", "lock", "test", "flash/erase"])
ERROR = {"code": "probe-lost", "blame": "station", "what": "gone", "cause": "cable", "action": "plug"}
ERRORS = st.one_of(st.none(), st.just(ERROR))
VERDICTS = st.sampled_from(["PASS", "FAIL", "ERROR", "STOPPED"])
PLAN = [
    {"step": name, "title": f"doing {name}", "limit_s": limit, "irreversible": name == "lock", "done": done}
    for name, limit, done in (("flash", 5.0, True), ("lock", None, False), ("test", 1, False))
]
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.just(RunStarted(run_id="r", verb="unit", slot="v1", target="t")),
    st.just(UnitBegan(serial="A1", recipe="lab", attempt=2, steps=PLAN)),
    NAMES.map(lambda name: StepStarted(step=name, title=name)),
    st.builds(Progress, step=NAMES, done=st.integers(0, 9), total=st.integers(0, 9)),
    st.builds(StepFinished, step=NAMES, outcome=VERDICTS, elapsed_s=st.floats(0, 9), error=ERRORS),
    st.builds(Notice, level=st.just("info"), text=st.text(max_size=300)),
    st.builds(Observed, what=st.sampled_from(["fingerprint", "chip-id"]), value=st.text(max_size=9)),
    st.builds(Measured, step=NAMES, name=st.just("u"), value=st.floats(), unit=st.just("V")),
    st.builds(
        Asked, step=NAMES, prompt=st.just("q"), kind=st.sampled_from(["scan", "confirm"]), text=st.just("?")
    ),
    st.just(Answered(step="test", prompt="q")),
    st.builds(
        RunFinished,
        run_id=st.just("r"),
        verdict=VERDICTS,
        elapsed_s=st.floats(0, 9),
        result=st.dictionaries(st.sampled_from(["fingerprint"]), st.just("ab")),
        error=ERRORS,
    ),
)
JUNK = st.dictionaries(
    st.sampled_from(["event", "step", "steps", "text", "verdict", "result", "prompt", "done", "attempt"]),
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["step-started", "run-finished"]),
)


def public(event: Event) -> dict[str, Any]:
    """The form in which a slot's process tells it."""
    return to_json(event, seq=0, time="2026-01-01T00:00:00Z")


def told(view: SlotView, *events: Event, now: float = 7.0) -> SlotView:
    """The view after these events."""
    for event in events:
        view = reduce_slot(view, public(event), now)
    return view


def begun(*events: Event) -> SlotView:
    """The view of a unit that began, after these events."""
    view = moves.begun(SlotView(name="v1", target="t", phase="ready"), "A1", (), 9.0, 1.0)
    return told(view, UnitBegan(serial="A1", recipe="lab", steps=PLAN), *events)


@given(st.lists(EVENTS, max_size=30))
def test_what_is_shown_is_always_sound(events: list[Event]) -> None:
    state = LineState(slots=(begun(), SlotView(name="v2", target="t")))
    for event in events:
        before, state = state, reduce(state, "v1", public(event), 7.0)
        view = state.slot("v1")
        assert view.phase in get_args(Phase)
        assert (view.phase == "done") == (view.verdict is not None)
        assert (view.phase == "asking") <= (view.question is not None)
        assert sum(step.state == "running" for step in view.steps) <= 1
        assert len(view.notes) <= MAX_NOTES
        assert (state.revision == before.revision + 1) == (state.slots != before.slots)
        assert state.slot("v2") == before.slot("v2")
        if before.slot("v1").phase == "done":
            assert state == before, "a verdict stands"


@given(st.lists(JUNK, max_size=10))
def test_events_that_do_not_fit_change_nothing_and_raise_nothing(events: list[dict[str, Any]]) -> None:
    view = begun(StepStarted(step="lock", title=""))
    for event in events:
        changed = reduce_slot(view, event, 8.0)
        assert changed.serial == view.serial


def test_steps_pass_one_after_the_other_and_the_plans_own_step_is_shown() -> None:
    view = begun()
    assert [step.state for step in view.steps] == ["done-before", "waiting", "waiting"]
    view = told(view, StepStarted(step="lock", title=""), StepStarted(step="other/part", title="x"), now=3.0)
    assert view.current == replace(view.steps[1], state="running", began=3.0)
    assert view.inner is None
    view = told(view, StepStarted(step="lock/part", title="p"), Progress(step="any", done=2, total=2))
    assert (view.inner, view.progress) == ("p", (2, 2, "bytes"))
    view = told(view, StepFinished(step="lock/part", outcome="PASS", elapsed_s=0))
    assert view.current is not None
    assert (view.inner, view.progress) == (None, None), "100 % of a part is not 100 % of the step"
    view = told(view, StepFinished(step="lock", outcome="PASS", elapsed_s=1.5))
    assert (view.steps[1].state, view.steps[1].elapsed_s, view.progress) == ("passed", 1.5, None)


def test_a_step_that_is_done_again_runs_again() -> None:
    failed = StepFinished(step="lock", outcome="ERROR", elapsed_s=1, error=ERROR)
    view = begun(StepStarted(step="lock", title=""), failed)
    assert view.steps[1].state == "error"
    assert told(view, StepStarted(step="lock", title="")).steps[1].state == "running"


def test_a_question_is_open_until_its_answer_or_its_steps_end() -> None:
    asked = Asked(step="test", prompt="q", kind="scan", text="label?")
    view = begun(StepStarted(step="test", title=""), asked)
    assert (view.phase, view.question and view.question.text) == ("asking", "label?")
    assert told(view, Answered(step="test", prompt="another")) == view
    assert told(view, Answered(step="test", prompt="q")).phase == "running"
    given_up = told(view, StepFinished(step="test", outcome="ERROR", elapsed_s=1, error=ERROR))
    assert (given_up.phase, given_up.question) == ("running", None)
    assert told(moves.stopping(begun()), asked).phase == "stopping"


def test_a_verdict_comes_with_its_error_and_stays_until_the_unit_is_out() -> None:
    end = RunFinished(run_id="r", verdict="FAIL", elapsed_s=4.0, result={"fingerprint": "f"}, error=ERROR)
    view = begun(StepStarted(step="test", title=""), end)
    assert (view.phase, view.verdict, view.elapsed_s, view.fingerprint) == ("done", "FAIL", 4.0, "f")
    assert view.error == ErrorView(**ERROR)
    assert view.steps[2].state == "failed"
    assert moves.cleared(view) == SlotView(name="v1", target="t", phase="ready")


@given(st.lists(EVENTS, max_size=12), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_snapshot_is_the_same_state_elsewhere(events: list[Event], here: float, there: float) -> None:
    slot = told(begun(StepStarted(step="lock", title="")), *events)
    left = UnfinishedUnit(
        serial="A", slot=None, after_step=None, during_step="x", irreversible=True, state="", action=""
    )
    state = LineState(
        revision=3,
        now=here,
        slots=(slot, SlotView(name="v2", target="t", error=ErrorView(**ERROR))),
        lot=LotView(lot="L", recipe="lab", quantity=5),
        unfinished=(left,),
        notices=("one",),
    )
    seen = decode(encode(state, here), there)
    assert seen is not None
    assert seen.read_only
    assert decode(encode(seen, there), there) is not None
    assert _timeless(seen) == _timeless(replace(state, read_only=True))
    for mine, theirs in zip(state.slots[0].steps, seen.slots[0].steps, strict=True):
        if mine.began is not None and theirs.began is not None:
            assert abs((here - mine.began) - (there - theirs.began)) < 1e-3


@given(st.binary(max_size=200))
def test_a_damaged_snapshot_is_none(line: bytes) -> None:
    assert decode(line, 1.0) is None


def _timeless(state: LineState) -> LineState:
    def step(view: StepView) -> StepView:
        return replace(view, began=None)

    slots = tuple(replace(s, began=None, steps=tuple(map(step, s.steps))) for s in state.slots)
    return replace(state, slots=slots, now=0.0)
