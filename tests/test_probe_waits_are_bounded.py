"""Nothing about a probe waits for ever: missing probes, silent ones, tasks that hang or are stopped."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.boards.bench import ProbeRef, Slot
from workbench.boards.target import load_target
from workbench.errors import Blame, WorkbenchError
from workbench.events import Event, Progress
from workbench.probes import limits
from workbench.probes.errors import DebugTimeout, ProbeMissing
from workbench.probes.limits import Limits, OutOfTime, Reporter, Worker
from workbench.probes.session import open_debug

SLOT = Slot("bench1", load_target("microbit-v1"), ProbeRef("0000"), None, None, None, Path("state"))


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker("test")
    yield made
    made.close()


@pytest.mark.parametrize(
    "unique_id", ["99000000deadbeef", "cmsisdap:99000000deadbeef", "jlink:12345", "stlink:1"]
)
def test_a_missing_probe_is_told_at_once(unique_id: str) -> None:
    slot = replace(SLOT, probe=ProbeRef(unique_id))
    with pytest.raises(ProbeMissing) as missing, open_debug(slot, timeout_s=20):
        pass
    assert unique_id in missing.value.what
    assert missing.value.blame is Blame.STATION


def test_a_probe_server_that_is_not_there_is_an_error_of_the_station() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        slot = replace(SLOT, probe=ProbeRef(f"remote:127.0.0.1:{port}"))
        with pytest.raises(WorkbenchError) as refused, open_debug(slot, timeout_s=20):
            pass
    assert refused.value.blame is Blame.STATION


def test_a_probe_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRACE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        slot = replace(SLOT, probe=ProbeRef(f"remote:127.0.0.1:{server.getsockname()[1]}"))
        began = time.monotonic()
        with pytest.raises(DebugTimeout), open_debug(slot, timeout_s=3):
            pass
        assert time.monotonic() - began < 10


def test_results_errors_and_events_come_back(worker: Worker) -> None:
    seen: list[Event] = []
    home = threading.get_ident()

    def emit(event: Event) -> None:
        assert threading.get_ident() == home
        seen.append(event)

    def count(reporter: Reporter) -> str:
        for done in range(1, 1001):
            reporter.progress("count", done, 1000)
        return "counted"

    def fail(_reporter: Reporter) -> None:
        raise LookupError("as expected")

    assert worker.run(count, Limits(5), emit=emit) == "counted"
    assert seen[0] == Progress(step="count", done=1, total=1000)
    assert seen[-1] == Progress(step="count", done=1000, total=1000)
    assert len(seen) < 200
    with pytest.raises(LookupError, match="as expected"):
        worker.run(fail, Limits(5))
    assert worker.run(lambda _: 3, Limits(5)) == 3


def test_a_task_is_stopped_at_its_next_safe_point(worker: Worker) -> None:
    reached: list[int] = []

    def work(reporter: Reporter) -> None:
        for page in range(10_000):
            reporter.beat()
            reached.append(page)
            time.sleep(0.001)

    def check() -> None:
        if len(reached) > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        worker.run(work, Limits(30), check=check)
    stopped_at = len(reached)
    assert stopped_at < 9_000
    assert worker.run(lambda _: len(reached), Limits(5)) == stopped_at
    assert not worker.is_broken


def test_a_task_that_is_late_is_stopped_too(worker: Worker) -> None:
    def work(reporter: Reporter) -> None:
        while True:
            reporter.beat()
            time.sleep(0.001)

    with pytest.raises(OutOfTime):
        worker.run(work, Limits(0.1))
    assert worker.run(lambda _: 1, Limits(5)) == 1


def test_a_task_that_hangs_is_given_up_and_breaks_the_session(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GRACE_S", 0.1)
    release = threading.Event()
    began = time.monotonic()
    with pytest.raises(OutOfTime):
        worker.run(lambda _: release.wait(30), Limits(60, stall_s=0.2))
    assert time.monotonic() - began < 10
    assert worker.is_broken
    with pytest.raises(limits.Broken):
        worker.run(lambda _: 1, Limits(5))
    release.set()
