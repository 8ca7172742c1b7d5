"""The command line as its users have it: processes of `workbench`, on benches of twins."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.events import SCHEMA

PROGRAM = str(Path(sys.executable).with_name("workbench"))
TIMEOUT_S = 300


@dataclass(frozen=True)
class Ended:
    """A process of `workbench` that has ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Standard output as events; every line must be one."""
        events = [json.loads(line) for line in self.out.splitlines()]
        assert all(event["schema"] == SCHEMA for event in events)
        return events

    @property
    def last(self) -> dict[str, Any]:
        """The event that tells how the run ended."""
        return next(event for event in reversed(self.events) if event["event"] == "run-finished")

    def observed(self, what: str) -> list[Any]:
        """Values of the observations of that kind."""
        return [e["value"] for e in self.events if e["event"] == "observed" and e["what"] == what]


@dataclass(frozen=True)
class CliBench:
    """A folder with a bench file, and an environment of its own."""

    folder: Path
    runtime: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the processes see: no terminal, no colours, no bench but this one."""
        keep = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
        return keep | {"WORKBENCH_RUNTIME": str(self.runtime), "TERM": "dumb", "COLUMNS": "100"}

    def run(self, *words: str | Path, stdin: str = "") -> Ended:
        """`workbench WORDS...` in the bench's folder, until it ends."""
        done = subprocess.run(
            [PROGRAM, *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def begin(self, *words: str | Path, **how: Any) -> subprocess.Popen[str]:
        """The same, and does not wait for its end."""
        return subprocess.Popen(
            [PROGRAM, *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            stdin=how.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **how,
        )


@contextmanager
def cli_bench(count: int = 0) -> Iterator[CliBench]:
    """A bench of `count` twins; none has power afterwards."""
    home = Path(tempfile.mkdtemp(prefix="wb-"))  # short: the names of sockets end at 107 bytes
    bench = CliBench(home / "bench", home / "run")
    bench.folder.mkdir()
    try:
        if count:
            assert bench.run("bench", "init", "--virtual", str(count)).code == 0
        yield bench
    finally:
        if count:
            bench.run("bench", "down", "--kick")
        shutil.rmtree(home)


def ended(process: subprocess.Popen[str]) -> Ended:
    """Waits for a process that was begun."""
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert "Traceback" not in out + err, err
    return Ended(process.returncode, out, err)


def event_lines(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """Events of a running process, as they come."""
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def until(process: subprocess.Popen[str], event: str, **fields: Any) -> dict[str, Any]:
    """Reads events until one fits; fails where none comes."""
    for found in event_lines(process):
        if found["event"] == event and all(found.get(key) == value for key, value in fields.items()):
            return found
    raise AssertionError(f"no event {event} with {fields}")


def write_image(path: Path, size: int, seed: int = 1) -> Path:
    """A BIN file of that many bytes; its first words are a vector table of a program that loops for ever."""
    import random
    import struct

    head = struct.pack("<II", 0x2000_1000, 0x0000_0009) + struct.pack("<HH", 0xE7FE, 0x46C0)  # b .; nop
    path.write_bytes(head + random.Random(seed).randbytes(max(0, size - len(head))))
    return path


def in_order(words: Sequence[str], text: str) -> bool:
    """Whether the words occur in the text in this order."""
    at = 0
    for word in words:
        at = text.find(word, at)
        if at < 0:
            return False
    return True
