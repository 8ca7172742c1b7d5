"""A program in a real terminal of the tests' own: what it draws is read from a pyte screen."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence

import pyte

from tests.console_ends import wait_until
from workbench.tui.keyboard import QUIET_S

KEYS = {
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f5": "\x1b[15~",
    "f6": "\x1b[17~",
    "f8": "\x1b[19~",
    "f10": "\x1b[21~",
    "f12": "\x1b[24~",
    "esc": "\x1b",
    "right": "\x1b[C",
    "down": "\x1b[B",
}


class Terminal:
    """A pty, the program on it, and its screen."""

    def __init__(self, command: Sequence[str], *, columns: int, lines: int, env: dict[str, str]) -> None:
        self.master, slave = os.openpty()
        self._size(columns, lines)
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self.screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.raw = bytearray()
        self.process = subprocess.Popen(
            list(command),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **env},
        )
        os.close(slave)

    def read(self, timeout_s: float = 0.02) -> None:
        """Takes what the program has drawn by now."""
        while select.select([self.master], [], [], timeout_s)[0]:
            try:
                data = os.read(self.master, 1 << 16)
            except OSError:
                return
            if not data:
                return
            self.raw += data
            self._stream.feed(self._decoder.decode(data))
            timeout_s = 0.0

    @property
    def text(self) -> str:
        """What is on the screen now."""
        self.read()
        return "\n".join(line.rstrip() for line in self.screen.display)

    def shows(self, *words: str, timeout_s: float = 30.0) -> str:
        """Waits until all of these words are on the screen, and returns it."""
        deadline = time.monotonic() + timeout_s
        while not all(word in self.text for word in words):
            assert time.monotonic() < deadline, f"{words} are not on the screen:\n{self.text}"
            assert self.process.poll() is None or self.text, "the program has ended"
        return self.text

    def lacks(self, word: str, timeout_s: float = 30.0) -> str:
        """Waits until a word is off the screen."""
        wait_until(lambda: word not in self.text, timeout_s)
        return self.text

    def send(self, text: str) -> None:
        """What a keyboard or a scanner types, in one write."""
        os.write(self.master, text.encode())

    def press(self, *names: str) -> None:
        """Keys, as a person presses them: some time after whatever a scanner typed before."""
        for name in names:
            select.select([], [], [], 2 * QUIET_S)
            self.send(KEYS[name])

    def resize(self, columns: int, lines: int) -> None:
        """Another size of the window."""
        self.screen.resize(lines, columns)
        self.screen.reset()
        self._size(columns, lines)
        os.killpg(self.process.pid, signal.SIGWINCH)

    def _size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def ends(self, timeout_s: float = 60.0) -> int:
        """Waits for its end; returns the exit status."""
        wait_until(self._has_ended, timeout_s)
        self.read()
        return self.process.returncode

    def _has_ended(self) -> bool:
        self.read()
        return self.process.poll() is not None

    def close(self) -> None:
        """Ends the program, if it runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self.master)


@contextlib.contextmanager
def terminal(
    *arguments: str, columns: int = 80, lines: int = 24, env: dict[str, str] | None = None
) -> Iterator[Terminal]:
    """`python -m ARGUMENTS` in a terminal of that size."""
    made = Terminal([sys.executable, "-m", *arguments], columns=columns, lines=lines, env=env or {})
    try:
        yield made
    finally:
        made.close()
