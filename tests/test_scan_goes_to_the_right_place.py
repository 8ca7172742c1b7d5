"""What a scanner types is cleaned and goes to one place: a question, a slot, a person, or nowhere with a
reason.
"""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import WorkbenchError
from workbench.station.labels.payload import label_of, payload
from workbench.station.line import errors as err
from workbench.station.line.scanning import (
    MAX_SCAN,
    Decision,
    ForPerson,
    ForQuestion,
    ForSlot,
    ForUnit,
    Refused,
    Situation,
    clean_scan,
    decide_scan,
    serial_in,
    split_scans,
)
from workbench.station.line.state import LineState, Phase, Question, SlotView, UnfinishedUnit

ENDS = st.sampled_from(["\r", "\n", "\r\n", "\n\r", "\r\n\r\n"])


def slot(name: str, phase: Phase = "ready", serial: str | None = None, ask: str | None = None) -> SlotView:
    question = None if ask is None else Question(prompt=f"{name}-1", kind="scan", text=ask)
    return SlotView(name=name, target="t", phase=phase, serial=serial, question=question)


def decided(
    text: str,
    *slots: SlotView,
    focus: str | None = None,
    chosen: str | None = None,
    proposed: dict[str, str] | None = None,
    sign_in: bool = False,
    left: dict[str, str] | None = None,
) -> Decision:
    situation = Situation(focus=focus, chosen=chosen, proposed=proposed or {}, sign_in=sign_in)
    unfinished = tuple(
        UnfinishedUnit(
            serial=serial,
            slot=name,
            after_step=None,
            during_step=None,
            irreversible=False,
            state="",
            action="",
        )
        for serial, name in (left or {}).items()
    )
    return decide_scan(text, serial_in(text), LineState(slots=slots, unfinished=unfinished), situation)


def why(decision: Decision) -> str:
    assert isinstance(decision, Refused), decision
    return decision.error.code


@given(st.lists(st.tuples(st.text("AB 0-", min_size=1).filter(str.strip), ENDS), max_size=5))
def test_any_number_of_scans_in_one_read_stay_apart(scans: list[tuple[str, str]]) -> None:
    raw = "".join(text + end for text, end in scans)
    assert [clean_scan(part) for part in split_scans(raw)] == [text.strip() for text, _end in scans]


