"""A run's records hold what its journal says, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from workbench.events import Observed, Progress
from workbench.station.journal_reader import JournalDamaged, read_journal
from workbench.station.records import Records, RunNotFound
from workbench.station.run import Run
from workbench.station.throttle import Stamped


def _run(folder: Path, url: str, slot: str = "a1", verb: str = "flash") -> Run:
    with Run.begin(verb, slot, "microbit-v1", journal_dir=folder / "journals", records=url) as run:
        with run.step("program", "Programming"):
            run.emit(Progress(step="program", done=10, total=10))
            run.emit(Observed(what="chip-id", value="00c0ffee"))
        run.result["bytes"] = 10
    return run


def test_the_database_has_each_event_of_the_journal(tmp_path: Path, database_url: str) -> None:
    run = _run(tmp_path, database_url)
    with Records.open(database_url) as records:
        detail = records.run(run.run_id)
    assert run.journal_path.parent.parent == tmp_path / "journals" / "recorded"
    assert detail.events == read_journal(run.journal_path).events
    assert [event["seq"] for event in detail.events] == list(range(6))
    summary = detail.summary
    assert (summary.verb, summary.slot, summary.target) == ("flash", "a1", "microbit-v1")
    assert (summary.verdict, summary.error, summary.complete) == ("PASS", None, True)
    assert summary.result == {"bytes": 10}
    assert abs(summary.started_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert summary.finished_at >= summary.started_at
    assert [(seen.what, seen.value, seen.seq) for seen in detail.observations] == [("chip-id", "00c0ffee", 3)]


def test_runs_are_found_by_slot_verdict_and_time_newest_first(tmp_path: Path, database_url: str) -> None:
    first = _run(tmp_path, database_url, slot="a1")
    middle = datetime.now(UTC)
    second = _run(tmp_path, database_url, slot="a2")
    third = Run.begin("read", "a1", journal_dir=tmp_path / "journals", records=database_url)
    with pytest.raises(KeyboardInterrupt), third:
        raise KeyboardInterrupt
    with Records.open(database_url) as records:
        assert [r.run_id for r in records.runs()] == [third.run_id, second.run_id, first.run_id]
        assert [r.run_id for r in records.runs(limit=1)] == [third.run_id]
        assert [r.run_id for r in records.runs(slot="a1")] == [third.run_id, first.run_id]
        assert [r.run_id for r in records.runs(verdict="STOPPED")] == [third.run_id]
        assert [r.run_id for r in records.runs(since=middle)] == [third.run_id, second.run_id]
        assert records.runs(slot="a9") == []
        assert [o.run_id for o in records.observations("chip-id")] == [second.run_id, first.run_id]


def test_a_run_is_found_by_the_beginning_of_its_id(tmp_path: Path, database_url: str) -> None:
    runs = [_run(tmp_path, database_url) for _ in range(2)]
    with Records.open(database_url) as records:
        assert records.run(runs[0].run_id[:13].upper()).summary.run_id == runs[0].run_id
        with pytest.raises(RunNotFound, match="more than one"):
            records.run("")
        for none in ("%", runs[0].run_id[:4] + "_", "zzzz", "'"):
            with pytest.raises(RunNotFound, match="no run"):
                records.run(none)


def test_text_that_no_database_can_hold_is_recorded_with_replacements(
    tmp_path: Path, database_url: str
) -> None:
    nasty = "a\0b\ud800c\x1b[31m\U0001f600"
    with Run.begin("console", journal_dir=tmp_path, records=database_url) as run:
        run.emit(Observed(what="line", value={nasty: [nasty, float("nan"), 2**200]}))
        run.result["line"] = nasty
    with Records.open(database_url) as records:
        detail = records.run(run.run_id)
    clean = "a\ufffdb\ufffdc\x1b[31m\U0001f600"
    assert detail.observations[0].value == {clean: [clean, "nan", 2**200]}
    assert detail.summary.result == {"line": clean}
    assert read_journal(run.journal_path).events[1]["value"][nasty][0] == nasty


def test_recording_a_journal_again_changes_nothing(tmp_path: Path, database_url: str) -> None:
    run = _run(tmp_path, database_url)
    with Records.open(database_url) as records:
        before = records.run(run.run_id)
        records.record(run.journal_path)
        assert records.run(run.run_id) == before
        assert len(records.runs()) == 1


def test_a_journal_without_its_end_does_not_pass_for_the_recorded_one(
    tmp_path: Path, database_url: str
) -> None:
    run = _run(tmp_path, database_url)
    lines = run.journal_path.read_bytes().splitlines(keepends=True)
    with Records.open(database_url) as records:
        assert records.check_journal(run.journal_path).run_id == run.run_id
        run.journal_path.write_bytes(b"".join(lines[:-1]))
        with pytest.raises(JournalDamaged):
            records.check_journal(run.journal_path)
        last = json.loads(lines[-1])
        last["data"]["verdict"] = "FAIL"
        run.journal_path.write_bytes(b"".join(lines[:-1]) + json.dumps(last).encode() + b"\n")
        with pytest.raises(JournalDamaged):
            records.check_journal(run.journal_path)


def test_listeners_hear_the_same_events_that_are_recorded(tmp_path: Path, database_url: str) -> None:
    heard: list[Stamped] = []
    run = Run.begin("read", journal_dir=tmp_path, records=database_url, listeners=[heard.append])
    with run, run.step("read", "Reading"):
        pass
    with Records.open(database_url) as records:
        assert list(records.run(run.run_id).events) == [stamped.as_json() for stamped in heard]
