"""A live owner is told to stop, notices at once, ends cleanly, and only then somebody else has the slot."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.boards import lease_interrupt, lease_watch
from workbench.boards.leases import LeaseLost, SlotLeased, lease, lease_status
from workbench.errors import Stopped

INTERRUPTIBLE = """
import sys, threading
from pathlib import Path
from workbench.boards.leases import lease, LeaseLost
slot = Path(sys.argv[1])
try:
    with lease(slot, "holder", "blocking", interrupt_main=True):
        try:
            print("holding", flush=True)
            sys.stdin.buffer.raw.read(1)
        finally:
            print("cleaned up", (slot / "lease.json").exists(), flush=True)
except LeaseLost as lost:
    print(lost.what, flush=True)
    sys.exit(lost.exit_code)
"""

RACER = """
import sys
from pathlib import Path
from workbench.boards.leases import lease, LeaseLost
slot, lost = Path(sys.argv[1]), 0
print("holding", flush=True)
for turn in range(300):
    try:
        with lease(slot, "racer", "short", wait_s=30, interrupt_main=True):
            for _ in range(turn * 5):
                pass
    except LeaseLost:
        lost += 1
print("ended", lost, flush=True)
"""


def start(program: str, slot: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(slot)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"holding\n"
    return process


def test_a_main_thread_that_blocks_is_interrupted_at_once(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    holder = start(INTERRUPTIBLE, slot)
    began = time.monotonic()
    with lease(slot, "anna", "an urgent fix", kick=True):
        assert time.monotonic() - began < 2
        assert lease_status(slot).owner == "anna"
        out, _ = holder.communicate(timeout=10)
    assert out.decode().splitlines() == ["cleaned up True", "anna (an urgent fix) took the slot with --kick"]
    assert holder.returncode == 130


def test_without_kick_a_live_owner_is_left_alone(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    with lease(slot, "me", "working") as held:
        with pytest.raises(SlotLeased):
            lease(slot, "other", "trying").take()
        held.check()


def test_check_raises_once_told_and_the_kicker_waits_for_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_watch, "LOOK_EVERY_S", 60.0)  # being woken must do
    slot = tmp_path / "a1"
    order: list[str] = []
    noticed = threading.Event()

    def kick() -> None:
        with lease(slot, "other", "kicking", kick=True):
            order.append("kicker has it")

    thread = threading.Thread(target=kick)
    with lease(slot, "me", "working", on_lost=lambda lost: noticed.set()) as held:
        held.check()
        thread.start()
        assert noticed.wait(5)
        with pytest.raises(LeaseLost, match="took the slot with --kick"):
            held.check()
        with pytest.raises(LeaseLost):
            held.renew()
        assert lease_status(slot).state == "stopping"
        order.append("holder ends")
    thread.join(10)
    assert order == ["holder ends", "kicker has it"]


def test_one_that_does_not_stop_keeps_it_until_it_is_ended(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    with lease(slot, "deaf", "hanging") as held:
        with pytest.raises(SlotLeased, match="was told to stop") as refused:
            lease(slot, "me", "trying", kick=True, grace_s=0.1).take()
        assert f"kill {refused.value.status.pid}" in refused.value.action
        with pytest.raises(SlotLeased):
            lease(slot, "third", "trying").take()
        with pytest.raises(LeaseLost):
            held.check()
    with lease(slot, "me", "now"):
        pass


def test_a_kick_stops_only_the_one_who_was_there(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    results: list[str] = []

    def kick(name: str) -> None:
        try:
            with lease(slot, name, "kicking", kick=True) as held:
                results.append(f"{name} had it")
                release.wait(10)
                held.check()
        except SlotLeased:
            results.append(f"{name} was refused")

    release = threading.Event()
    threads = [threading.Thread(target=kick, args=(name,)) for name in ("b", "c")]
    with lease(slot, "a", "working") as held:
        for thread in threads:
            thread.start()
        _until(lambda: held.lost is not None)
        _until(lambda: "kicking" in (lease_status(slot).stop_by or ""))
        threading.Event().wait(0.3)  # long enough for both to have seen the holder
    _until(lambda: len(results) == 2)
    release.set()
    for thread in threads:
        thread.join(10)
    assert sorted(r.split(" ", 1)[1] for r in results) == ["had it", "was refused"]


def test_an_interrupt_that_comes_late_does_not_escape(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    racer = start(RACER, slot)
    kicked = 0
    while racer.poll() is None:
        try:
            with lease(slot, "kicker", "kicking", kick=True, grace_s=5):
                kicked += 1
        except SlotLeased:
            continue
    out, _ = racer.communicate(timeout=10)
    assert racer.returncode == 0, out
    assert out.startswith(b"ended")
    assert kicked > 10


def test_the_begin_and_end_of_a_lease_are_not_interrupted() -> None:
    def quiet() -> None:
        os.kill(os.getpid(), lease_interrupt.SIGNAL)

    def loud() -> None:
        os.kill(os.getpid(), lease_interrupt.SIGNAL)

    lease_interrupt.never_within(quiet)
    lease_interrupt.arm(_always)
    try:
        quiet()
        with pytest.raises(KeyboardInterrupt):
            loud()
    finally:
        lease_interrupt.disarm(_always)
    loud()


def _always() -> bool:
    return True


def test_an_error_that_says_stopped_keeps_its_words_and_gets_the_cause(tmp_path: Path) -> None:
    slot = tmp_path / "a1"

    def flash() -> None:
        with lease(slot, "me", "flash") as held:
            with pytest.raises(SlotLeased):
                lease(slot, "anna", "kicking", kick=True, grace_s=0).take()
            _until(lambda: held.lost is not None)
            raise Stopped("half of the image is written")

    with pytest.raises(Stopped, match="half of the image is written") as stopped:
        flash()
    assert "anna" in stopped.value.cause


def test_a_state_folder_that_vanishes_is_noticed(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    with lease(slot, "me", "working") as held:
        for path in slot.iterdir():
            path.unlink()
        slot.rmdir()
        with pytest.raises(LeaseLost, match="is gone"):
            held.check()
    assert not slot.exists()


def _until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)
