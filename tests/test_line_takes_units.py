"""Units go through a line as they are scanned: begun, asked about, cancelled, taken out; the rest is
refused with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.line_lab import LineLab, begun, code, line_lab, run_unit, wait_for, wait_phase
from workbench.database.engine import open_engine
from workbench.station.labels.errors import LabelLayoutInvalid
from workbench.station.labels.payload import label_of, payload
from workbench.station.line.line import Line
from workbench.station.lots.lot_file import load_lot
from workbench.station.lots.lots import Lots
from workbench.station.places import database_url

pytestmark = pytest.mark.xdist_group("line takes units")


@pytest.fixture(scope="module")
def lab() -> Iterator[LineLab]:
    with line_lab(2) as made:
        yield made


@pytest.fixture(scope="module")
def lot_lab() -> Iterator[LineLab]:
    with line_lab(2) as made:
        yield made


@pytest.fixture(scope="module")
def line(lot_lab: LineLab) -> Iterator[Line]:
    """A line that begins at a scan, in a lot of nine units."""
    lab = lot_lab
    lot = lab.lot("seven", rule="range", prefix="SN-", first=1, last=9, digits=3)
    with lab.line(lab.recipe("chatter", "gate"), lot) as made:
        yield made


def test_two_scans_in_one_read_begin_two_units(lot_lab: LineLab, line: Line) -> None:
    answers = line.scans("SN-001\r\nsn-002\n")
    assert [(answer.kind, answer.slot, answer.serial) for answer in answers] == [
        ("started", "v1", "SN-001"),
        ("started", "v2", "SN-002"),
    ]
    assert [step.title for step in answers[0].steps] == ["doing chatter", "doing gate"]
    assert code(line.scan("SN-003")) == "no-slot-free"
    assert code(line.scan("SN-003", "v1")) == "slot-running"
    assert code(line.scan("SN-001")) == "unit-at-work"
    assert line.retry("v1").kind == "refused"
    for slot in ("v1", "v2"):
        lot_lab.open_gate(slot)
        view = wait_phase(line, slot, "done")
        assert (view.verdict, view.attempt) == ("PASS", 1)
        assert view.notes[-1] == "evil  words"
        assert view.generation == 1
    state = wait_for(line, lambda s: s.lot is not None and s.lot.passed == 2, "counted")
    assert state.lot is not None
    assert (state.lot.first_pass, state.lot.attempted) == (2, 2)
    assert state.lot.units_per_hour


def test_what_is_no_unit_of_this_lot_is_refused_with_the_reason(lot_lab: LineLab, line: Line) -> None:
    if line.state().slot("v1").verdict is None:  # this test runs alone
        test_two_scans_in_one_read_begin_two_units(lot_lab, line)
    assert code(line.scan("SN-001")) == "serial-duplicate"
    assert code(line.scan(payload(label_of("SN-001")), "v2")) == "serial-duplicate"
    assert code(line.scan("A" * 500)) == "scan-too-long"
    assert code(line.scan("SN-003\x1b[2J")) == "scan-garbled"
    assert code(line.scan("SN-999", "v1")) == "serial-wrong-format"
    assert code(line.scan("SLOT:v9")) == "scan-slot-unknown"
    assert code(line.answer("v1", "old", "text")) == "no-question"
    assert code(line.confirm("v1")) == "nothing-proposed"
    assert line.scan("\r\n").kind == "ignored"
    assert line.scan("OP:4711").text == "4711"
    assert not line.cancel("v1")
    assert not line.acknowledge("v1")


def test_a_verdict_stays_until_the_unit_is_taken_out_or_the_next_one_begins(
    lot_lab: LineLab, line: Line
) -> None:
    if line.state().slot("v1").verdict is None:  # this test runs alone
        test_two_scans_in_one_read_begin_two_units(lot_lab, line)
    assert line.state().slot("v1").verdict == "PASS"
    assert code(line.scan("SN-003")) == "scan-slot-unclear"
    assert line.take_out("v1")
    assert not line.take_out("v1")
    assert line.state().slot("v1").verdict is None
    assert line.scan("SLOT:v2").slot == "v2"
    assert begun(line.scan("SN-003")).slot == "v2", "the slot that was chosen, although v1 is free"
    assert wait_phase(line, "v2", "done").verdict == "PASS"
    assert begun(line.next_unit()).serial == "SN-004"
    assert wait_phase(line, "v1", "done").verdict == "PASS"


def test_cancelling_ends_a_run_after_its_step_and_it_goes_on_later(lab: LineLab) -> None:
    with lab.line(lab.recipe("pass", "gate", "pass"), slots=["v1"], operator="Ada") as line:
        begun(line.scan("C1"))
        wait_for(line, lambda s: s.slots[0].current is not None and s.slots[0].current.step == "gate-1")
        assert line.cancel("v1")
        assert line.state().slot("v1").phase == "stopping"
        lab.open_gate("v1")
        view = wait_phase(line, "v1", "done")
        assert (view.verdict, [step.state for step in view.steps]) == (
            "STOPPED",
            ["passed", "passed", "waiting"],
        )
        assert line.retry("v1").kind == "resumed"
        view = wait_phase(line, "v1", "done")
        assert (view.verdict, view.steps[0].state) == ("PASS", "done-before")
        assert lab.did("C1") == ["pass-0", "gate-1", "pass-2"]


def test_questions_wait_for_their_answer_and_for_nothing_else(lab: LineLab) -> None:
    with lab.line(lab.recipe("scan", "confirm"), slots=["v1"]) as line:
        begun(line.scan("Q1"))
        view = wait_phase(line, "v1", "asking")
        assert view.question is not None
        assert (view.question.kind, view.question.text) == ("scan", "scan the label")
        assert code(line.answer("v1", "another", "Q1")) == "no-question"
        assert line.scan("Q1").kind == "answered"
        assert code(line.answer("v1", view.question.prompt, "Q1")) == "no-question", "once"
        state = wait_for(line, lambda s: (q := s.slots[0].question) is not None and q.kind == "confirm")
        question = state.slots[0].question
        assert question is not None
        assert code(line.scan("Q2")) == "slot-running"
        assert line.answer("v1", question.prompt, True).kind == "answered"
        assert wait_phase(line, "v1", "done").verdict == "PASS"
        begun(line.scan("Q3"))
        wait_phase(line, "v1", "asking")
        assert line.cancel("v1")
        assert wait_phase(line, "v1", "done").verdict == "STOPPED"


def test_a_recipe_that_wants_confirmation_proposes_first(lab: LineLab) -> None:
    lot = lab.lot("nine", rule="range", prefix="P", first=1, last=2, digits=1)
    with lab.line(lab.recipe("pass", start="confirm"), lot) as line:
        answer = line.scan("P1")
        assert (answer.kind, answer.slot, answer.serial) == ("proposed", "v1", "P1")
        assert line.scan("P1").slot == "v1", "scanning it again confirms nothing"
        assert line.next_unit().slot == "v2"
        assert line.state().slot("v1").phase in ("starting", "ready")
        line.refuse("v2")
        assert code(line.confirm("v2")) == "nothing-proposed"
        assert line.confirm("v1").kind == "started"
        assert wait_phase(line, "v1", "done").verdict == "PASS"
        assert line.next_unit("v2").serial == "P2", "what was refused is handed out again"


def test_units_that_were_shipped_or_belong_elsewhere_are_refused(lab: LineLab) -> None:
    recipe, shipped, other = lab.recipe("pass"), lab.lot("shipped"), lab.lot("other")
    with lab.line(recipe, shipped, slots=["v1"]) as line:
        assert run_unit(line, "S1").verdict == "PASS"
    engine = open_engine(database_url(lab.bench.folder))
    Lots(engine).ship("S1")
    engine.dispose()
    with lab.line(recipe, shipped, slots=["v1"]) as line:
        assert code(line.scan("S1")) == "unit-shipped"
    with lab.line(recipe, other, slots=["v1"], sign_in=True) as line:
        assert code(line.scan("S2")) == "nobody-signed-in"
        line.sign_in("Ada")
        assert code(line.scan("S1")) in ("serial-wrong-lot", "unit-shipped")
        assert run_unit(line, "S2").verdict == "PASS"
        assert line.state().operator == "Ada"


def test_a_unit_that_fails_is_never_an_error_and_may_be_tried_again(lab: LineLab) -> None:
    with lab.line(lab.recipe("fail"), slots=["v1"]) as line:
        view = run_unit(line, "F1")
        assert (view.verdict, view.error and view.error.code) == ("FAIL", "measurement-out-of-limits")
        assert "voltage: 1.0 V" in view.notes
        again = begun(line.scan("F1"))
        assert again.slot == "v1"
        assert wait_phase(line, "v1", "done").attempt == 2


def test_the_label_of_a_lot_is_looked_at_when_its_line_is_opened(lab: LineLab) -> None:
    recipe, path = lab.recipe("pass", label={"width_mm": 30}), lab.folder / "labelled.toml"
    wrong = {
        'lines = ["{sirial}"]': "did you mean 'serial'",
        "width_mm = -1": "label.width_mm",
        "hight_mm = 9": "height_mm",
    }
    for line_of_label, said in wrong.items():
        path.write_text(f'[lot]\nid = "labelled"\n[label]\n{line_of_label}\n')
        with pytest.raises(LabelLayoutInvalid) as caught, lab.line(recipe, load_lot(path)):
            pytest.fail("the line was opened")
        assert said in caught.value.what
        assert str(path) in caught.value.what, "the lot's file, not the recipe's"
    path.write_text('[lot]\nid = "labelled"\n[label]\nwidth_mm = 60\n')
    with lab.line(recipe, load_lot(path), slots=["v1"]) as line:
        assert run_unit(line, "L1").verdict == "PASS"


def test_the_rma_of_a_line_reaches_the_steps_of_its_unit(lab: LineLab) -> None:
    ends: list[dict[str, Any]] = []

    def hear(_slot: str, event: dict[str, Any]) -> None:
        if event["event"] == "run-finished":
            ends.append(event["result"]["found"])

    with lab.line(lab.recipe("rma"), slots=["v1"], rma="rma-0123456789ab", heard=[hear]) as line:
        assert run_unit(line, "R1").verdict == "PASS"
    assert ends == [{"rma-0": {"rma": "rma-0123456789ab"}}]
