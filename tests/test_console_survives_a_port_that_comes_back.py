"""A console outlives its port: unplugged, replaced or restarted, it connects again and marks the gap."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console_ends import PtyBoard, Rfc2217Server, TcpBoard, pty_board, wait_until
from workbench.errors import Blame
from workbench.events import Event, Notice
from workbench.wires.console import Console
from workbench.wires.errors import ConsoleTimeout, SerialBusy, SerialError, SerialLost, SerialMissing

pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")


@pytest.fixture
def board(tmp_path: Path) -> Iterator[PtyBoard]:
    with pty_board(tmp_path) as board:
        yield board


def test_a_link_moved_to_another_pty_is_followed(board: PtyBoard) -> None:
    heard: list[Event] = []
    with Console(str(board.link), emit=heard.append) as console:
        board.say(b"first life, half a li")
        console.expect("half a li", 5)
        board.plug()
        board.say(b"ne\r\nsecond life\r\n")
        assert console.expect("second life\r\n", 5).before == b"ne\r\n"
        console.send_line("still there?")
        assert board.heard(13) == b"still there?\n"
        lines = console.lines()
    assert [line.kind for line in lines] == ["text", "lost", "back", "text", "text"]
    assert [line.text for line in lines if line.kind == "text"] == [
        "first life, half a li",
        "ne",
        "second life",
    ]
    assert "--- " in str(lines[1])
    assert "another port" in lines[1].text
    assert "is back after" in lines[2].text
    levels = [event.level for event in heard if isinstance(event, Notice)]
    assert levels == ["warning", "info"]


def test_a_hung_up_pty_is_waited_for(board: PtyBoard) -> None:
    with Console(str(board.link)) as console:
        for life in (b"one\n", b"two\n", b"three\n"):
            console.wait_connected(5)
            board.say(life)
            console.expect(life, 5)
            board.unplug()
            wait_until(lambda: not console.connected)
            board.plug()
        console.wait_connected(5)
        assert [line.kind for line in console.lines()] == ["text", "lost", "back"] * 3


def test_words_do_not_join_across_the_gap(board: PtyBoard) -> None:
    with Console(str(board.link)) as console:
        board.say(b"log")
        console.expecting("never", 5)
        wait_until(lambda: console.received_bytes == 3)
        board.plug()
        board.say(b"in: ")
        wait_until(lambda: console.received_bytes == 7)
        with pytest.raises(ConsoleTimeout, match="login"):
            console.expect("login: ", 0)
        assert console.expect("in: ", 0).before == b"log"


def test_what_is_sent_meanwhile_waits_for_the_port(board: PtyBoard) -> None:
    with Console(str(board.link)) as console:
        board.unplug()
        wait_until(lambda: not console.connected)
        with pytest.raises(SerialLost, match=r"did not come back within 0\.05 s"):
            console.send_line("too early", timeout_s=0.05)
        board.plug()
        console.send_line("now", timeout_s=5)
        assert board.heard(4) == b"now\n"


def test_a_port_that_is_away_is_the_stations_fault_not_the_units(board: PtyBoard) -> None:
    with Console(str(board.link)) as console:
        board.say(b"last words\n")
        wait_until(lambda: console.received_bytes == 11)
        board.unplug()
        wait_until(lambda: not console.connected)
        with pytest.raises(SerialLost, match="last words") as caught:
            console.expect("never", 0.05)
    assert caught.value.blame is Blame.STATION


def test_a_lost_port_is_given_up_after_its_limit(board: PtyBoard) -> None:
    with Console(str(board.link), reconnect_timeout_s=0.1) as console:
        board.unplug()
        with pytest.raises(SerialMissing):
            console.expect("never", 30)


def test_a_stranger_who_gets_the_number_of_a_lost_pty_is_left_alone(board: PtyBoard) -> None:
    lost = os.ttyname(board.slave)

    def taken_by_a_stranger() -> bool:
        master, slave = os.openpty()
        board.fds += [master, slave]
        return os.ttyname(slave) == lost

    with Console(str(board.link), reconnect_timeout_s=1) as console:
        board.unplug()
        wait_until(lambda: not console.connected)
        # if another process was faster, it is the stranger: the number is taken all the same
        wait_until(lambda: taken_by_a_stranger() or board.link.exists())
        assert board.link.exists()
        with pytest.raises(SerialMissing, match="still leads to a pty that is gone"):
            console.expect("never", 30)


def test_a_port_that_appears_late_is_waited_for_and_one_that_does_not_is_missing(tmp_path: Path) -> None:
    late = tmp_path / "port"
    console = Console(str(late), connect_timeout_s=0.2)
    with pytest.raises(SerialMissing):
        console.open()
    seen: list[object] = []
    with pty_board(tmp_path) as board:
        board.link.rename(tmp_path / "elsewhere")
        patient = Console(str(late), connect_timeout_s=10, listener=seen.append)
        patient._link.start()
        (tmp_path / "elsewhere").rename(late)
        wait_until(lambda: patient.connected)
        patient.close()


def test_a_busy_port_is_reported_soon(board: PtyBoard) -> None:
    with (
        Console(str(board.link)),
        pytest.raises(SerialBusy),
        Console(str(board.link), connect_timeout_s=30),
    ):
        pytest.fail("two consoles on one port")


def test_a_socket_server_may_restart() -> None:
    board = TcpBoard()
    with Console(board.url) as console:
        board.accept().sendall(b"one\n")
        console.expect("one", 5)
        board.close()
        board = TcpBoard(board.port)
        board.accept().sendall(b"two\n")
        console.expect("two", 5)
        assert [line.kind for line in console.lines()] == ["text", "lost", "back", "text"]
    board.close()


def test_an_rfc2217_server_may_restart() -> None:
    server = Rfc2217Server()
    with Console(server.url) as console:
        console.send_line("one")
        console.expect("one", 5)
        server.close()
        wait_until(lambda: not console.connected)
        server = Rfc2217Server(server.port)
        console.send_line("two", timeout_s=10)
        console.expect("two", 5)
        assert [line.kind for line in console.lines()] == ["text", "lost", "back", "text"]
    server.close()


def test_a_break_needs_a_port_that_is_there(board: PtyBoard) -> None:
    with Console(str(board.link)) as console:
        console.send_break()
        board.unplug()
        wait_until(lambda: not console.connected)
        with pytest.raises(SerialError):
            console.send_break()


def test_descriptors_and_threads_do_not_pile_up(board: PtyBoard) -> None:
    def open_descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = open_descriptors()
    for _ in range(5):
        with Console(str(board.link)) as console:
            board.plug()
            board.say(b"x")
            console.expect("x", 5)
    board.close()
    wait_until(lambda: open_descriptors() <= before - 2)