@given(st.text(max_size=300))
def test_a_cleaned_scan_is_short_and_printable_or_refused(raw: str) -> None:
    text = ""
    with suppress(err.ScanTooLong, err.ScanGarbled):
        text = clean_scan(raw)
    if not text:
        return
    assert text.isprintable()
    assert len(text) <= MAX_SCAN
    assert text == raw.strip(" \t\r\n")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("A" * 500, "scan-too-long"),
        ("A1\x1b[2J", "scan-garbled"),
        ("A1\x00", "scan-garbled"),
        ("A1\nA2", "scan-garbled"),
        ("A\u202eB", "scan-garbled"),
        (" ", "scan-garbled"),
    ],
)
def test_what_no_label_holds_is_refused(raw: str, code: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        clean_scan(raw)
    assert caught.value.code == code


def test_a_unit_goes_into_the_first_slot_that_is_ready() -> None:
    assert decided("A1", slot("v1", "running", "B"), slot("v2"), slot("v3")) == ForUnit("v2", "A1")
    assert decided("A1", slot("v1", "starting"), slot("v2")) == ForUnit("v2", "A1")
    assert decided("A1", slot("v1", "starting")) == ForUnit("v1", "A1")
    assert decided("A1", slot("v1", "done", "B"), slot("v2")) == ForUnit("v2", "A1")


def test_a_finished_unit_makes_room_for_the_next_scan_where_it_is_the_only_one() -> None:
    assert decided("A1", slot("v1", "done", "B")) == ForUnit("v1", "A1")
    assert decided("A1", slot("v1", "done", "B"), slot("v2", "running", "C")) == ForUnit("v1", "A1")
    both = slot("v1", "done", "B"), slot("v2", "done", "C")
    assert why(decided("A1", *both)) == "scan-slot-unclear"
    assert decided("c", *both) == ForUnit("v2", "c"), "the same unit again goes where it was"
    assert decided("A1", *both, focus="v2") == ForUnit("v2", "A1")


def test_the_slot_that_was_meant_is_taken_or_refused_and_never_another() -> None:
    slots = slot("v1"), slot("v2", "running", "B"), slot("v3", "broken"), slot("v4", "off")
    assert decided("A1", *slots, focus="v1", chosen="v2") == ForUnit("v1", "A1")
    assert why(decided("A1", *slots, focus="v2")) == "slot-running"
    assert why(decided("A1", *slots, chosen="v2")) == "slot-running"
    assert why(decided("A1", *slots, focus="v3")) == "slot-broken"
    assert why(decided("A1", *slots, focus="v4")) == "slot-not-ready"
    assert why(decided("A1", *slots, focus="v9")) == "scan-slot-unknown"


def test_no_free_slot_is_said_with_the_reason() -> None:
    assert why(decided("A1", slot("v1", "running", "B"))) == "slot-running"
    assert why(decided("A1", slot("v1", "running", "B"), slot("v2", "broken"))) == "no-slot-free"


def test_the_unit_that_is_being_worked_on_is_not_begun_twice() -> None:
    assert why(decided("a1", slot("v1", "running", "A1"), slot("v2"))) == "unit-at-work"


def test_slot_labels_and_badges_are_known_by_their_prefix() -> None:
    assert decided("slot:V2", slot("v1"), slot("v2")) == ForSlot("v2")
    assert why(decided("SLOT:v7", slot("v1"))) == "scan-slot-unknown"
    assert why(decided("SLOT:v1", slot("v1", "running", "B"))) == "slot-running"
    assert decided("OP: 4711", slot("v1", "running")) == ForPerson("4711")


def test_a_question_gets_the_scan_of_its_own_unit_or_of_its_own_slot() -> None:
    asking = slot("v1", "asking", "A1", ask="label?")
    whole = payload(label_of("A1"))
    for text in ("A1", "a1", whole):
        assert decided(text, asking, slot("v2")) == ForQuestion("v1", "v1-1")
    assert decided("B7", asking, slot("v2")) == ForUnit("v2", "B7"), "another unit is no answer"
    assert decided("B7", asking, slot("v2"), focus="v1") == ForQuestion("v1", "v1-1")
    assert decided("B7", asking) == ForQuestion("v1", "v1-1"), "nothing else waits for a scan"
    both = asking, slot("v2", "asking", "A2", ask="label?")
    assert decided("A2", *both) == ForQuestion("v2", "v2-1")
    assert why(decided("B7", *both)) == "no-slot-free"


def test_a_scan_never_answers_a_yes_or_no_question() -> None:
    view = SlotView(
        name="v1",
        target="t",
        phase="asking",
        serial="A1",
        question=Question(prompt="q", kind="confirm", text="green?"),
    )
    assert why(decided("A1", view)) == "unit-at-work"
    assert why(decided("B1", view)) == "slot-running"


def test_what_was_proposed_keeps_its_slot() -> None:
    slots = slot("v1"), slot("v2")
    assert decided("A2", *slots, proposed={"v1": "A1"}) == ForUnit("v2", "A2")
    assert decided("a1", *slots, proposed={"v1": "A1"}) == ForUnit("v1", "a1")
    assert why(decided("A2", slot("v1"), proposed={"v1": "A1"})) == "no-slot-free"


def test_nothing_begins_before_somebody_has_signed_in() -> None:
    assert why(decided("A1", slot("v1"), sign_in=True)) == "nobody-signed-in"
    assert isinstance(decided("OP:1", slot("v1"), sign_in=True), ForPerson)


@given(st.text(max_size=40))
def test_a_serial_number_is_found_in_a_label_and_else_left_as_it_is(text: str) -> None:
    assert serial_in(text) == text or "*" in text


def test_all_refusals_speak_to_a_technician() -> None:
    refusals = err.ScanRefused.__subclasses__()
    assert refusals
    for error in refusals:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)
        assert error.default_action
        assert error.default_cause
    assert len({error.code for error in refusals}) == len(refusals)


def test_a_unit_that_was_left_in_a_slot_goes_on_there() -> None:
    left = {"A1": "v2", "A2": "v1"}
    v1, v2, v3 = slot("v1"), slot("v2"), slot("v3")
    assert decided("a1", v1, v2, v3, left=left) == ForUnit("v2", "a1")
    assert decided("B7", v1, v2, v3, left=left) == ForUnit("v3", "B7"), "another unit lies in the others"
    assert decided("B7", v1, v2, left=left) == ForUnit("v1", "B7")
    assert decided("A1", v1, v2, left=left, focus="v1") == ForUnit("v1", "A1"), "a person says where"
    assert why(decided("A1", v1, slot("v2", "running", "B1"), left=left)) == "slot-running"
    assert decided("A1", v1, left=left) == ForUnit("v1", "A1"), "its slot is not of this line"
