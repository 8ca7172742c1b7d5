"""Every kind of port, by path, link or URL, carries all bytes both ways, early ones and 0xFF included."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console_ends import PtyBoard, Rfc2217Server, TcpBoard, pty_board, wait_until
from workbench.wires.errors import SerialError, SerialLost, SerialTimeout
from workbench.wires.serial_port import Port, PortSettings, open_port
from workbench.wires.url_port import Rfc2217

ALL_BYTES = bytes(range(256)) * 8

pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")


@pytest.fixture
def board(tmp_path: Path) -> Iterator[PtyBoard]:
    with pty_board(tmp_path) as board:
        yield board


@pytest.fixture
def tcp() -> Iterator[TcpBoard]:
    board = TcpBoard()
    yield board
    board.close()


@pytest.fixture
def rfc2217() -> Iterator[Rfc2217Server]:
    server = Rfc2217Server()
    yield server
    server.close()


def read(port: Port, count: int) -> bytes:
    data = bytearray()

    def enough() -> bool:
        data.extend(port.read_some(0.1))
        return len(data) >= count

    wait_until(enough)
    return bytes(data)


def test_a_pty_behind_a_link(board: PtyBoard) -> None:
    port = open_port(str(board.link), PortSettings(baud=1_000_000))
    board.say(ALL_BYTES)
    assert read(port, len(ALL_BYTES)) == ALL_BYTES
    port.write(ALL_BYTES, 5)
    assert board.heard(len(ALL_BYTES)) == ALL_BYTES
    port.send_break()
    port.close()


def test_a_raw_tcp_socket(tcp: TcpBoard) -> None:
    port = open_port(tcp.url)
    client = tcp.accept()
    client.sendall(ALL_BYTES)
    assert read(port, len(ALL_BYTES)) == ALL_BYTES
    port.write(b"\xff\x00ok", 5)
    assert client.recv(10) == b"\xff\x00ok"
    with pytest.raises(SerialError, match="cannot send a break"):
        port.send_break()
    port.close()
    assert client.recv(10) == b""


def test_an_rfc2217_server(rfc2217: Rfc2217Server) -> None:
    port = open_port(rfc2217.url, PortSettings(baud=57_600, parity="E"))
    port.write(ALL_BYTES, 5)
    assert read(port, len(ALL_BYTES)) == ALL_BYTES
    assert (rfc2217.device.baudrate, rfc2217.device.parity) == (57_600, "E")
    port.send_break()
    port.close()


def test_an_rfc2217_client_reads_in_batches(rfc2217: Rfc2217Server) -> None:
    device = Rfc2217(timeout=5)
    device.port = rfc2217.url
    device.open()
    device.write(ALL_BYTES)
    wait_until(lambda: device._read_buffer.qsize() == len(ALL_BYTES))
    assert device.read() == ALL_BYTES
    device.close()


def test_any_other_pyserial_url() -> None:
    port = open_port("loop://")
    port.write(ALL_BYTES, 5)
    assert read(port, len(ALL_BYTES)) == ALL_BYTES
    port.close()


def test_what_was_said_before_opening_is_not_thrown_away(board: PtyBoard, tcp: TcpBoard) -> None:
    keeper = os.open(os.ttyname(board.slave), os.O_RDWR | os.O_NOCTTY)
    board.say(b"early banner\n")
    port = open_port(str(board.link))
    os.close(keeper)
    assert read(port, 13) == b"early banner\n"
    port.close()


def test_reading_returns_at_its_time_limit_or_when_woken(board: PtyBoard) -> None:
    port = open_port(str(board.link))
    assert port.read_some(0.01) == b""
    port.wake()
    started = time.monotonic()
    assert port.read_some(60) == b""
    assert time.monotonic() - started < 5
    port.close()


def test_a_board_that_takes_nothing_ends_the_write_in_time(board: PtyBoard) -> None:
    port = open_port(str(board.link))
    with pytest.raises(SerialTimeout, match=r"took \d+ of 1000000 bytes in 0.2 s"):
        port.write(bytes(1_000_000), 0.2)
    started = time.monotonic()
    port.close()
    assert time.monotonic() - started < 3
    with pytest.raises(SerialLost):
        port.write(b"late", 1)


def test_a_hang_up_is_noticed_reading_and_writing(board: PtyBoard, tcp: TcpBoard) -> None:
    pty_port, tcp_port = open_port(str(board.link)), open_port(tcp.url)
    tcp.accept()
    board.unplug()
    tcp.close()
    for port in (pty_port, tcp_port):
        with pytest.raises(SerialLost, match="vanished"):
            read(port, 1)
    with pytest.raises(SerialLost, match="vanished"):
        pty_port.write(b"x", 1)
    pty_port.close()
    tcp_port.close()


def test_the_last_words_before_an_rfc2217_server_dies_are_read(rfc2217: Rfc2217Server) -> None:
    port = open_port(rfc2217.url)
    port.write(b"last words", 5)
    assert read(port, 10) == b"last words"
    rfc2217.close()
    with pytest.raises(SerialLost):
        read(port, 1)
    port.close()


def test_a_link_that_leads_elsewhere_or_vanishes_is_noticed(board: PtyBoard) -> None:
    port = open_port(str(board.link))
    board.plug()
    with pytest.raises(SerialLost, match="another port"):
        read(port, 1)
    port.close()
    port = open_port(str(board.link))
    board.link.unlink()
    with pytest.raises(SerialLost, match="no longer there"):
        read(port, 1)
    port.close()
