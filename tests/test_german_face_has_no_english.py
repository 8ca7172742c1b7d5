"""A technician who reads German reads no English, whatever becomes of a unit: not even what errors say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.german_lab import Reader, english_words
from tests.line_lab import LineLab, begun, kill, line_lab, run_unit, wait_for, wait_phase, worker_pids
from workbench.languages import _, set_language
from workbench.station.line.line import Line
from workbench.station.line.state import LineState
from workbench.station.line.unfinished import unfinished_view
from workbench.station.lots.values import UnfinishedRun
from workbench.station.steps.resume import Progress
from workbench.tui.orders import Order, Reply
from workbench.tui.plain_lines import command_help


@pytest.fixture(autouse=True)
def german() -> Iterator[None]:
    set_language("de")
    yield
    set_language("en")


def test_the_search_knows_english_words() -> None:
    reader = Reader(told=["Ein Gerät. It was not ready", "slot-broken"])
    assert reader.english() == [" it was not ready "]
    assert len(english_words()) > 1000


def test_a_unit_that_passes_fails_is_stopped_and_loses_its_process() -> None:
    reader = Reader()
    with line_lab() as lab:
        recipe = lab.recipe({"step": "confirm", "text": "Leuchtet die LED?"})
        with lab.line(recipe) as line:
            reader.see(wait_for(line, lambda s: s.slot("v1").phase == "ready"))
            for serial, verdict in (("A1", "PASS"), ("A2", "FAIL"), ("A3", "STOPPED"), ("A4", "ERROR")):
                answered(line, lab, serial, verdict, reader)
                assert line.state().slot("v1").verdict == verdict
            for scan in ("A1", "x" * 500, "A\x00", "SLOT:v9"):
                answer = line.scan(scan)
                assert answer.error is not None, scan
                reader.hear(Reply(order=Order(act="scan", text=scan), answer=answer, error=answer.error))
    assert "Leuchtet die LED?" in " ".join(reader.told)
    assert _("FAIL") in " ".join(reader.told)
    assert reader.english() == []


def answered(line: Line, lab: LineLab, serial: str, verdict: str, reader: Reader) -> None:
    """A unit that is asked for, and comes to that verdict."""
    begun(line.scan(serial))
    asked = wait_phase(line, "v1", "asking").question
    assert asked is not None
    reader.see(line.state())
    if verdict in ("PASS", "FAIL"):
        line.answer("v1", asked.prompt, verdict == "PASS")
    elif verdict == "STOPPED":
        line.cancel("v1")
    else:
        kill(worker_pids(lab.bench)["v1"])
    wait_phase(line, "v1", "done", "broken")
    reader.see(line.state())


def test_a_question_without_an_answer_and_a_port_that_is_not_there() -> None:
    reader = Reader()
    confirm = {"step": "confirm", "text": "Leuchtet die LED?", "wait_s": 0.3}
    expect = {"step": "expect", "pattern": "(.*)V", "measure": "Spannung", "low": 1.0, "within_s": 1}
    with line_lab() as lab:
        for plan, code in ((confirm, "answer-missing"), (expect, "serial-missing")):
            with lab.line(lab.recipe(plan)) as line:
                view = run_unit(line, f"B-{code[:2]}")
                assert (view.verdict, view.error and view.error.code) == ("ERROR", code)
                reader.see(line.state())
    assert reader.english() == []


@pytest.mark.parametrize("irreversible", [False, True])
@pytest.mark.parametrize("during", [None, "flash"])
def test_what_a_power_cut_left(during: str | None, *, irreversible: bool) -> None:
    run = UnfinishedRun(
        serial="A1",
        lot="L",
        slot="v1",
        run_id="r",
        attempt=1,
        operator=None,
        began_at=datetime.now(UTC),
        progress=Progress(finished=("erase",), during=during, irreversible=irreversible, facts={}),
    )
    reader = Reader()
    titles = {"erase": "erasing the whole chip", "flash": "writing the firmware and reading it back"}
    reader.see(replace(LineState(), unfinished=(unfinished_view(run, titles),)))
    reader.told += command_help()
    assert reader.english() == []
