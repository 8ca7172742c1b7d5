"""Neither an exception out of a signal handler nor a full disk breaks a journal's chain."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from workbench.events import Notice
from workbench.station import journal as journal_module
from workbench.station.journal import Journal, JournalUnwritable
from workbench.station.journal_reader import adopt, read_journal
from workbench.station.throttle import Stamped


def _event(seq: int) -> dict[str, object]:
    return Stamped(Notice(level="info", text=str(seq)), seq, "2026-01-02T03:04:05.678901Z").as_json()


def _interrupt_at_line(number: int, act: Callable[[], None]) -> bool:
    """Does `act`, with a KeyboardInterrupt before the n-th line that the journal's module executes."""
    left = number

    def trace(frame: FrameType, event: str, _argument: object) -> object:
        nonlocal left
        if frame.f_code.co_filename != journal_module.__file__:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        act()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_interrupted_before_any_of_its_lines_the_next_append_continues_the_chain(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, "run", {}, _event(0))
    seq = number = 1
    while _interrupt_at_line(number, partial(journal.append, "event", _event(seq))):
        journal.append("event", _event(seq + 1))
        seq, number = seq + 2, number + 1
    journal.close()
    assert number > 10
    seqs = [event["seq"] for event in read_journal(journal.path).events]
    assert set(range(2, seq, 2)) <= set(seqs)
    assert len(set(range(1, seq, 2)) & set(seqs)) < number  # most were not written, and none of those half


def test_a_write_that_fails_halfway_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.create(tmp_path, "run", {}, _event(0))
    write = os.write

    def half(fd: int, data: memoryview) -> int:
        monkeypatch.setattr(os, "write", full)
        return write(fd, data[: len(data) // 2])

    def full(_fd: int, _data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(JournalUnwritable, match="No space left"):
        journal.append("event", _event(1))
    assert journal.path.read_bytes().endswith(b"\n")
    monkeypatch.setattr(os, "write", write)
    journal.append("event", _event(2))
    journal.close()
    assert [event["seq"] for event in read_journal(journal.path).events] == [0, 2]


FULL_DISK = """
import resource, sys
from pathlib import Path
from workbench.errors import WorkbenchError
from workbench.events import Observed
from workbench.station.run import Run

heard = []
try:
    with Run.begin("flash", journal_dir=Path(sys.argv[1]), records=None, listeners=[heard.append]) as run:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        for number in range(1000):
            with run.step("program", "Programming"):
                for _ in range(3):
                    run.emit(Observed(what="number", value=number))
except WorkbenchError as exc:
    print(exc.code, run.verdict, run.exit_code, number < 20, heard[-1].event.verdict)
"""


def test_a_run_ends_as_the_stations_error_when_its_journal_finds_no_room(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout == "journal-unwritable ERROR 3 True ERROR\n", done.stderr
    (journal,) = tmp_path.glob("*.jsonl")
    content = read_journal(journal)
    assert content.torn_bytes == 0
    assert len(content.events) > 5


def test_a_folder_that_cannot_be_made_is_an_error_before_anything_happens(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalUnwritable):
        Journal.create(tmp_path / "file" / "journals", "run", {}, _event(0))


def test_a_journal_that_another_program_changed_is_left_as_it_is(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, "run", {}, _event(0))
    with journal.path.open("ab") as other:
        other.write(b"something else " * 100)
    before = journal.path.read_bytes()
    with pytest.raises(JournalUnwritable, match="was changed"):
        journal.append("event", _event(1))
    assert journal.path.read_bytes() == before


def test_only_a_journal_whose_process_is_gone_can_be_adopted(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, "run", {}, _event(0))
    with adopt(journal.path) as adopted:
        assert not adopted
    journal.close()
    with adopt(journal.path) as adopted, adopt(journal.path) as again:
        assert adopted
        assert not again
    with adopt(tmp_path / "moved-away.jsonl") as adopted:
        assert not adopted


def test_a_forked_child_neither_writes_a_journal_nor_keeps_it_locked(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, "run", {}, _event(0))
    reading, writing = os.pipe()
    reading_child, writing_child = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)  # so that it ends when the parent does
        code = 1
        try:
            journal.append("event", _event(1))
        except JournalUnwritable:
            code = 0
        os.write(writing_child, b".")
        os.read(reading, 1)  # lives on until the parent has looked
        os._exit(code)
    os.read(reading_child, 1)
    journal.append("event", _event(2))
    journal.close()
    with adopt(journal.path) as adopted:
        os.write(writing, b".")
        assert adopted
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [event["seq"] for event in read_journal(journal.path).events] == [0, 2]
