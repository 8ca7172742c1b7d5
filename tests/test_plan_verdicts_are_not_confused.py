"""PASS, FAIL, ERROR and STOPPED of a unit's run: each for what it stands for, with measurements and
their limits, and whatever an engineer's step does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.steps_lab import StepsLab, Technician, boardless_lab, step
from workbench.events import Measured, Notice, StepFinished
from workbench.station.journal_reader import read_journal
from workbench.station.steps.context import limits_words, within


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StepsLab]:
    with boardless_lab(tmp_path_factory.mktemp("line")) as made:
        yield made


def test_a_unit_passes_when_all_its_steps_did(lab: StepsLab) -> None:
    done = lab.run(lab.recipe([step("own"), step("own"), step("own", name="again")]), lab.serial())
    assert (done.verdict, done.code) == ("PASS", None)
    assert done.steps == [("own", "PASS"), ("own-2", "PASS"), ("again", "PASS")]


@pytest.mark.parametrize(
    ("blame", "verdict"),
    [("unit", "FAIL"), ("trust", "FAIL"), ("station", "ERROR"), ("input", "ERROR"), ("bug", "ERROR")],
)
def test_the_blame_gives_the_verdict(lab: StepsLab, blame: str, verdict: str) -> None:
    done = lab.run(lab.recipe([step("own"), step("own", do="fail", file=blame), step("own")]), lab.serial())
    assert (done.verdict, done.code) == (verdict, f"own-{blame}")
    assert done.steps == [("own", "PASS"), ("own-2", verdict)]


@pytest.mark.parametrize("do", ["stop", "interrupt"])
def test_who_stops_a_run_gets_stopped(lab: StepsLab, do: str) -> None:
    done = lab.run(lab.recipe([step("own", do=do)]), lab.serial())
    assert done.verdict == "STOPPED"
    assert done.steps == [("own", "STOPPED")]


@pytest.mark.parametrize(
    ("do", "code"),
    [
        ("bug", "step-crashed"),
        ("exit", "step-crashed"),
        ("list", "step-misbehaved"),
        ("facts", "step-misbehaved"),
    ],
)
def test_a_mistake_in_a_step_is_an_error_and_no_fail(lab: StepsLab, do: str, code: str) -> None:
    done = lab.run(lab.recipe([step("own", do=do)]), lab.serial())
    assert (done.verdict, done.code) == ("ERROR", code)
    assert done.steps == [("own", "ERROR")]


def test_a_step_that_crashes_is_named_and_its_traceback_is_in_the_journal_alone(lab: StepsLab) -> None:
    done = lab.run(lab.recipe([step("own", do="bug")]), lab.serial())
    assert done.run.error is not None
    assert "step own of wb_own_steps: ZeroDivisionError" in done.run.error.what
    assert done.run.journal_path.name in done.run.error.action
    assert "Traceback" not in str(done.events)
    assert "1 // 0" in "".join(read_journal(done.run.journal_path).tracebacks)


def test_a_step_may_give_nothing_back(lab: StepsLab) -> None:
    done = lab.run(lab.recipe([step("own-lock", file=str(lab.folder / "kept"))]), lab.serial())
    assert (done.verdict, done.result["found"]) == ("PASS", {})


def test_a_value_out_of_its_limits_is_a_fail_with_name_value_and_limits(lab: StepsLab) -> None:
    done = lab.run(
        lab.recipe([step("own", do="measure", file="3V3,3.3,3.2,3.4;VBUS,4.1,4.5,5.5")]), lab.serial()
    )
    assert (done.verdict, done.code) == ("FAIL", "measurement-out-of-limits")
    assert done.run.error is not None
    for word in ("VBUS", "4.1 V", "4.5 to 5.5 V"):
        assert word in done.run.error.what
    assert [(m["name"], m["passed"]) for m in done.result["measurements"]] == [("3V3", True), ("VBUS", False)]
    assert [(m.name, m.value, m.low, m.high, m.passed) for m in done.of(Measured)][1] == (
        "VBUS",
        4.1,
        4.5,
        5.5,
        False,
    )


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_what_is_no_number_keeps_no_limits_and_stays_json(lab: StepsLab, value: str) -> None:
    done = lab.run(lab.recipe([step("own", do="measure", file=f"x,{value},0,5")]), lab.serial())
    assert done.verdict == "FAIL"
    assert json.loads(json.dumps(done.result["measurements"], allow_nan=False))[0]["value"] == value


def test_a_limit_for_a_value_that_cannot_have_one_is_the_stations_fault(lab: StepsLab) -> None:
    done = lab.run(lab.recipe([step("own", do="measure", file="x,,0,5")]), lab.serial())
    assert (done.verdict, done.code) == ("ERROR", "measurement-invalid")


@given(value=st.floats(allow_nan=False), low=st.floats(allow_nan=False), high=st.floats(allow_nan=False))
def test_limits_belong_to_the_values_that_keep_them(value: float, low: float, high: float) -> None:
    assert within("x", value, low, high) == (low <= value <= high)
    assert within("x", low, low, None)
    assert within("x", high, None, high)
    assert limits_words(low, high)


def test_nothing_that_a_board_says_reaches_a_terminal(lab: StepsLab) -> None:
    done = lab.run(lab.recipe([step("own", do="dirty")]), lab.serial())
    assert done.verdict == "PASS"
    told = json.dumps([repr(event) for event in done.events]) + json.dumps(done.result)
    assert not {c for c in ("\\x1b", "\\u001b", "\\x9b", "\\u009b", "\\u202e", "\\r") if c in told}
    failed = lab.run(lab.recipe([step("own", do="fail", file="unit", retries=1)]), lab.serial())
    notices = [notice.text for notice in failed.of(Notice)]
    assert any("done again" in text for text in notices)
    assert all(text.isprintable() for text in notices)


def test_a_passing_trouble_is_tried_again_and_seen(lab: StepsLab, tmp_path: Path) -> None:
    entry = step("own", do="flaky", file=str(tmp_path / "a"), retries=2)
    done = lab.run(lab.recipe([entry]), lab.serial())
    assert done.verdict == "PASS"
    assert done.steps == [("own", "ERROR"), ("own", "ERROR"), ("own", "PASS")]
    assert [finished.outcome for finished in done.of(StepFinished)] == ["ERROR", "ERROR", "PASS"]
    once = lab.run(lab.recipe([entry | {"retries": 1, "file": str(tmp_path / "b")}]), lab.serial())
    assert once.steps == [("own", "ERROR"), ("own", "ERROR")]


@pytest.mark.parametrize("blame", ["trust", "input", "bug"])
def test_what_does_not_pass_by_is_not_tried_again(lab: StepsLab, blame: str) -> None:
    done = lab.run(lab.recipe([step("own", do="fail", file=blame, retries=5)]), lab.serial())
    assert len(done.steps) == 1


def test_a_run_ends_after_its_current_step_when_that_is_asked(lab: StepsLab, tmp_path: Path) -> None:
    technician, serial = Technician(), lab.serial()
    recipe = lab.recipe([step("own", do="note", file=str(tmp_path / "n")), step("own"), step("own")])

    def cancel(event: object) -> None:
        technician.stop = "somebody pressed F8 \x1b[2J"

    done = lab.run(recipe, serial, technician, listener=cancel)
    assert (done.verdict, done.steps) == ("STOPPED", [])
    technician.stop = None

    def cancel_within(event: object) -> None:
        if getattr(event, "step", None) == "own":
            technician.stop = "somebody pressed F8"

    done = lab.run(recipe, serial, technician, listener=cancel_within)
    assert (done.verdict, done.steps) == ("STOPPED", [("own", "PASS")])
    technician.stop = None
    done = lab.run(recipe, serial, technician)
    assert done.verdict == "PASS"
    assert done.steps == [("own", "DONE-BEFORE"), ("own-2", "PASS"), ("own-3", "PASS")]
    assert (tmp_path / "n").read_text() == "own\n"


@pytest.mark.parametrize(
    ("no", "says", "verdict", "code"),
    [
        ("fail", True, "PASS", None),
        ("fail", False, "FAIL", "not-confirmed"),
        ("stop", False, "STOPPED", "refused-by-person"),
    ],
)
def test_a_person_says_yes_or_no(lab: StepsLab, no: str, says: bool, verdict: str, code: str | None) -> None:
    technician = Technician(says=says)
    done = lab.run(lab.recipe([step("confirm", text="Is the lamp green?", no=no)]), lab.serial(), technician)
    assert (done.verdict, done.code) == (verdict, code)
    assert technician.asked == ["Is the lamp green?"]


def test_nobody_to_ask_is_the_stations_trouble(lab: StepsLab) -> None:
    done = lab.run(lab.recipe([step("own", do="scan")]), lab.serial())
    assert (done.verdict, done.code) == ("ERROR", "answer-impossible")


def test_no_label_is_printed_before_the_identity_is_verified(lab: StepsLab) -> None:
    (lab.bench.folder / "station.toml").write_text('[station]\nid = "lab"\n[printer]\nfolder = "labels"\n')
    early = lab.run(lab.recipe([step("label")], identity={"ca": "ca"}), "E-1")
    assert (early.verdict, early.code) == ("ERROR", "label-too-early")
    assert not lab.labels.exists()
    assert lab.run(lab.recipe([step("label")]), "E-2").verdict == "PASS", "a product without identities"
    assert [path.name for path in lab.labels.iterdir()] == ["E-2.zpl"]
