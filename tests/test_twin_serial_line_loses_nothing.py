"""A twin's serial line carries every byte, in order, and is opened and closed as a real port is."""

from __future__ import annotations

import os
import random
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from tests.twin_lab import HELLO, LIMIT_S, Line, attached, load, wait_until
from workbench.virtual.twins import Twin
from workbench.virtual.uart import Uart

BURST = 1 << 16


class Relay:
    """A relay with a socket in place of QEMU: `board` is the board's end, `path` the port."""

    def __init__(self, folder: Path) -> None:
        self.board, machine = socket.socketpair()
        self.board.settimeout(LIMIT_S)
        self.machine = machine
        self.path = folder / "tty"
        self.uart = Uart(machine, self.path)

    def open(self) -> int:
        """Open the port as a program does that wants to miss nothing: no flush."""
        fd = os.open(self.path, os.O_RDWR | os.O_NOCTTY)
        os.set_blocking(fd, False)
        return fd

    def receive(self, size: int) -> bytes:
        """What the board gets."""
        got = b""
        while len(got) < size:
            got += self.board.recv(size - len(got))
        return got

    def nothing_arrives(self, fd: int) -> bool:
        """Whether a marker that the board sends now is the first thing that the port reads."""
        self.board.sendall(b"#")
        return read(fd, 1) == b"#"


def read(fd: int, size: int) -> bytes:
    got = b""
    deadline = time.monotonic() + LIMIT_S
    while len(got) < size:
        assert time.monotonic() < deadline, f"{len(got)} of {size} bytes came"
        if select.select([fd], [], [], 0.1)[0]:
            got += os.read(fd, size - len(got))
    return got


def write(fd: int, data: bytes) -> None:
    while data:
        select.select([], [fd], [], LIMIT_S)
        data = data[os.write(fd, data) :]


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    relay = Relay(tmp_path)
    yield relay
    relay.uart.close()
    relay.board.close()
    relay.machine.close()


def test_bursts_both_ways_at_once(relay: Relay) -> None:
    down, up = random.Random(1).randbytes(BURST), random.Random(2).randbytes(BURST)
    fd = relay.open()
    got: list[bytes] = []
    threads = [
        threading.Thread(target=write, args=(fd, down)),
        threading.Thread(target=relay.board.sendall, args=(up,)),
        threading.Thread(target=lambda: got.append(relay.receive(BURST))),
    ]
    for thread in threads:
        thread.start()
    assert read(fd, BURST) == up
    for thread in threads:
        thread.join(LIMIT_S)
    assert got == [down]
    os.close(fd)


def test_a_reader_that_is_slow_gets_everything(relay: Relay) -> None:
    data = random.Random(3).randbytes(5 * BURST)
    fd = relay.open()
    sender = threading.Thread(target=relay.board.sendall, args=(data,))
    sender.start()
    got = b""
    while len(got) < len(data):
        got += read(fd, min(997, len(data) - len(got)))
    sender.join(LIMIT_S)
    assert got == data
    os.close(fd)


def test_what_is_said_to_a_closed_port_is_lost(relay: Relay) -> None:
    for said in (b"early", b"x" * 3 * BURST):
        relay.board.sendall(said)
        wait_until(lambda: drained(relay.machine), "the relay to take it")
        fd = relay.open()
        assert relay.nothing_arrives(fd)
        os.close(fd)


def drained(sock: socket.socket) -> bool:
    return not select.select([sock], [], [], 0)[0]


@pytest.mark.parametrize("size", [10, 3000, 50000])
def test_what_one_program_left_unread_is_not_there_for_the_next(relay: Relay, size: int) -> None:
    fd = relay.open()
    relay.board.sendall(b"." + b"old" * (size // 3))
    assert read(fd, 1) == b"."
    os.close(fd)
    # the relay has noticed when it drops what the board says
    relay.board.sendall(b"dropped")
    wait_until(lambda: drained(relay.machine), "the relay to take it")
    time_to_settle(relay)
    fd = relay.open()
    assert relay.nothing_arrives(fd)
    os.close(fd)


def time_to_settle(relay: Relay) -> None:
    """Until a byte that the port's last user wrote has come out: the relay has been round since."""
    fd = relay.open()
    write(fd, b"!")
    os.close(fd)
    while relay.board.recv(1) != b"!":
        pass
    relay.board.sendall(b"dropped")
    wait_until(lambda: drained(relay.machine), "the relay to take it")


def test_what_is_said_right_after_the_port_was_opened_is_not_lost(relay: Relay) -> None:
    for i in range(100):
        fd = relay.open()
        relay.board.sendall(b"%4d" % i)
        assert read(fd, 4) == b"%4d" % i
        os.close(fd)
        # the board hears the next program only after this one
        fd = relay.open()
        os.close(fd)


def test_what_was_written_just_before_closing_arrives(relay: Relay) -> None:
    for i in range(50):
        fd = relay.open()
        os.write(fd, b"%4d" % i)
        os.close(fd)
        assert relay.receive(4) == b"%4d" % i


def test_another_machine_behind_the_same_port(relay: Relay) -> None:
    fd = relay.open()
    relay.uart.detach()
    board, machine = socket.socketpair()
    with board, machine:
        relay.uart.rewire(machine)
        board.sendall(b"hello")
        assert read(fd, 5) == b"hello"
        relay.uart.detach()
        relay.uart.rewire(relay.machine)
    os.close(fd)


def test_firmware_echoes_every_line(twin: Twin) -> None:
    load(twin, HELLO)
    letters = random.Random(4)
    lines = ["".join(letters.choices("abcdefgh 0123456789", k=120)) for _ in range(40)]
    with Line(twin) as line:
        for text in lines:
            line.port.write(text.encode("ascii") + b"\r")
            assert line.until(b"\r\n").endswith(f"echo: {text}\r\n".encode("ascii"))


def test_the_port_stays_open_over_a_reset(twin: Twin) -> None:
    load(twin, HELLO)
    with Line(twin) as line:
        for _ in range(3):
            with attached(twin, connect="attach") as target:
                target.reset()
            line.until(b"hello-microbit ")
            line.port.write(b"still\r")
            line.until(b"echo: still\r\n")


def use(port: serial.Serial) -> None:
    for _ in range(1000):
        port.write(b"x")
        port.read(1)


def test_pyserial_finds_the_port_again_after_a_power_cycle(twin: Twin) -> None:
    load(twin, HELLO)
    with Line(twin) as line:
        twin.power.cycle()
        with pytest.raises((serial.SerialException, OSError)):
            use(line.port)
    with Line(twin) as line:
        line.port.write(b"new\r")
        line.until(b"echo: new\r\n")
