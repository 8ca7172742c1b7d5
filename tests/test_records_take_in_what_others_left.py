"""Runs whose process died, or whose database was away, reach the records later, once, as what they were."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fixtures_postgres import PostgresServer
from workbench.events import Event, Notice, Progress, RunFinished
from workbench.station.orphans import import_orphans
from workbench.station.records import Records
from workbench.station.run import Run

SEED = int(os.environ.get("WORKBENCH_TEST_SEED", "20261"))

HANGING = """
import sys
from pathlib import Path
from workbench.events import Observed, Progress
from workbench.station.run import Run

with Run.begin("flash", "a1", "microbit-v1", journal_dir=Path(sys.argv[1]), records=None) as run:
    run.emit(Observed(what="chip-id", value="00c0ffee"))
    with run.step("program", "Programming"):
        run.emit(Progress(step="program", done=34816, total=204800))
        print("hangs", flush=True)
        sys.stdin.read()
"""

BUSY = """
import sys
from pathlib import Path
from workbench.events import Observed
from workbench.station.run import Run

for number in range(1000):
    with Run.begin("read", journal_dir=Path(sys.argv[1]), records=sys.argv[2]) as run:
        run.emit(Observed(what="number", value=number))
    print(run.run_id, flush=True)
"""


@contextmanager
def _hanging_run(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", HANGING, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"hangs\n"
        yield process
        process.kill()


def _journal(folder: Path) -> Path:
    (journal,) = folder.glob("*.jsonl")
    return journal


def test_a_killed_run_is_recorded_as_the_stations_error_with_all_it_saw(
    tmp_path: Path, database_url: str
) -> None:
    with _hanging_run(tmp_path) as process:
        process.kill()
    with Records.open(database_url) as records:
        (run,) = import_orphans(tmp_path, records).runs
        detail = records.run(run.run_id)
        assert import_orphans(tmp_path, records).runs == ()
    assert (run.verb, run.slot, run.target, run.verdict) == ("flash", "a1", "microbit-v1", "ERROR")
    assert not run.complete
    assert run.error is not None
    assert (run.error["code"], run.error["blame"]) == ("station-died", "station")
    assert "program, after 34816 of 204800 bytes" in run.error["what"]
    assert [event["event"] for event in detail.events] == [
        "run-started",
        "observed",
        "step-started",
        "progress",
    ]
    assert detail.observations[0].value == "00c0ffee"
    assert list(tmp_path.glob("recorded/*/*.jsonl")) == [
        tmp_path / "recorded" / _month(run.journal) / run.journal
    ]


def _month(name: str) -> str:
    return f"{name[:4]}-{name[4:6]}"


def test_a_living_run_is_left_alone(tmp_path: Path, database_url: str) -> None:
    with Records.open(database_url) as records, _hanging_run(tmp_path):
        assert import_orphans(tmp_path, records).runs == ()
        assert records.runs() == []
        assert _journal(tmp_path).is_file()


def test_the_next_run_takes_in_a_killed_one_and_says_so(tmp_path: Path, database_url: str) -> None:
    with _hanging_run(tmp_path) as process:
        process.kill()
    heard: list[Event] = []
    listener = [lambda stamped: heard.append(stamped.event)]
    with Run.begin("read", journal_dir=tmp_path, records=database_url, listeners=listener) as run:
        pass
    notice = heard[-2]
    assert isinstance(notice, Notice)
    assert isinstance(heard[-1], RunFinished)
    assert "flash in slot a1" in notice.text
    assert run.verdict == "PASS"
    with Records.open(database_url) as records:
        assert [found.verb for found in records.runs()] == ["read", "flash"]


def test_while_the_server_is_down_runs_go_on_and_are_recorded_when_it_is_back(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    url = postgres.new_database()
    heard: list[Event] = []
    listener = [lambda stamped: heard.append(stamped.event)]
    try:
        with Run.begin("flash", journal_dir=tmp_path, records=url, listeners=listener) as first:
            postgres.stop()
            first.emit(Progress(step="program", done=1, total=1))
    finally:
        postgres.start()
    assert (first.verdict, first.exit_code) == ("PASS", 0)
    assert first.journal_path == _journal(tmp_path)
    notice = heard[-2]
    assert isinstance(notice, Notice)
    assert notice.level == "warning"
    assert str(first.journal_path) in notice.text
    with Run.begin("read", journal_dir=tmp_path, records=url, listeners=listener):
        pass
    assert heard[-2] == Notice(level="info", text="1 earlier run(s) went into the records only now")
    with Records.open(url) as records:
        assert [(run.verb, run.verdict, run.complete) for run in records.runs()] == [
            ("read", "PASS", True),
            ("flash", "PASS", True),
        ]


@pytest.mark.parametrize("trial", range(3))
def test_killed_at_a_random_moment_no_run_is_lost_or_doubled(
    tmp_path: Path, database_url: str, trial: int
) -> None:
    chance = random.Random(SEED + trial)
    journals = tmp_path / "journals"
    command = [sys.executable, "-c", BUSY, str(journals), database_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(chance.randint(1, 12))]
        for _ in range(chance.randint(0, 300_000)):  # somewhere within a run, its end, or its recording
            pass
        process.send_signal(signal.SIGKILL)
        said += [line.strip() for line in process.stdout if line.endswith("\n")]
    with Records.open(database_url) as records:
        import_orphans(journals, records)
        runs = records.runs()
        for run in runs:
            detail = records.run(run.run_id)
            assert run.complete == (detail.events[-1]["event"] == "run-finished"), f"seed {SEED}"
    assert list(journals.glob("*.jsonl")) == []
    kept = {path.name for path in journals.glob("recorded/*/*.jsonl")}
    assert {run.journal for run in runs} == kept, f"seed {SEED}"
    assert set(said) <= {run.run_id for run in runs}, f"seed {SEED}"
    assert len(runs) - len(said) in (0, 1), f"seed {SEED}"


def _tamper(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes().replace(b"00c0ffee", b"00c0ffef"))


def test_a_damaged_journal_is_recorded_up_to_the_damage_and_never_passes(
    tmp_path: Path, database_url: str
) -> None:
    with _hanging_run(tmp_path) as process:
        process.communicate(b"")
    _tamper(_journal(tmp_path))
    with Records.open(database_url) as records:
        (run,) = import_orphans(tmp_path, records).runs
        assert run.error is not None
        assert (run.verdict, run.complete, run.error["code"]) == ("ERROR", False, "journal-damaged")
        assert len(records.run(run.run_id).events) == 2


def test_a_run_that_passed_does_not_pass_with_something_added_to_its_journal(
    tmp_path: Path, database_url: str
) -> None:
    with Run.begin("read", journal_dir=tmp_path, records=None) as passed:
        pass
    with passed.journal_path.open("ab") as journal:
        journal.write(b"something\n")
    with Records.open(database_url) as records:
        (run,) = import_orphans(tmp_path, records).runs
    assert (passed.verdict, run.verdict, run.complete) == ("PASS", "ERROR", False)


def test_what_cannot_be_read_at_all_is_put_aside_once(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "20260101T000000Z-x.jsonl").write_bytes(b"no journal\nat all\n")
    (tmp_path / "20260101T000001Z-y.jsonl").write_bytes(b"")
    with Records.open(database_url) as records:
        imported = import_orphans(tmp_path, records)
        assert imported.runs == ()
        assert {path.parent.name for path in imported.unreadable} == {"damaged"}
        assert len(imported.unreadable) == 2
        assert import_orphans(tmp_path, records).unreadable == ()


def test_a_journal_of_a_newer_workbench_waits_for_it(tmp_path: Path, database_url: str) -> None:
    with _hanging_run(tmp_path) as process:
        process.kill()
    journal = _journal(tmp_path)
    journal.write_bytes(journal.read_bytes().replace(b"workbench.journal/1", b"workbench.journal/2"))
    with Records.open(database_url) as records:
        imported = import_orphans(tmp_path, records)
    assert (imported.runs, imported.unreadable) == ((), ())
    assert journal.is_file()
