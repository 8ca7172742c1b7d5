"""The plain face says every change of the line in words, and nothing twice."""

from __future__ import annotations

from dataclasses import replace

from tests.tui_lab import BOOT_FAILED, LabLine, LabPeople, busy, finished, propose, running, slot, unfinished
from workbench.station.line.state import LineState, Question
from workbench.tui.face import Face, Message
from workbench.tui.orders import Order, carry_out
from workbench.tui.plain_lines import changes, command_help, everything, message_lines, unfinished_lines

READY = LineState(slots=(slot("v1"), slot("v2")))


def test_a_unit_is_followed_from_scan_to_verdict() -> None:
    first = replace(READY, slots=(running("v1", "SN-1", 0, 0), slot("v2")))
    assert changes(READY, first) == ["v1: SN-1, step 1 of 6: Flash the bootloader, at most 1:00."]
    further = replace(READY, slots=(running("v1", "SN-1", 0, 90), slot("v2")))
    assert changes(first, further) == []  # progress alone is not said
    second = replace(READY, slots=(running("v1", "SN-1", 1, 0), slot("v2")))
    assert changes(further, second) == ["v1: SN-1, step 2 of 6: Flash the application, at most 1:00."]
    failed = replace(READY, slots=(finished("v1", "SN-1", "FAIL", BOOT_FAILED), slot("v2")))
    told = "\n".join(changes(second, failed))
    for words in ("v1: FAIL, SN-1.", "no-boot", "Cause:", "What to do: Put the unit into the red tray."):
        assert words in told
    assert changes(failed, failed) == []


def test_questions_restarts_and_the_database_are_said() -> None:
    asked = slot("v1", "asking", question=Question(prompt="p", kind="confirm", text="Is it on?"))
    told = changes(
        READY, replace(READY, slots=(asked, slot("v2", generation=2)), database="lost", reserved=3)
    )
    assert "v1 asks: Is it on? /yes or /no; Enter alone is no." in told
    assert "v2: its process died and was started again." in told
    assert "Database lost: 3 serial numbers in reserve." in told


def test_the_whole_line_and_what_a_crash_left_are_said() -> None:
    told = "\n".join(everything(busy(0.0), 0.0))
    for words in (
        "312 of 500 passed",
        "v2: PASS, SN-000413.",
        "v8: out of order.",
        "v5 asks: Scan the label",
    ):
        assert words in told
    left = "\n".join(unfinished_lines(replace(READY, unfinished=unfinished())))
    assert "SN-000413 (v2): It is not known whether the lock is set." in left
    assert len(command_help()) > 10


def test_a_refusal_has_code_cause_and_action() -> None:
    line = LabLine(answers=propose)
    face = Face()
    face.see(line.state(), 1.0)
    for text, code in (("D1", "serial-duplicate"), ("B1", "screen-defect")):
        face.replied(carry_out(Order(act="scan", text=text), line, LabPeople()), 2.0)
        assert isinstance(face.message, Message)
        refused, cause, action = message_lines(face.message)
        assert code in refused
        assert cause.startswith("  Cause: ")
        assert action.startswith("  What to do: ")
