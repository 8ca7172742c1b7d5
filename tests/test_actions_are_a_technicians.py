"""What a slot tells to do can be done at the line, with a scanner and F-keys, and is read to its end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.tui_lab import PROBE_LOST, busy, finished, slot
from workbench.boards.leases import LeaseLost
from workbench.errors import Stopped, WorkbenchError
from workbench.probes.errors import ChipLocked, ProbeLost
from workbench.station.line.endings import after_run
from workbench.station.line.errors import BoardUnknown, StepHangs
from workbench.station.line.moves import view_of
from workbench.station.line.state import ErrorView, LineState, Question, SlotView, StepView
from workbench.tui.actions import _BY_CODE, action_words
from workbench.tui.drawn import text_of
from workbench.tui.face import Face, Message
from workbench.tui.page import Place, page
from workbench.tui.plain_lines import slot_lines
from workbench.tui.symbols import FINE
from workbench.tui.wording import next_action, sentence

ERRORS = Path(__file__).resolve().parent.parent / "docs" / "errors"


def ended(verdict: str, error: WorkbenchError) -> SlotView:
    """A slot whose unit ended by that error."""
    return finished("v1", "SN-1", verdict, view_of(error))


def drawn(face: Face) -> str:
    """The smallest screen, as words."""
    return text_of(page(face, Place(80, 24, 40.0, "12:00", FINE)))


def three(first: SlotView) -> Face:
    """A line of three slots."""
    face = Face()
    face.see(replace(busy(0.0), slots=(first, slot("v2"), slot("v3")), notices=("a remark",)), 1.0)
    return face


@pytest.mark.parametrize(
    ("verdict", "error", "told"),
    [
        ("STOPPED", Stopped("cancelled"), "Press F5 to go on, or take the unit out."),
        ("STOPPED", LeaseLost("lab took the slot with --kick"), "when it is free, press F5"),
        ("ERROR", ProbeLost("the probe is gone"), "then press F5"),
        ("ERROR", ProbeLost("gone", action="change the cable"), "Change the cable."),
        (
            "ERROR",
            BoardUnknown("?", action="run `workbench doctor`"),
            "Fetch an engineer: run `workbench doctor`.",
        ),
        ("FAIL", ChipLocked("the chip is locked"), "put it where faulty units go"),
        ("ERROR", WorkbenchError("?", action=""), ""),
    ],
)
def test_no_slot_sends_a_technician_to_a_command_line(verdict: str, error: WorkbenchError, told: str) -> None:
    action = next_action(ended(verdict, error))
    assert told in action
    assert "command again" not in action
    assert "F7" not in action, "the slot is not out of order"


@pytest.mark.parametrize("error", [BoardUnknown("?"), StepHangs("?")])
def test_a_broken_slot_tells_its_key_once_and_how_to_go_on(error: WorkbenchError) -> None:
    action = next_action(replace(ended("ERROR", error), phase="broken"))
    assert action.count("F7") == 1
    assert "scan or type" in action
    assert "acknowledge" not in action


def test_a_refused_scan_keeps_the_action_of_its_reason() -> None:
    error = view_of(ProbeLost("the probe is gone"))
    assert action_words(error) == error.action


def test_every_error_with_words_of_its_own_is_one() -> None:
    assert [code for code in _BY_CODE if not (ERRORS / f"{code}.md").exists()] == []


def test_a_slot_that_an_irreversible_step_broke_says_what_went_wrong() -> None:
    halfway = StepView(step="enroll", title="locking", state="error", limit_s=1.0, irreversible=True)
    broken = after_run(replace(finished("v1", "SN-1", "ERROR", PROBE_LOST), steps=(halfway,)))
    assert broken is not None
    assert broken.cause == "probe-lost: the probe of v3 stopped answering"


def test_the_plain_face_names_words_and_not_keys() -> None:
    told = "\n".join(slot_lines(ended("STOPPED", Stopped("cancelled")), 0.0))
    assert "Press /again to go on" in told
    assert "F5" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("v1 has the answer", "v1 has the answer."),
        ("SN-1 begins", "SN-1 begins."),
        ("serial-lost: gone", "serial-lost: gone."),
        ("wait: it ends", "Wait: it ends."),
        ("the unit", "The unit."),
    ],
)
def test_a_name_stays_as_it_is_written(text: str, told: str) -> None:
    assert sentence(text) == told


def test_a_long_question_is_read_to_its_end_on_a_small_screen() -> None:
    text = "Is the lamp green, and does the housing close without force on all of its four sides?"
    asking = slot("v1", "asking", serial="SN-1", question=Question(prompt="p", kind="confirm", text=text))
    assert drawn(three(asking)).count("four sides?") == 2, "in its slot and below"


def test_a_viewer_is_told_no_key_that_does_nothing_for_it() -> None:
    question = Question(prompt="p", kind="confirm", text="Is the lamp green?")
    asking = slot("v1", "asking", serial="SN-1", question=question)
    line = replace(busy(0.0), slots=(asking,), notices=())
    for read_only, key in ((False, " F2  Yes"), (True, "(F2 Yes)")):
        face = Face()
        for now in (1.0, 30.0):
            face.see(replace(line, read_only=read_only), now)
        shown = drawn(face)
        assert key in shown
        assert ("F2 = yes" in shown) is not read_only
        assert "Is the lamp green?" in shown
    failed = Face()
    failed.see(replace(line, slots=(finished("v1", "SN-1", "FAIL"),), read_only=True), 1.0)
    assert "(F5 Again)" in drawn(failed)


def test_a_long_refusal_is_read_to_its_end_on_a_small_screen() -> None:
    why = "Q0001 is no serial number of this lot: the lot's numbers are SN-0001 to SN-0020, each with a digit"
    action = (
        "put the unit to the good ones; if there are two, give both to somebody who knows the lot, the end"
    )
    error = ErrorView(code="serial-wrong-format", blame="input", what=why, cause="", action=action)
    for line in (three(slot("v1")), three(finished("v1", "SN-1", "PASS"))):
        line.message = Message("refused", why, error)
        for words in ("each with a digit", "(serial-wrong-format)", "the lot, the end."):
            assert words in " ".join(drawn(line).split())
    line.message = Message("refused", f"{why} {why}", error)
    assert "… (serial-wrong-format)" in " ".join(drawn(line).split())


def test_the_verdict_is_seen_where_there_is_no_room_for_the_number() -> None:
    face = Face()
    units = tuple(finished(f"v{n}", f"SN-0000{n}", "PASS") for n in (1, 2, 3))
    face.see(LineState(slots=units), 1.0)
    assert text_of(page(face, Place(40, 10, 40.0, "12:00", FINE))).count("PASS") == 3
