"""The interactive console without a terminal: lines from a pipe, an end by itself, a clean exit code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console_ends import PtyBoard, pty_board, wait_until

ROOT = Path(__file__).parent.parent
LIMIT_S = 20.0


@pytest.fixture
def board(tmp_path: Path) -> Iterator[PtyBoard]:
    with pty_board(tmp_path) as board:
        yield board


def start(board: PtyBoard, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.console_program", str(board.link), json.dumps(options)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_lines_are_sent_and_the_end_comes_when_the_board_is_quiet(board: PtyBoard, tmp_path: Path) -> None:
    program = start(board, idle_s=0.3, log=str(tmp_path / "log"))
    assert program.stdin
    program.stdin.write(b"one\ntwo\r\nlast")
    program.stdin.close()
    assert board.heard(13) == b"one\rtwo\rlast\r"
    board.say(b"\x1b[1manswer\x1b[0m\r\n\xff")
    assert program.wait(LIMIT_S) == 0
    assert program.stdout
    assert program.stderr
    assert program.stdout.read().decode() == "answer\n\ufffd"
    assert "OUTCOME end-of-input 17 13" in program.stderr.read().decode()
    assert (tmp_path / "log").read_bytes() == b"\x1b[1manswer\x1b[0m\r\n\xff"
    program.stdout.close()
    program.stderr.close()


def test_it_ends_with_the_expected_text_while_input_is_open(board: PtyBoard) -> None:
    program = start(board, expect="login: ")
    assert program.stdin
    program.stdin.write(b"\n")
    program.stdin.flush()
    assert board.heard(1) == b"\r"
    board.say(b"boot\nlogin: ")
    assert program.wait(LIMIT_S) == 0
    out, err = program.communicate()
    assert out == b"boot\nlogin: "
    assert b"OUTCOME expected" in err


def test_it_fails_with_the_units_exit_code_when_the_text_does_not_come(board: PtyBoard) -> None:
    board.say(b"boot\npanic\n")
    program = start(board, expect="login: ", expect_timeout_s=0.3)
    out, err = program.communicate(timeout=LIMIT_S)
    assert program.returncode == 1
    assert out == b"boot\npanic\n"
    assert b"ERROR console-timeout: 'login: ' did not come within 0.3 s" in err
    assert b"  | panic" in err


def test_an_empty_input_just_listens_until_the_board_is_quiet(board: PtyBoard) -> None:
    board.say(b"banner\n")
    out, err = start(board, idle_s=0.2).communicate(timeout=LIMIT_S)
    assert out == b"banner\n"
    assert b"OUTCOME end-of-input 7 0" in err


def test_lines_wait_for_a_lost_port_and_are_not_lost_with_it(board: PtyBoard) -> None:
    program = start(board)
    assert program.stdin
    assert program.stderr
    program.stdin.write(b"one\n")
    program.stdin.flush()
    assert board.heard(4) == b"one\r"
    board.unplug()
    assert b"waiting for it" in program.stderr.readline()
    program.stdin.write(b"two\n")
    program.stdin.close()
    board.plug()
    assert board.heard(4) == b"two\r"
    assert program.wait(LIMIT_S) == 0
    assert b"is back after" in program.stderr.read()
    program.stderr.close()
    assert program.stdout
    program.stdout.close()


def test_a_port_that_stays_away_ends_it_with_the_stations_exit_code(board: PtyBoard) -> None:
    program = start(board, connect_timeout_s=0.5)
    assert program.stdin
    program.stdin.write(b"one\n")
    program.stdin.flush()
    board.heard(4)
    board.unplug()
    assert program.wait(LIMIT_S) == 3
    assert b"ERROR serial-missing" in program.communicate()[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_as_stopped(board: PtyBoard, number: signal.Signals) -> None:
    program = start(board)
    board.say(b"hello\n")
    assert program.stdout
    wait_until(lambda: b"hello" in program.stdout.readline() if program.stdout else False, LIMIT_S)
    program.send_signal(number)
    assert program.wait(LIMIT_S) == 130
    assert b"ERROR stopped" in program.communicate()[1]
