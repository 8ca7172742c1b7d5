"""How quick the screen is: key to screen, paints and processor time, with eight slots at work and a console
at 1 Mbit/s.  In a real terminal, whose size is 200 by 60."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks import moments
from benchmarks.bench import Place
from benchmarks.moments import Took
from benchmarks.ratios import Goal, Row

COLUMNS: Final = 200
LINES: Final = 60
CONSOLE_BYTES_A_SECOND: Final = 125_000
WATCH_S: Final = 4.0
KEYS: Final = 40
"""So many in moments of our own, or MAX_KEYS in all."""
MAX_KEYS: Final = 120
KEY_EVERY_S: Final = 0.11
"""A person's pace; a scanner's keys are painted together."""
PAINT: Final = b"\x1b[?2026h"
"""What Textual sends before it paints, to a terminal that says it knows that."""
ASKS_FOR_PAINTS: Final = b"\x1b[?2026$p"
KNOWS_PAINTS: Final = b"\x1b[?2026;2$y"
KEY_TO_SCREEN: Final = Goal("at most", 0.05)
PAINT_EVERY: Final = Goal("at least", 0.1)
CPU: Final = Goal("at most", 0.3)


def measure(place: Place, rounds: int) -> list[Row]:
    """Both scenes, each as often as `rounds` says."""
    keys: list[list[Took]] = []
    echoes: list[list[Took]] = []
    gaps, loads = [], []
    console_gaps, console_loads = [], []
    for _round in range(rounds):
        with _scene(place, "technician") as screen:
            gap, load = screen.watched()
            gaps.append(gap)
            loads.append(load)
            keys.append(screen.typed())
        echoes.append(_echoes())
        with _scene(place, "console") as screen:
            gap, load = screen.watched()
            console_gaps.append(gap)
            console_loads.append(load)
    return [
        Row(
            "key to screen, 95 of 100, with 8 slots at work",
            _most(keys),
            "s",
            KEY_TO_SCREEN,
            moments.words(keys),
        ),
        Row(
            "of which the terminal: a key that `cat` gives back",
            _most(echoes),
            "s",
            None,
            moments.words(echoes),
        ),
        Row("time between two paints of the line", tuple(gaps), "s", PAINT_EVERY),
        Row("processor time of the line's screen, of one core", tuple(loads), "times", CPU),
        Row("time between two paints of the engineer's console", tuple(console_gaps), "s", PAINT_EVERY),
        Row("processor time of the engineer's console, of one core", tuple(console_loads), "times", CPU),
    ]


class Terminal:
    """A program in a terminal of 200 by 60."""

    def __init__(self, *command: str) -> None:
        self._typed = b""
        self.master, slave = os.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        tty.setraw(slave)
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=env
        )
        os.close(slave)

    def typed(self) -> list[Took]:
        """Keys at a person's pace, and the time until each stands on the screen."""
        taken: list[Took] = []
        while len(taken) < MAX_KEYS and sum(one.ours for one in taken) < KEYS:
            self.read_for(KEY_EVERY_S)
            key = b"%c" % (ord("A") + len(taken) % 26)
            taken.append(moments.watched(partial(self._press, key)))
        return taken

    def read_until(self, words: bytes, timeout_s: float = 60.0) -> bytes:
        """What the program writes until it has written `words`, them included."""
        seen, end = b"", time.monotonic() + timeout_s
        while words not in seen:
            if not select.select([self.master], [], [], end - time.monotonic())[0]:
                raise RuntimeError(f"the screen does not show {words!r}")
            seen += os.read(self.master, 1 << 16)
        return seen

    def read_for(self, seconds: float) -> bytes:
        """What the program writes in that time."""
        seen, end = b"", time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                seen += os.read(self.master, 1 << 16)
        return seen

    def close(self) -> None:
        """Ends the program."""
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def _press(self, key: bytes) -> None:
        self._typed = self._shown(key)
        os.write(self.master, key)
        self.read_until(self._typed)

    def _shown(self, key: bytes) -> bytes:
        """What a key makes the program write: the key."""
        return key


class Screen(Terminal):
    """The application in a terminal that knows synchronized output."""

    def __init__(self, folder: Path, scene: str) -> None:
        super().__init__(sys.executable, "-m", "benchmarks.screen_program", str(folder), scene)
        self.read_until(ASKS_FOR_PAINTS)
        os.write(self.master, KNOWS_PAINTS)
        self.read_until(b"F4" if scene == "console" else b"Engineer")
        self.read_for(1.5)

    def watched(self) -> tuple[float, float]:
        """Seconds from paint to paint, and the share of a core, while nobody types."""
        before, began = _cpu_s(self.process.pid), time.monotonic()
        seen = self.read_for(WATCH_S)
        spent = time.monotonic() - began
        return spent / max(seen.count(PAINT), 1), (_cpu_s(self.process.pid) - before) / spent

    def _shown(self, key: bytes) -> bytes:
        """The whole scan field, which is drawn anew."""
        return self._typed + key


def _most(rounds: list[list[Took]]) -> tuple[float, ...]:
    return tuple(moments.most(taken, ours=True) for taken in rounds)


def _echoes() -> list[Took]:
    """A program that only gives back what it reads: what terminal and machine take by themselves."""
    bare = Terminal("cat")
    try:
        return bare.typed()
    finally:
        bare.close()


@contextmanager
def _scene(place: Place, scene: str) -> Iterator[Screen]:
    """The application, and a board that prints as fast as a line of 1 Mbit/s carries."""
    slot = next(iter(place.bench.slots.values()))
    log = slot.state_dir / "console.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    ended = threading.Event()
    board = threading.Thread(target=_print, args=(log, ended), daemon=True)
    board.start()
    screen = Screen(place.bench.path.parent, scene)
    try:
        yield screen
    finally:
        screen.close()
        ended.set()
        board.join()


def _print(log: Path, ended: threading.Event) -> None:
    """Appends lines to a console log at the line's rate."""
    line = b"[00:00:01.234,567] <inf> sensor: temperature 23.41 C, humidity 44.2 %, battery 3012 mV\r\n"
    with log.open("ab", buffering=0) as file:
        while not ended.wait(0.02):
            file.write(line * (CONSOLE_BYTES_A_SECOND // 50 // len(line)))


def _cpu_s(pid: int) -> float:
    """Processor time of a process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
