"""Faces cannot break a run, may ask for its end, and hear events once, in order, from many threads."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from workbench.errors import Stopped
from workbench.events import Event, Notice, Observed, RunFinished
from workbench.station.journal_reader import read_journal
from workbench.station.run import Run
from workbench.station.throttle import Stamped


def test_a_face_that_raises_is_noticed_once_and_still_hears_the_end(tmp_path: Path) -> None:
    heard: list[Event] = []
    broken: list[Event] = []

    def face(stamped: Stamped) -> None:
        broken.append(stamped.event)
        raise BrokenPipeError("the terminal is gone")

    listeners = [face, lambda stamped: heard.append(stamped.event)]
    run = Run.begin("flash", journal_dir=tmp_path, records=None, listeners=listeners)
    with run, run.step("program", "Programming"):
        run.emit(Observed(what="chip-id", value="1"))
    assert run.verdict == "PASS"
    assert isinstance(broken[-1], RunFinished)
    assert broken == heard
    assert sum(isinstance(event, Notice) for event in heard) == 1
    (trace,) = read_journal(run.journal_path).tracebacks
    assert "the terminal is gone" in trace


def test_a_face_ends_the_run_at_the_next_step(tmp_path: Path) -> None:
    done: list[str] = []

    def face(stamped: Stamped) -> None:
        if isinstance(stamped.event, Observed):
            raise Stopped("the Stop key was pressed")

    def work() -> None:
        with run.step("program", "Programming"):
            run.emit(Observed(what="chip-id", value="1"))
            done.append("program")
        with run.step("verify", "Verifying"):
            done.append("verify")

    run = Run.begin("flash", journal_dir=tmp_path, records=None, listeners=[face])
    with pytest.raises(Stopped), run:
        work()
    assert done == ["program"]
    assert (run.verdict, run.exit_code) == ("STOPPED", 130)


def test_events_of_many_threads_are_kept_once_and_in_the_order_they_are_told(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    heard: list[Stamped] = []
    late: list[Event] = []
    threads, each = 8, 100

    def work(run: Run, worker: int) -> None:
        for number in range(each):
            event = Observed(what=f"worker-{worker}", value=number)
            run.emit(event)
            if all(stamped.event is not event for stamped in tuple(heard)):
                late.append(event)

    interval_s = sys.getswitchinterval()
    request.addfinalizer(lambda: sys.setswitchinterval(interval_s))
    sys.setswitchinterval(1e-6)
    with Run.begin("flash", journal_dir=tmp_path, records=None, listeners=[heard.append]) as run:
        workers = [threading.Thread(target=work, args=(run, worker)) for worker in range(threads)]
        for thread in workers:
            thread.start()
        for thread in workers:
            thread.join()
    assert late == [], "emit returned before the event was kept and told"
    assert [stamped.seq for stamped in heard] == list(range(threads * each + 2))
    assert list(read_journal(run.journal_path).events) == [stamped.as_json() for stamped in heard]
    for worker in range(threads):
        seen = [
            s.event.value
            for s in heard
            if isinstance(s.event, Observed) and s.event.what == f"worker-{worker}"
        ]
        assert seen == list(range(each))


def test_a_face_that_emits_is_heard_after_what_it_heard(tmp_path: Path) -> None:
    heard: list[Stamped] = []

    def echo(stamped: Stamped) -> None:
        if isinstance(stamped.event, Observed):
            run.emit(Notice(level="info", text="echo"))

    with Run.begin("flash", journal_dir=tmp_path, records=None, listeners=[echo, heard.append]) as run:
        run.emit(Observed(what="chip-id", value="1"))
    assert [type(stamped.event).__name__ for stamped in heard] == [
        "RunStarted",
        "Observed",
        "Notice",
        "RunFinished",
    ]
    assert [stamped.seq for stamped in heard] == [0, 1, 2, 3]


def test_a_signal_handler_that_emits_harms_neither_order_nor_chain(tmp_path: Path) -> None:
    def handler(_signal: int, _frame: object) -> None:
        run.emit(Notice(level="warning", text="somebody wants this slot"))

    before = signal.signal(signal.SIGUSR1, handler)
    stop = threading.Event()

    def disturb() -> None:
        while not stop.wait(0.0005):
            os.kill(os.getpid(), signal.SIGUSR1)

    disturber = threading.Thread(target=disturb)
    try:
        with Run.begin("flash", journal_dir=tmp_path, records=None) as run:
            disturber.start()
            for number in range(3000):
                run.emit(Observed(what="number", value=number))
            stop.set()
            disturber.join()
    finally:
        stop.set()
        signal.signal(signal.SIGUSR1, before)
    events = read_journal(run.journal_path).events
    assert [event["value"] for event in events if event["event"] == "observed"] == list(range(3000))
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert len(events) > 3002


class _Odd:
    """Something no event should hold: it can neither be copied nor shown."""

    def __deepcopy__(self, _memo: object) -> object:
        raise RuntimeError("cannot be copied")


def test_an_event_that_cannot_be_written_is_a_defect_that_the_run_survives(tmp_path: Path) -> None:
    with Run.begin("flash", journal_dir=tmp_path, records=None) as run:
        run.emit(Observed(what="odd", value=_Odd()))  # type: ignore[arg-type]
    content = read_journal(run.journal_path)
    assert [event["event"] for event in content.events] == ["run-started", "run-finished"]
    assert "cannot be copied" in content.tracebacks[0]


def test_a_board_cannot_fill_the_disk_through_one_event(tmp_path: Path) -> None:
    flood = {f"key {n}": ["\U0001f600" * 100_000] * 100 for n in range(100)}
    with Run.begin("console", journal_dir=tmp_path, records=None) as run:
        run.emit(Observed(what="flood", value=flood))
        run.emit(Observed(what="deep", value=_deep(100)))
    assert run.journal_path.stat().st_size < 2_000_000
    assert all("left out" in str(event) for event in read_journal(run.journal_path).events[1:3])


def _deep(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value
