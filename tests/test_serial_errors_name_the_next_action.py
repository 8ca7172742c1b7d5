"""A port that cannot be opened says why, whose fault it is and what to do, and never takes too long."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.console_ends import PtyBoard, Rfc2217Server, TcpBoard, pty_board
from workbench.errors import Blame
from workbench.wires.errors import (
    SerialBusy,
    SerialDenied,
    SerialInvalid,
    SerialMissing,
    SerialTimeout,
)
from workbench.wires.serial_port import PortSettings, open_port

pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")


@pytest.fixture
def board(tmp_path: Path) -> Iterator[PtyBoard]:
    with pty_board(tmp_path) as board:
        yield board


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Acts as a user without rights for a while, where the tests run as root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_missing_port(tmp_path: Path) -> None:
    dangling = tmp_path / "port"
    dangling.symlink_to(tmp_path / "nowhere")
    for path in (dangling, tmp_path / "never"):
        with pytest.raises(SerialMissing) as caught:
            open_port(str(path))
        assert caught.value.code == "serial-missing"
        assert caught.value.blame is Blame.STATION
        assert str(path) in caught.value.what
        assert "plug the board in" in caught.value.action


def test_busy_port_names_its_holder(board: PtyBoard) -> None:
    port = open_port(str(board.link))
    with pytest.raises(SerialBusy) as caught:
        open_port(str(board.link))
    port.close()
    assert caught.value.code == "serial-busy"
    assert f"process {os.getpid()}" in caught.value.cause
    open_port(str(board.link)).close()


def test_denied_port_names_the_group_to_join(board: PtyBoard) -> None:
    path = os.ttyname(board.slave)
    os.chown(path, -1, 20)  # dialout on Debian
    os.chmod(path, 0o060)
    with ordinary_user(), pytest.raises(SerialDenied) as caught:
        open_port(path)
    assert caught.value.code == "serial-denied"
    assert "usermod -aG dialout" in caught.value.action


def test_denied_port_of_root_asks_for_udev_rules(board: PtyBoard) -> None:
    path = os.ttyname(board.slave)
    os.chmod(path, 0o000)
    with ordinary_user(), pytest.raises(SerialDenied) as caught:
        open_port(path)
    assert "udev rules" in caught.value.action


@pytest.mark.parametrize(
    "port", ["nonsense://x", "socket://localhost", "socket://localhost:99999", "rfc2217://localhost:1?x=y"]
)
def test_malformed_url_is_the_users_to_correct(port: str) -> None:
    with pytest.raises(SerialInvalid) as caught:
        open_port(port)
    assert caught.value.blame is Blame.INPUT
    assert port in caught.value.what


def test_file_that_is_no_port_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a tty")
    for path in (file, Path("/dev/null")):
        with pytest.raises(SerialInvalid, match=str(path)):
            open_port(str(path))
    assert file.read_text() == "not a tty"


def test_impossible_settings_are_refused(board: PtyBoard) -> None:
    with pytest.raises(SerialInvalid, match="baud"):
        open_port(str(board.link), PortSettings(baud=-5))


def test_server_that_does_not_run_is_missing() -> None:
    board = TcpBoard()
    board.close()
    for url in (board.url, board.url.replace("socket", "rfc2217")):
        with pytest.raises(SerialMissing, match="nothing answers") as caught:
            open_port(url)
        assert "start the server" in caught.value.action


def test_unknown_host_is_missing() -> None:
    with pytest.raises(SerialMissing, match=r"socket://no-such-host\.invalid"):
        open_port("socket://no-such-host.invalid:1")


def test_server_that_stays_silent_costs_no_more_than_the_limit() -> None:
    board = TcpBoard()
    started = time.monotonic()
    with pytest.raises(SerialTimeout, match=r"did not open within 0\.3 s") as caught:
        open_port(board.url.replace("socket", "rfc2217") + "?timeout=0.8", timeout_s=0.3)
    assert time.monotonic() - started < 0.7
    assert caught.value.code == "serial-timeout"
    # the abandoned attempt gives its connection back when it ends at last
    client = board.accept()
    while client.recv(4096):
        pass
    board.close()


def test_server_that_speaks_something_else_is_told_apart() -> None:
    board = TcpBoard()
    with pytest.raises(SerialTimeout, match="RFC 2217") as caught:
        open_port(board.url.replace("socket", "rfc2217") + "?timeout=0.1")
    assert "socket://" in caught.value.action
    board.close()


def test_late_success_after_giving_up_is_closed_again() -> None:
    server = Rfc2217Server()  # whose client takes 0.1 s at least
    with pytest.raises(SerialTimeout):
        open_port(server.url, timeout_s=0.01)
    server.client_gone.wait(10)
    assert server.client_gone.is_set()
    server.close()
