"""However many processes want a slot, and however they die, one at a time has it."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from workbench.boards.leases import lease, lease_status

WORKER = """
import os, sys
from pathlib import Path
from workbench.boards.leases import lease
folder, log, turns = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for turn in range(turns):
    with lease(folder, f"worker {os.getpid()}", "contention", wait_s=60):
        os.write(fd, f"enter {os.getpid()}\\n".encode())
        for _ in range(20):
            os.sched_yield()
        os.write(fd, f"leave {os.getpid()}\\n".encode())
print("done")
"""


def start(folder: Path, log: Path, turns: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WORKER, str(folder), str(log), str(turns)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def entered(log: Path) -> list[tuple[str, str]]:
    if not log.exists():
        return []
    words = [line.split() for line in log.read_text().splitlines()]
    return [(word, pid) for word, pid in words]


def assert_one_at_a_time(events: list[tuple[str, str]], killed: set[str]) -> None:
    inside: str | None = None
    ghosts: set[str] = set()
    for word, pid in events:
        assert pid not in ghosts, f"{pid} went on after somebody else had the slot"
        if word == "leave":
            assert inside == pid
            inside = None
            continue
        if inside is not None:
            assert inside in killed, f"{pid} entered while {inside} was inside"
            ghosts.add(inside)
        inside = pid


def test_eight_processes_take_turns(tmp_path: Path) -> None:
    slot, log = tmp_path / "a1", tmp_path / "log"
    workers = [start(slot, log, 15) for _ in range(8)]
    for worker in workers:
        out, _ = worker.communicate(timeout=60)
        assert (worker.returncode, out) == (0, b"done\n")
    events = entered(log)
    assert len(events) == 8 * 15 * 2
    assert_one_at_a_time(events, set())
    assert lease_status(slot).state == "free"
    assert [p.name for p in slot.iterdir()] == ["lease.lock"]


def test_kill_9_at_random_moments_never_lets_two_in(tmp_path: Path) -> None:
    slot, log = tmp_path / "a1", tmp_path / "log"
    choose = random.Random(1)
    workers = [start(slot, log, 100_000) for _ in range(4)]
    killed: set[str] = set()
    try:
        for _ in range(12):
            seen = len(entered(log))
            wait_for_more(log, seen + choose.randrange(1, 8))
            victim = workers.pop(choose.randrange(len(workers)))
            victim.kill()
            victim.communicate(timeout=10)
            killed.add(str(victim.pid))
            workers.append(start(slot, log, 100_000))
        wait_for_more(log, len(entered(log)) + 10)
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate(timeout=10)
            killed.add(str(worker.pid))
    assert_one_at_a_time(entered(log), killed)
    with lease(slot, "the test", "taking over from the dead"):
        assert lease_status(slot).owner == "the test"


def wait_for_more(log: Path, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(entered(log)) < count:
        assert time.monotonic() < deadline, "the workers have stopped"
        time.sleep(0.002)
