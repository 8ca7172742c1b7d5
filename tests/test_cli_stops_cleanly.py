"""However a command is ended, it says in which state the chip is, and the slot is free for the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_bench import CliBench, cli_bench, ended, event_lines, until, write_image

SIZE = 200 * 1024

pytestmark = pytest.mark.xdist_group("cli stops cleanly")


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    with cli_bench(2) as made:
        write_image(made.folder / "app.bin", SIZE)
        made.run("slot", "power", "v1", "on")
        made.run("slot", "power", "v2", "on")
        yield made


@pytest.fixture
def writing(bench: CliBench) -> Iterator[subprocess.Popen[str]]:
    """A flash of v1 that is in the middle of programming."""
    process = bench.begin("flash", "-s", "v1", "--no-skip-unchanged", "app.bin", "--json")
    try:
        until(process, "progress", step="program")
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def slow(bench: CliBench) -> Iterator[None]:
    """A board that takes its time: with a cut armed for long after the end, every word is stopped at."""
    bench.run("slot", "power", "v1", "cut", "--after", "100000000")
    yield
    bench.run("slot", "power", "v1", "cycle")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_a_write_ends_in_a_known_state(
    bench: CliBench, writing: subprocess.Popen[str], number: signal.Signals
) -> None:
    writing.send_signal(number)
    done = ended(writing)
    assert done.code == 130
    assert done.last["verdict"] == "STOPPED"
    assert done.last["error"]["code"] == "flash-interrupted"
    assert "written 0x" in done.last["error"]["what"]
    again = bench.run("flash", "-s", "v1", "app.bin", "--json")
    assert again.last["verdict"] == "PASS"
    assert again.last["result"]["bytes_skipped"] > 0


def test_a_signal_before_anything_was_written_says_so(bench: CliBench) -> None:
    process = bench.begin("flash", "-s", "v1", "app.bin", "--json")
    until(process, "step-started")
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.code == 130
    assert "nothing on the chip was changed" in done.last["error"]["what"]


def test_one_who_is_kicked_in_a_write_ends_in_a_known_state(
    bench: CliBench, slow: None, writing: subprocess.Popen[str]
) -> None:
    kicking = bench.begin("slot", "power", "v1", "on", "--kick", "--json")
    kicked = ended(writing)
    assert (kicked.code, kicked.last["error"]["code"]) == (130, "flash-interrupted")
    assert "--kick" in kicked.last["error"]["cause"]
    assert ended(kicking).code == 0


def test_a_slot_in_use_is_refused_and_release_frees_it(bench: CliBench) -> None:
    process = bench.begin("console", "v2", "--idle", "60", "--json", stdin=subprocess.PIPE)
    until(process, "step-started", step="console")
    until_used(bench, "v2")
    refused = bench.run("reset", "v2", "--json")
    assert (refused.code, refused.last["error"]["code"]) == (3, "slot-leased")
    done = bench.run("slot", "release", "v2")
    assert done.code == 0
    assert "for console" in done.out
    stopped = ended(process)
    assert (stopped.code, stopped.last["error"]["code"]) == (130, "lease-lost")


def until_used(bench: CliBench, name: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        slots = bench.run("slot", "list", "--json").observed("slot")
        if any(slot["name"] == name and slot["lease"]["state"] == "leased" for slot in slots):
            return
    raise AssertionError(f"nobody uses {name}")


def children(pid: int) -> list[int]:
    """Processes that it started, oldest first."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def finishes(process: subprocess.Popen[str]) -> dict[str, dict[str, Any]]:
    return {e["slot"]: e for e in ended(process).events if e["event"] == "run-finished"}


def begin_both(bench: CliBench) -> subprocess.Popen[str]:
    """A flash of both slots, both in the middle of it."""
    process = bench.begin("flash", "--all", "--no-skip-unchanged", "app.bin", "--json")
    waited = {"v1", "v2"}
    for event in event_lines(process):
        if event["event"] == "step-started" and event["step"] == "flash":
            waited.discard(event["slot"])
        if not waited:
            return process
    raise AssertionError(f"{waited} did not begin")


def test_ctrl_c_stops_all_slots_cleanly(bench: CliBench) -> None:
    process = begin_both(bench)
    process.send_signal(signal.SIGINT)
    ends = finishes(process)
    assert process.returncode == 130
    assert {end["verdict"] for end in ends.values()} == {"STOPPED"}


def test_a_killed_slot_is_an_error_and_disturbs_no_other(bench: CliBench) -> None:
    process = begin_both(bench)
    victim = children(process.pid)[0]
    os.kill(victim, signal.SIGKILL)
    ends = finishes(process)
    assert process.returncode == 3
    assert ends["v1"]["error"]["code"] == "slot-process-died"
    assert ends["v2"]["verdict"] == "PASS"
    assert bench.run("flash", "-s", "v1", "app.bin").code == 0


def test_slots_end_when_the_command_that_started_them_is_killed(bench: CliBench) -> None:
    process = begin_both(bench)
    ours = children(process.pid)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in ours):
        assert time.monotonic() < deadline, "the slots' processes go on"
        threading.Event().wait(0.05)
    assert bench.run("flash", "--all", "app.bin").code == 0
