"""Closing a console takes at most about two seconds, whatever port, board and threads are doing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.console_ends import Rfc2217Server, TcpBoard, pty_board, wait_until
from workbench.wires.console import Console
from workbench.wires.errors import SerialError
from workbench.wires.link import Change, Link
from workbench.wires.serial_port import PortSettings

pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")


@contextmanager
def within(limit_s: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < limit_s


def test_while_the_board_is_silent_and_twice(tmp_path: Path) -> None:
    with pty_board(tmp_path) as board:
        console = Console(str(board.link))
        console.open()
        with within(1):
            console.close()
            console.close()


def test_while_the_port_is_away(tmp_path: Path) -> None:
    with pty_board(tmp_path) as board:
        console = Console(str(board.link))
        console.open()
        board.unplug()
        wait_until(lambda: not console.connected)
        with within(1):
            console.close()


def test_before_it_was_ever_opened(tmp_path: Path) -> None:
    with within(1):
        Console(str(tmp_path / "port")).close()


def test_while_the_board_takes_no_bytes(tmp_path: Path) -> None:
    with pty_board(tmp_path) as board:
        console = Console(str(board.link))
        console.open()
        failed: list[Exception] = []

        def write() -> None:
            try:
                console.write(bytes(1_000_000), timeout_s=60)
            except SerialError as error:
                failed.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        with within(4):
            console.close()
            writer.join()
        assert len(failed) == 1


def test_while_a_server_does_not_answer_a_new_connection(tmp_path: Path) -> None:
    board = TcpBoard()  # accepts in the kernel, and stays silent
    url = board.url.replace("socket", "rfc2217") + "?timeout=1"
    link = Link(url, PortSettings(), lambda _: None, connect_timeout_s=60, reconnect_timeout_s=None)
    link.start()
    with within(3):
        link.close()
    board.close()


def test_an_rfc2217_port_that_is_open() -> None:
    server = Rfc2217Server()
    console = Console(server.url)
    console.open()
    with within(3):
        console.close()
    server.close()


def test_while_a_listener_is_stuck(tmp_path: Path) -> None:
    release = threading.Event()

    def stuck(_: Change) -> None:
        release.wait(30)

    with pty_board(tmp_path) as board:
        console = Console(str(board.link), listener=stuck)
        console.open()
        with within(4):
            console.close()
        release.set()
