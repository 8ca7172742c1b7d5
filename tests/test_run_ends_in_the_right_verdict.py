"""A run's verdict, error and exit code follow from whose fault it was; tracebacks stay in the journal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import EXIT_CODES, Blame, InputError, Stopped, WorkbenchError
from workbench.events import Event, Notice, RunFinished, StepFinished, Verdict
from workbench.station.journal import JournalUnwritable
from workbench.station.journal_reader import read_journal
from workbench.station.run import Run
from workbench.station.throttle import Stamped
from workbench.station.verdicts import VERDICT_OF, Unexpected


class UnitBad(WorkbenchError):
    """The unit is bad."""

    code = "unit-bad"
    blame = Blame.UNIT


class ProbeLost(WorkbenchError):
    """The probe is lost."""

    code = "probe-lost"
    blame = Blame.STATION


class Forged(WorkbenchError):
    """A signature is wrong."""

    code = "forged"
    blame = Blame.TRUST


CASES: list[tuple[BaseException, Verdict, int]] = [
    (UnitBad("no banner"), "FAIL", 1),
    (InputError("no such file"), "ERROR", 2),
    (ProbeLost("unplugged"), "ERROR", 3),
    (Forged("wrong signer"), "FAIL", 4),
    (ZeroDivisionError("oops"), "ERROR", 70),
    (Stopped("kicked"), "STOPPED", 130),
    (KeyboardInterrupt(), "STOPPED", 130),
    (SystemExit(0), "STOPPED", 130),
]


@pytest.mark.parametrize(("raised", "verdict", "exit_code"), CASES, ids=lambda value: type(value).__name__)
def test_the_verdict_follows_the_blame(
    tmp_path: Path, raised: BaseException, verdict: Verdict, exit_code: int
) -> None:
    heard: list[Event] = []
    listener = [lambda stamped: heard.append(stamped.event)]
    run = Run.begin("flash", journal_dir=tmp_path, records=None, listeners=listener)
    with pytest.raises(BaseException) as caught, run, run.step("program", "Programming"):
        raise raised
    assert (run.verdict, run.exit_code) == (verdict, exit_code)
    finished, step = heard[-1], heard[-2]
    assert isinstance(finished, RunFinished)
    assert isinstance(step, StepFinished)
    assert (finished.verdict, step.outcome) == (verdict, verdict)
    assert run.error is not None
    assert finished.error == run.error.as_dict()
    if isinstance(raised, ZeroDivisionError):
        assert isinstance(caught.value, Unexpected)
        assert caught.value.__cause__ is raised
        assert str(run.journal_path) in caught.value.action
    else:
        assert caught.value is raised


def test_each_blame_has_a_verdict_and_only_the_unit_and_its_trust_can_fail() -> None:
    assert set(VERDICT_OF) == set(Blame) == set(EXIT_CODES)
    assert {blame for blame, verdict in VERDICT_OF.items() if verdict == "FAIL"} == {Blame.UNIT, Blame.TRUST}


def test_a_run_that_raises_nothing_passes(tmp_path: Path) -> None:
    with Run.begin("read", "a1", "microbit-v1", journal_dir=tmp_path, records=None) as run:
        run.result["bytes"] = 4
    last = read_journal(run.journal_path).events[-1]
    assert (run.verdict, run.error, run.exit_code) == ("PASS", None, 0)
    assert (last["event"], last["verdict"], last["result"]) == ("run-finished", "PASS", {"bytes": 4})


def test_a_defects_traceback_is_in_the_journal_and_in_no_event(tmp_path: Path) -> None:
    with pytest.raises(Unexpected), Run.begin("read", journal_dir=tmp_path, records=None) as run:
        raise ZeroDivisionError("oops")
    content = read_journal(run.journal_path)
    assert "test_run_ends_in_the_right_verdict.py" in content.tracebacks[0]
    assert "Traceback" not in json.dumps(content.events)


def test_an_error_of_the_unit_needs_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(UnitBad), Run.begin("read", journal_dir=tmp_path, records=None) as run:
        raise UnitBad("no banner")
    assert read_journal(run.journal_path).tracebacks == ()


def test_an_error_that_is_only_noted_decides_the_verdict_and_the_first_one_counts(tmp_path: Path) -> None:
    with Run.begin("test", journal_dir=tmp_path, records=None) as run:
        run.fail(UnitBad("first"))
        run.fail(ProbeLost("second"))
    assert (run.verdict, run.exit_code) == ("FAIL", 1)
    run = Run.begin("test", journal_dir=tmp_path, records=None)
    run.fail(UnitBad("first"))
    with pytest.raises(ProbeLost), run:
        raise ProbeLost("raised")
    assert (run.verdict, run.exit_code) == ("FAIL", 1)


CTRL_C_TWICE = """
import os, signal, sys
from pathlib import Path
from workbench.station import journal
from workbench.station.run import Run

write = os.write

def interrupted_write(fd, data):
    if finishing:
        os.kill(os.getpid(), signal.SIGINT)
    return write(fd, data)

finishing = False
os.write = interrupted_write
with Run.begin("flash", journal_dir=Path(sys.argv[1]), records=None) as run:
    finishing = True
    raise KeyboardInterrupt
"""


def test_a_second_ctrl_c_while_the_run_ends_does_not_lose_its_end(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CTRL_C_TWICE, str(tmp_path)], stderr=subprocess.DEVNULL)
    assert done.returncode in (-signal.SIGINT, 130)
    (journal,) = tmp_path.glob("*.jsonl")
    last = read_journal(journal).events[-1]
    assert (last["event"], last["verdict"]) == ("run-finished", "STOPPED")


def test_the_end_is_on_disk_before_anybody_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync = os.fsync

    def noted_sync(fd: int) -> None:
        sync(fd)
        order.append("sync")

    def listener(stamped: Stamped) -> None:
        order.append(type(stamped.event).__name__)

    monkeypatch.setattr(os, "fsync", noted_sync)
    with Run.begin("flash", journal_dir=tmp_path, records=None, listeners=[listener]) as run:
        run.emit(Notice(level="info", text="erasing"))
        run.commit()
        order.append("act")
    assert order == ["sync", "sync", "RunStarted", "Notice", "sync", "act", "sync", "RunFinished"]


def test_a_run_whose_end_finds_no_room_on_the_disk_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_fd: int, _data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    heard: list[Stamped] = []
    run = Run.begin("flash", journal_dir=tmp_path, records=None, listeners=[heard.append])
    with pytest.raises(JournalUnwritable), run:
        monkeypatch.setattr(os, "write", no_room)
    monkeypatch.undo()
    finished = heard[-1].event
    assert isinstance(finished, RunFinished)
    assert (finished.verdict, run.verdict, run.exit_code) == ("ERROR", "ERROR", 3)
    assert [event["event"] for event in read_journal(run.journal_path).events] == ["run-started"]


def test_after_the_end_nothing_more_is_written(tmp_path: Path) -> None:
    heard: list[Stamped] = []
    with Run.begin("flash", journal_dir=tmp_path, records=None, listeners=[heard.append]) as run:
        pass
    before = run.journal_path.read_bytes()
    run.emit(Notice(level="info", text="too late"))
    assert run.journal_path.read_bytes() == before
    assert isinstance(heard[-1].event, RunFinished)
