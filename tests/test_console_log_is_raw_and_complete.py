"""The console's log holds exactly what arrived, as it arrives; when it cannot, that is said."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console_ends import PtyBoard, pty_board, wait_until
from workbench.errors import Blame
from workbench.events import Event, Notice
from workbench.wires.console import Console
from workbench.wires.errors import ConsoleLogFailed
from workbench.wires.lines import LineLog


@pytest.fixture
def board(tmp_path: Path) -> Iterator[PtyBoard]:
    with pty_board(tmp_path) as board:
        yield board


def test_raw_bytes_are_in_the_file_as_soon_as_they_are_seen(board: PtyBoard, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "a1.log"
    data = bytes(range(256)) + b"\x1b[31mred\x1b[0m\r\n"
    with Console(str(board.link), log_path=log) as console:
        board.say(data)
        console.expect("\r\n", 5)
        wait_until(lambda: console.received_bytes == len(data))
        assert log.read_bytes() == data
        board.plug()
        board.say(b"more")
        console.expect("more", 5)
    with Console(str(board.link), log_path=log) as console:
        board.say(b", appended")
        console.expect("appended", 5)
    assert log.read_bytes() == data + b"more, appended"


def test_a_log_that_cannot_be_opened_is_refused_before_the_port_is(board: PtyBoard, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConsoleLogFailed) as caught:
        Console(str(board.link), log_path=tmp_path / "file" / "log").open()
    assert caught.value.blame is Blame.STATION


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is Linux's own")
def test_a_full_disk_is_told_but_does_not_stop_the_console(board: PtyBoard) -> None:
    heard: list[Event] = []
    with Console(str(board.link), log_path=Path("/dev/full"), emit=heard.append) as console:
        board.say(b"one two")
        console.expect("one", 5)
        with pytest.raises(ConsoleLogFailed, match="No space left"):
            console.expect("never", 0.05)
        console.expect("two", 5)
        wait_until(lambda: heard)
    assert [event.level for event in heard if isinstance(event, Notice)] == ["warning"]


def test_a_log_ends_at_its_limit(board: PtyBoard, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Console(str(board.link), log_path=log, log_limit_bytes=100) as console:
        board.say(b"x" * 90)
        wait_until(lambda: console.received_bytes == 90)
        board.say(b"y" * 20)
        wait_until(lambda: console.received_bytes == 110)
        with pytest.raises(ConsoleLogFailed, match="limit of 100 bytes"):
            console.expect("never", 0)
    assert log.read_bytes() == b"x" * 90


def test_kept_lines_are_bounded(board: PtyBoard) -> None:
    with Console(str(board.link), keep_lines=3) as console:
        board.say(b"".join(b"%d\n" % n for n in range(10)))
        console.expect("9\n", 5)
        assert [line.text for line in console.lines()] == ["7", "8", "9"]


def test_kept_characters_are_bounded() -> None:
    from datetime import UTC, datetime

    log = LineLog(keep_chars=1000)
    for _ in range(100):
        log.feed(datetime.now(UTC), b"x" * 300 + b"\n")
    assert sum(len(line.text) for line in log.snapshot()) <= 1000
    log.feed(datetime.now(UTC), b"y" * 100_000)
    assert sum(len(line.text) for line in log.snapshot()) <= 1000 + 4096
