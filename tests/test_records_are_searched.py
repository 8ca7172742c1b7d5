"""Runs are found by unit, lot, operator, outcome, time and text, and only those that fit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.report_lab import LabLine, ProbeGone, UnitBad
from workbench.events import Observed
from workbench.station.records_search import RunFilter
from workbench.station.reports.attempts import lot_facts, lot_runs, unit_facts
from workbench.station.reports.statistics import statistics
from workbench.station.run import Run


@pytest.fixture
def line(tmp_path: Path, database_url: str) -> Iterator[LabLine]:
    made = LabLine(tmp_path, database_url)
    yield made
    made.close()


def _found(line: LabLine, **wanted: object) -> list[str]:
    return [run.run_id for run in line.records.search(RunFilter(**wanted))]  # type: ignore[arg-type]


def test_each_filter_finds_what_it_names_and_all_together_must_fit(line: LabLine) -> None:
    bad = line.run("A1", UnitBad("100%_bad <x>"), operator="Ada").run_id
    gone = line.run("A2", ProbeGone("gone"), slot="v2", operator="Ben").run_id
    good = line.run("A1", operator="Ben").run_id
    with Run.begin("flash", "v1", journal_dir=line.journals, records=line.url) as by_hand:
        pass
    hand = by_hand.run_id
    assert _found(line) == [hand, good, gone, bad]
    assert _found(line, serial=" a1 ") == [good, bad]
    assert _found(line, serial="A") == []
    assert _found(line, lot="LOT-7") == [good, gone, bad]
    assert _found(line, operator="Ben") == [good, gone]
    assert _found(line, operator="Ben", serial="A1") == [good]
    assert _found(line, verb="flash") == [hand]
    assert _found(line, slot="v2") == [gone]
    assert _found(line, verdict="FAIL") == _found(line, code="lab-unit-bad") == [bad]
    assert _found(line, code="lab-unit-bad", operator="Ben") == []
    began = line.records.run(gone).summary.started_at
    assert _found(line, since=began) == [hand, good, gone]
    assert _found(line, until=began) == [bad]
    assert _found(line, since=began, until=began + timedelta(microseconds=1)) == [gone]


def test_text_is_found_wherever_it_stands_and_is_no_pattern(line: LabLine) -> None:
    bad = line.run("A1", UnitBad("100%_bad <x>"), operator="Ada").run_id
    good = line.run("A2", operator="Ben").run_id
    for text in ("100%_bad", "BAD <X>", "lab-unit", "ada", "c0ffeeA1"):
        assert _found(line, texts=(text,)) == [bad]
    assert _found(line, texts=("LOT-7",)) == [good, bad]
    abroad = line.run("A3", operator="Jürgen").run_id
    assert _found(line, texts=("JÜRG",)) == [abroad]
    for text in ("100__bad", "%bad%x", "nowhere", "doing flash"):
        assert _found(line, texts=(text,)) == []
    assert _found(line, texts=("LOT-7", "ada", bad[:8])) == [bad]
    assert _found(line, texts=("LOT-7", "ada", good[:8])) == []


def test_runs_outside_a_lot_are_found_by_the_chip_they_saw_and_the_unit_they_name(line: LabLine) -> None:
    line.run("A1")
    with Run.begin("identity", "v1", journal_dir=line.journals, records=line.url) as named:
        named.result["serial"] = "a1"
    with Run.begin("read", "v1", journal_dir=line.journals, records=line.url) as saw:
        saw.emit(_saw("C0FFEEa1"))
    with Run.begin("read", "v1", journal_dir=line.journals, records=line.url) as other:
        other.emit(_saw("c0ffeea2"))
    assert [run.run_id for run in unit_facts(line.records.engine, "A1").others] == [named.run_id, saw.run_id]
    assert len(_found(line, serial="A1")) == 2
    assert saw.run_id in _found(line, chip="c0ffeeA1")
    assert other.run_id not in _found(line, chip="c0ffeeA1")


def test_reports_fetch_a_lot_and_a_unit_with_all_that_was_done(line: LabLine) -> None:
    line.run("A1", UnitBad("bad"), voltage=3.9)
    line.run("A2")
    line.run("A1")
    with Run.begin("read", "v1", journal_dir=line.journals, records=line.url) as repair:
        repair.emit(_saw("c0ffeea1"))
    facts = lot_facts(line.records.engine, "LOT-7")
    assert (facts.quantity, dict(facts.states)) == (10, {"passed": 2})
    runs = list(lot_runs(line.records.engine, "LOT-7"))
    assert [(run.serial, run.verdict, run.attempt) for run in runs] == [
        ("A1", "FAIL", 1),
        ("A2", "PASS", 1),
        ("A1", "PASS", 2),
    ]
    assert runs[0].error is not None
    assert runs[0].error["action"] == "put it aside"
    assert [step.outcome for step in runs[0].steps] == ["PASS", "PASS", "FAIL"]
    assert runs[0].measurements[0].passed is False
    mine, theirs = statistics(runs), line.lots.stats("LOT-7")
    assert (mine.passed, mine.failed, mine.first_passed, mine.judged) == (
        theirs.passed,
        theirs.failed,
        theirs.first_pass,
        theirs.attempted,
    )
    unit = unit_facts(line.records.engine, "a1")
    assert [run.attempt for run in unit.runs] == [1, 2]
    assert [run.verb for run in unit.others] == ["read"]


def test_a_run_has_the_same_report_from_its_events(line: LabLine) -> None:
    ended = line.run("A1", UnitBad("bad"), at="provision")
    told = line.records.unit_run(ended.run_id[:13])
    assert (told.serial, told.lot, told.operator, told.attempt, told.verdict) == (
        "A1",
        "LOT-7",
        "Ada",
        1,
        "FAIL",
    )
    assert [(step.title, step.outcome) for step in told.steps] == [
        ("doing flash", "PASS"),
        ("doing provision", "FAIL"),
        ("doing trial", "NOT-REACHED"),
    ]
    assert (told.chip_id, told.error_code) == ("c0ffeea1", "lab-unit-bad")
    assert [(m.name, m.value) for m in told.measurements] == [("supply", 3.3)]


def _saw(chip_id: str) -> Observed:
    return Observed(what="chip-id", value=chip_id)
