"""Inner runs of pytest on a bench of virtual boards, and what they leave behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from xml.etree import ElementTree

from workbench.boards.bench import Bench
from workbench.boards.leases import lease_statuses
from workbench.station.orphans import import_orphans
from workbench.station.places import database_url, journal_dir
from workbench.station.records import Records, RunDetail

LIMIT_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Finished:
    """An inner run that ended: exit status and what it printed."""

    status: int
    output: str


class InnerRun:
    """A `pytest` process of its own in `folder`, with a bench; killed at the end of the block."""

    def __init__(self, folder: Path, test: str, *options: str, bench: Bench | None = None) -> None:
        (folder / "test_inner.py").write_text(test, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "--junitxml=junit.xml"]
        if bench is not None:
            command.append(f"--workbench-bench={bench.path}")
        env = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
        env.pop("WORKBENCH_BENCH", None)
        self.folder = folder
        self.process = subprocess.Popen(
            [*command, *options, "test_inner.py"],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self) -> Finished:
        """Waits for the end."""
        output, _ = self.process.communicate(timeout=LIMIT_S)
        return Finished(self.process.returncode, output)

    def wait_for_file(self, name: str) -> str:
        """What the inner test wrote to a file in its folder, as soon as it is there."""
        path = self.folder / name
        wait_until(lambda: path.exists() or self.process.poll() is not None)
        assert path.exists(), self.end().output
        return path.read_text()


def run_pytest(folder: Path, test: str, *options: str, bench: Bench | None = None) -> Finished:
    """An inner run, to its end."""
    with InnerRun(folder, test, *options, bench=bench) as run:
        return run.end()


def properties(folder: Path) -> dict[str, dict[str, str]]:
    """Properties of each test in the JUnit file, by the test's name, without `workbench.`."""
    cases = ElementTree.parse(folder / "junit.xml").iter("testcase")
    return {
        case.attrib["name"]: {
            entry.attrib["name"].removeprefix("workbench."): entry.attrib["value"]
            for entry in case.iter("property")
        }
        for case in cases
    }


def recorded(bench: Bench) -> list[RunDetail]:
    """All runs in the bench's records, oldest first, those of dead processes too."""
    with Records.open(database_url(bench.folder)) as records:
        import_orphans(journal_dir(bench.folder), records)
        summaries = sorted(records.runs(), key=lambda run: run.started_at)
        return [records.run(summary.run_id) for summary in summaries]


def lease_states(bench: Bench) -> set[str]:
    """States of all leases: {"free"} where nothing is held."""
    return {status.state for status in lease_statuses(bench).values()}


def wait_until(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Looks at the condition every 20 ms."""
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come to pass in time"
        time.sleep(0.02)
