"""A program of the workbench that works for a screen in a process of its own, and tells what it does as
events.

The screen stays quick whatever the boards do, and what hangs can be stopped.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO, Any, Final

from workbench.wires.clean import clean_line

MAX_LINE: Final = 1 << 20
"""Longest line that is taken from a program, in characters."""
WAITING_EVENTS: Final = 10_000
"""Events that wait for the screen; a program that is quicker waits, too."""
STDERR_LINES: Final = 20


def workbench_command(*words: str | Path) -> list[str]:
    """`workbench WORDS…` with this interpreter."""
    return [sys.executable, "-m", "workbench.cli", *map(str, words)]


class Program:
    """A process that prints events as JSON lines.  It has its own session: a terminal's Ctrl-C and hang-up
    do not reach it, `stop` does.
    """

    def __init__(self, command: list[str], *, cwd: Path, stdin: bool = False, events: bool = True) -> None:
        """Starts it; raises OSError.  `stdin`: `send` may be used; `events` False: nothing is read."""
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, "TERM": "dumb", "COLUMNS": "100"},
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if events else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._events: queue.Queue[dict[str, Any]] = queue.Queue(WAITING_EVENTS)
        self._said: deque[str] = deque(maxlen=STDERR_LINES)
        self._readers = [self._reader(self._process.stderr, self._hear)]
        if events:
            self._readers.append(self._reader(self._process.stdout, self._take))

    @property
    def running(self) -> bool:
        """Whether there may be more events."""
        return self._process.poll() is None or any(t.is_alive() for t in self._readers)

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    @property
    def said(self) -> tuple[str, ...]:
        """The last lines of its standard error, cleaned."""
        return tuple(self._said)

    def events(self, most: int = 500) -> list[dict[str, Any]]:
        """Events that came since the last call, at most `most`."""
        found: list[dict[str, Any]] = []
        while len(found) < most:
            try:
                found.append(self._events.get_nowait())
            except queue.Empty:
                break
        return found

    def send(self, line: str) -> bool:
        """Gives it a line on standard input; False where it takes none any more."""
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def end_input(self) -> None:
        """Ends its standard input."""
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                return

    def stop(self) -> None:
        """Asks it to end after its current step, as Ctrl-C does."""
        self.end_input()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def wait(self, timeout_s: float) -> int | None:
        """Its exit code, None where it still runs after that time."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def _reader(self, stream: IO[str] | None, take: Any) -> threading.Thread:
        def read() -> None:
            assert stream is not None
            with stream:
                while line := stream.readline(MAX_LINE):
                    take(line)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def _hear(self, line: str) -> None:
        if text := clean_line(line).strip():
            self._said.append(text)

    def _take(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            self._events.put(event)
