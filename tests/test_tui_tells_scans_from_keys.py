"""Whatever a scanner and a person type, in any order and at any speed: each scan arrives once, and only a
person's key, at a question that was seen, begins or answers anything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
from hypothesis import given
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.tui_lab import finished, slot, steps
from workbench.station.line.state import ErrorView, LineState, Question, ScanAnswer
from workbench.tui.face import Face
from workbench.tui.keyboard import ARM_S, QUIET_S, ScanBuffer
from workbench.tui.keys import TABLE
from workbench.tui.orders import Order, Reply

SCAN = st.text(st.characters(exclude_characters="\r\n"), min_size=1, max_size=60)
END = st.sampled_from(["\r", "\n", "\r\n"])
ASKED = Question(prompt="lamp", kind="confirm", text="Is the lamp on?")
LABEL = Question(prompt="label", kind="scan", text="Scan the label")


def line(*slots: Any) -> LineState:
    """A line of these slots."""
    return LineState(station="S", slots=tuple(slots))


def type_all(face: Face, text: str, now: float) -> list[Order]:
    """A burst: every character at the same moment."""
    orders: list[Order] = []
    for char in text:
        if char in "\r\n":
            orders += face.enter(now)
        else:
            face.type(char, now)
    return orders


@given(st.lists(st.tuples(SCAN, END), max_size=8))
def test_scans_in_one_read_stay_apart_whatever_ends_them(scans: list[tuple[str, str]]) -> None:
    buffer, heard = ScanBuffer(), []
    for char in "".join(text + end for text, end in scans):
        if char in "\r\n":
            heard.append(buffer.end(1.0))
        else:
            buffer.type(char, 1.0)
    assert [text for text in heard if text] == [text for text, _end in scans]
    assert "" not in heard  # no end of a scan is taken for a person's Enter


def test_a_person_presses_enter_alone_and_a_scanner_does_not() -> None:
    buffer = ScanBuffer()
    buffer.type("A", 1.0)
    assert buffer.end(1.0) == "A"
    assert buffer.end(1.0) is None
    assert buffer.end(1.0 + QUIET_S * 2) == ""


def test_what_was_typed_before_a_question_answers_nothing() -> None:
    face = Face()
    face.see(line(slot("v1", "running", steps=steps(1, 0.0)), slot("v2")), 1.0)
    assert type_all(face, "SN-4", 2.0) == []
    face.see(line(slot("v1", "asking", question=LABEL), slot("v2")), 2.01)
    assert type_all(face, "711\r", 2.02) == []  # the rest of that scan goes with it
    (order,) = type_all(face, "SN-4711\r", 2.02 + 2 * QUIET_S)
    assert (order.act, order.text) == ("scan", "SN-4711")


def test_a_scan_that_began_before_the_question_was_seen_is_dropped() -> None:
    face = Face()
    face.see(line(slot("v1", "running")), 1.0)
    for char in "SN-1":
        face.type(char, 2.0)
    face.scans_asked[("v1", "label")] = 2.0  # seen while the scan was on its way
    assert face.enter(2.0) == []
    assert face.message is not None


def test_enter_alone_is_no_and_f2_is_yes() -> None:
    for key, value in (("enter", False), ("escape", False), ("f2", True)):
        face = Face()
        face.see(line(slot("v1", "asking", question=ASKED)), 1.0)
        early = face.enter(1.1) if key == "enter" else face.press(key, 1.1)
        assert early == []
        late = 1.0 + 2 * ARM_S
        (order,) = face.enter(late) if key == "enter" else face.press(key, late)
        assert (order.act, order.slot, order.prompt, order.value) == ("answer", "v1", "lamp", value)


def test_f2_within_a_scan_confirms_nothing() -> None:
    face = Face()
    face.see(line(slot("v1")), 1.0)
    proposed = ScanAnswer(kind="proposed", text="A", slot="v1", serial="A", steps=steps(-1, 0.0))
    face.replied(Reply(order=Order(act="scan"), answer=proposed), 1.0)
    face.type("B", 5.0)
    assert face.press("f2", 5.0) == []
    face.rub()
    (order,) = face.press("f2", 5.0 + 2 * QUIET_S)
    assert (order.act, order.slot) == ("confirm", "v1")
    assert face.press("f2", 9.0) == []  # once


def test_a_key_that_does_nothing_says_why() -> None:
    face = Face()
    face.see(line(slot("v1"), slot("v2")), 1.0)
    for key in TABLE:
        if key.act not in ("help", "leave", "engineer", "no"):
            assert face.press(key.key, 2.0) == []
            assert face.message is not None
            assert face.message.kind == "refused"


def test_taking_out_means_the_only_finished_unit() -> None:
    face = Face()
    face.see(line(slot("v1", "running"), finished("v2", "A", "PASS")), 1.0)
    (order,) = face.press("f6", 2.0)
    assert (order.act, order.slot) == ("take-out", "v2")
    face.see(line(slot("v1", "running"), finished("v2", "A", "PASS"), finished("v3", "B", "PASS")), 3.0)
    face.choose("v1")
    assert face.press("f6", 4.0) == []  # it is not clear which


def test_what_was_said_of_a_run_is_over_when_the_run_is() -> None:
    face = Face()
    face.see(line(slot("v1", "running"), slot("v2")), 1.0)
    began = ScanAnswer(kind="started", text="A", slot="v1", serial="A")
    face.replied(Reply(order=Order(act="scan", text="A"), answer=began), 1.0)
    face.see(line(slot("v1", "asking"), finished("v2", "B", "PASS")), 2.0)
    assert face.message is not None
    face.see(line(finished("v1", "A", "PASS"), finished("v2", "B", "PASS")), 3.0)
    assert face.message is None


def test_esc_clears_remarks_and_later_ones_are_shown_even_where_they_say_the_same() -> None:
    face, died = Face(), "its process died"
    for notices, shown in (((died, "b"), 2), ((died, "b", died), 1)):
        face.see(replace(line(slot("v1")), notices=notices), 1.0)
        assert len(face.remarks) == shown
        face.press("escape", 2.0)
        assert face.remarks == ()
    face.see(replace(line(slot("v1")), notices=("b", died, "c")), 3.0)  # the oldest was dropped
    assert face.remarks == ("c",)


def test_a_viewer_orders_nothing() -> None:
    face = Face()
    face.see(replace(line(slot("v1"), finished("v2", "A", "FAIL")), read_only=True), 1.0)
    assert type_all(face, "A1\r", 2.0) == []
    for key in TABLE:
        if key.act != "leave":
            assert face.press(key.key, 3.0) == []
            face.page = "line"


class AnyShift(RuleBasedStateMachine):
    """A shift of any keys, scans and states."""

    def __init__(self) -> None:
        super().__init__()
        self.face = Face()
        self.now = 1.0
        self.proposed: dict[str, float] = {}
        self.states = line(slot("v1"), slot("v2"))
        self.face.see(self.states, self.now)

    @rule(seconds=st.sampled_from([0.0, 0.01, QUIET_S * 1.5, ARM_S * 1.5, 30.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(text=st.text("AB1\r\n\x1d", max_size=12))
    def type(self, text: str) -> None:
        self.judge(type_all(self.face, text, self.now))

    @rule(key=st.sampled_from([k.key for k in TABLE] + ["up", "right", "tab", "home", "pageup", "f3"]))
    def press(self, key: str) -> None:
        self.judge(self.face.press(key, self.now))

    @rule(name=st.sampled_from(["v1", "v2"]))
    def propose(self, name: str) -> None:
        answer = ScanAnswer(kind="proposed", text="A", slot=name, serial=f"A{self.now}")
        self.face.replied(Reply(order=Order(act="scan"), answer=answer), self.now)
        self.face.see(self.states, self.now)

    @rule()
    def refuse(self) -> None:
        error = ErrorView(code="c", blame="input", what="w", cause="x", action="a")
        self.face.replied(Reply(order=Order(act="scan"), error=error), self.now)

    @rule(
        first=st.sampled_from(["ready", "running", "asking", "done", "broken"]),
        question=st.sampled_from([ASKED, LABEL]),
        operator=st.sampled_from([None, "Anna"]),
    )
    def state(self, first: str, question: Question, operator: str | None) -> None:
        asks = question if first == "asking" else None
        verdict = "FAIL" if first == "done" else None
        self.states = replace(
            line(slot("v1", first, question=asks, verdict=verdict), slot("v2")), operator=operator
        )
        self.face.see(self.states, self.now)

    @precondition(lambda self: self.face.page == "ending")
    @rule()
    def again(self) -> None:
        self.face.page = "line"

    def judge(self, orders: list[Order]) -> None:
        """What must hold for every order, whatever came before."""
        for order in orders:
            if order.act in ("confirm", "refuse") or (order.act == "answer" and order.value is True):
                assert self.face.armed.since_s + ARM_S <= self.now
            if order.act == "scan":
                assert order.text
            if order.act == "answer":
                assert self.states.slot(order.slot or "").question is not None

    @invariant()
    def the_chosen_slot_is_there(self) -> None:
        assert self.face.slot is not None


TestAnyShift = AnyShift.TestCase
