"""The interactive console in a real terminal: keys, notices, and the terminal restored however it ends."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console_ends import PtyBoard, pty_board

ROOT = Path(__file__).parent.parent
LIMIT_S = 20.0


class User:
    """Somebody at a terminal who runs the program on a board's port."""

    def __init__(self, board: PtyBoard, **options: Any) -> None:
        self.screen_fd, self.terminal = os.openpty()
        self.before = termios.tcgetattr(self.terminal)
        self.screen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.console_program", str(board.link), json.dumps(options)],
            cwd=ROOT,
            stdin=self.terminal,
            stdout=self.terminal,
            stderr=self.terminal,
            start_new_session=True,
        )

    def sees(self, pattern: str) -> str:
        """Waits until the screen shows `pattern`; returns all that was shown."""
        deadline = time.monotonic() + LIMIT_S
        while not re.search(pattern, self.screen):
            ready = select.select([self.screen_fd], [], [], max(deadline - time.monotonic(), 0))[0]
            assert ready, f"{pattern!r} is not in {self.screen!r}"
            self.screen += os.read(self.screen_fd, 65_536).decode(errors="replace").replace("\r\n", "\n")
        return self.screen

    def types(self, keys: bytes) -> None:
        os.write(self.screen_fd, keys)

    def ends(self) -> int:
        """The exit code, after which the terminal must be as before."""
        code = self.process.wait(LIMIT_S)
        assert termios.tcgetattr(self.terminal) == self.before
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.screen_fd)
        os.close(self.terminal)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[PtyBoard]:
    with pty_board(tmp_path) as board:
        yield board


@pytest.fixture
def user(board: PtyBoard) -> Iterator[User]:
    user = User(board)
    try:
        user.sees("Ctrl-] then")
        yield user
    finally:
        user.close()


def test_keys_reach_the_board_raw_and_its_text_the_screen_clean(board: PtyBoard, user: User) -> None:
    user.types(b"ls\x03\x1a\x04\r\x1d\x1d")
    assert board.heard(7) == b"ls\x03\x1a\x04\r\x1d"
    board.say(b"\x1b]0;evil\x07\x1b[31mred\x1b[0m\r\nuart:~$ ab\b \b")
    screen = user.sees(r"red\nuart:~\$ ab\x08 \x08")
    assert "\x1b" not in screen
    assert "evil" not in screen
    user.types(b"\x1dq")
    user.sees("OUTCOME quit")
    assert user.ends() == 0


def test_help_break_and_timestamps(board: PtyBoard, user: User) -> None:
    board.say(b"prompt> ")
    user.sees("prompt> ")
    user.types(b"\x1d?")
    user.sees(r"prompt> \n--- Ctrl-\] then: q quit")
    user.types(b"\x1dt")
    user.sees("--- timestamps on ---")
    board.say(b"hello\n")
    user.sees(r"\[\d\d:\d\d:\d\d\.\d{3}\] hello\n")
    user.types(b"\x1db")
    user.sees("--- break sent ---")
    user.types(b"\x1dz")
    user.sees("break sent ---\n--- Ctrl-] then".replace("]", r"\]"))
    user.types(b"\x1dq")
    assert user.ends() == 0


def test_a_lost_port_is_told_and_waited_for_and_one_can_quit_meanwhile(board: PtyBoard, user: User) -> None:
    board.say(b"half a line")
    user.sees("half a line")
    board.unplug()
    user.sees(r"half a line\n--- .*vanished.*waiting for it \(Ctrl-\] q quits\) ---\n")
    user.types(b"x")
    user.sees("--- not sent: the port is away ---")
    board.plug()
    user.sees(r"--- .* is back after \d+\.\d s ---\n")
    board.say(b"new life\n")
    user.sees("new life\n")
    user.types(b"y")
    assert board.heard(1) == b"y"
    board.unplug()
    user.sees("(?s)vanished.*vanished")
    user.types(b"\x1dq")
    assert user.ends() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_killed_console_restores_the_terminal(board: PtyBoard, user: User, number: signal.Signals) -> None:
    assert termios.tcgetattr(user.terminal) != user.before
    user.process.send_signal(number)
    user.sees(f"ERROR stopped: .*{number.name}")
    assert user.ends() == 130


def test_a_killed_console_whose_screen_is_stuck_restores_the_terminal(board: PtyBoard, user: User) -> None:
    sent = 0
    while select.select([], [board.master], [], 1.0)[1]:
        sent += os.write(board.master, b"x" * 1000)
        if sent > 6_000_000:
            break
    # nobody reads the screen: the program is held in a write
    user.process.send_signal(signal.SIGTERM)
    user.sees("ERROR stopped")
    assert user.ends() == 130


def test_a_lost_lease_ends_it_and_restores_the_terminal(board: PtyBoard, tmp_path: Path) -> None:
    user = User(board, lease=str(tmp_path / "kicked"))
    try:
        user.sees("Ctrl-] then".replace("]", r"\]"))
        (tmp_path / "kicked").touch()
        user.sees("the lease is lost")
        assert user.ends() == 70
    finally:
        user.close()


def test_a_missing_port_ends_it_without_touching_the_terminal(board: PtyBoard) -> None:
    board.link.unlink()
    user = User(board, connect_timeout_s=0.1)
    try:
        user.sees("ERROR serial-missing")
        assert user.ends() == 3
    finally:
        user.close()


def test_a_pattern_ends_it_also_in_a_terminal(board: PtyBoard) -> None:
    user = User(board, expect="login:")
    try:
        user.sees("Ctrl-] then".replace("]", r"\]"))
        board.say(b"boot\r\nlogin: ")
        user.sees(r"boot\nlogin: \nOUTCOME expected")
        assert user.ends() == 0
    finally:
        user.close()
