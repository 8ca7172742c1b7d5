"""A run killed with -9 at any moment leaves a journal that reads, and holds all that was committed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.station.journal_reader import read_journal

SEED = int(os.environ.get("WORKBENCH_TEST_SEED", "20260"))

WRITER = """
import sys
from pathlib import Path
from workbench.events import Observed
from workbench.station.run import Run

with Run.begin("flash", "a1", journal_dir=Path(sys.argv[1]), records=None) as run:
    with run.step("program", "Programming"):
        for number in range(1_000_000):
            run.emit(Observed(what="number", value=[number, "x" * (number % 700)]))
            if number % 16 == 0:
                run.commit()
                print(number, flush=True)
"""

TEARING_WRITER = """
import os, signal, sys
from pathlib import Path
from workbench.events import Observed
from workbench.station.run import Run

whole, part = int(sys.argv[2]), int(sys.argv[3])
write, count = os.write, 0

def torn_write(fd, data):
    global count
    count += 1
    if count <= whole:
        return write(fd, data)
    write(fd, bytes(data)[:part])
    os.kill(os.getpid(), signal.SIGKILL)

os.write = torn_write
with Run.begin("flash", "a1", journal_dir=Path(sys.argv[1]), records=None) as run:
    for number in range(100):
        run.emit(Observed(what="number", value=number))
"""


def _only_journal(folder: Path) -> Path:
    (journal,) = folder.glob("*.jsonl")
    return journal


@pytest.mark.parametrize("trial", range(8))
def test_a_journal_killed_at_a_random_moment_reads(tmp_path: Path, trial: int) -> None:
    chance = random.Random(SEED + trial)
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    committed = -1
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(chance.randint(1, 40)):
            committed = int(process.stdout.readline())
        for _ in range(chance.randint(0, 20_000)):  # somewhere between two of its writes, or within one
            pass
        process.send_signal(signal.SIGKILL)
        committed = max([committed, *(int(line) for line in process.stdout if line.endswith("\n"))])
    content = read_journal(_only_journal(tmp_path))
    numbers = [event["value"][0] for event in content.events[2:]]
    assert numbers == list(range(len(numbers))), f"seed {SEED}"
    assert len(numbers) > committed, f"seed {SEED}"


@pytest.mark.parametrize(("whole", "part"), [(2, 0), (2, 1), (3, 40), (10, 199), (25, 100)])
def test_a_line_torn_by_the_kill_is_dropped(tmp_path: Path, whole: int, part: int) -> None:
    command = [sys.executable, "-c", TEARING_WRITER, str(tmp_path), str(whole), str(part)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    content = read_journal(_only_journal(tmp_path))
    assert content.torn_bytes == part
    assert [event["event"] for event in content.events] == ["run-started", *["observed"] * (whole - 2)]


@pytest.mark.parametrize("whole", [0, 1])
def test_a_run_killed_before_its_beginning_is_on_disk_leaves_no_journal(tmp_path: Path, whole: int) -> None:
    command = [sys.executable, "-c", TEARING_WRITER, str(tmp_path), str(whole), "30"]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert list(tmp_path.glob("*.jsonl")) == []
