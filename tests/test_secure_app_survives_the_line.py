"""Whatever comes over the line, the application answers the next request; what it says is never cut."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import cbor2
import pytest
import serial
from smp import packet

from tests.secure_app_lab import ECHO, IDENTITY_OF, PARAMETERS, Unit, smp_on, unit_in
from tests.twin_lab import wait_until

REQUESTS_AT_ONCE = 40


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unit]:
    with unit_in(tmp_path_factory.mktemp("unit")) as made:
        yield made


@pytest.fixture(scope="module")
def state(unit: Unit) -> dict[str, object]:
    with smp_on(unit.twin) as smp:
        return smp.read(IDENTITY_OF)


def echo(text: str, sequence: int) -> bytes:
    body = cbor2.dumps({"d": text})
    return b"".join(packet.encode(struct.pack("!BBHHBB", 2 | 1 << 3, 0, len(body), 0, sequence, 0) + body))


def framed(raw: bytes) -> bytes:
    return b"".join(packet.encode(raw))


HEADER = struct.pack("!BBHHBB", 2 | 1 << 3, 0, 4, 1, 1, 1)
HARMLESS = {
    "nothing but zeros": bytes(5000),
    "all bytes": bytes(range(256)) * 20,
    "first bytes of frames": b"\x06\x09" * 3000,
    "first lines only": b"\x06\x09AP8AAAAA\n" * 500,
    "further lines only": b"\x04\x14AAAAAAAA\n" * 500,
    "a frame without an end": b"\x06\x09D/8" + b"A" * 20000,
    "a length of nothing": b"\x06\x09AAAAAAAA\n" * 100,
    "the longest length": b"\x06\x09////AAAA\n" * 100,
    "padding everywhere": b"\x06\x09====A=A=\n" * 300,
    "no line ends": b"x" * 20000,
    "many line ends": b"\r\n" * 5000,
    "a wrong CRC": framed(HEADER + b"\xa1\x61d\x60")[:-5] + b"AAAA\n",
    "an answer instead of a request": framed(bytes([3]) + HEADER[1:] + b"\xa1\x61d\x60"),
    "a header alone, cut": framed(HEADER[:5]),
    "a body that is no map": framed(HEADER + b"\x80\x80\x80\x80"),
    "a map that lies": framed(HEADER + b"\xbb\xff\xff\xff"),
    "deep nesting": framed(struct.pack("!BBHHBB", 10, 0, 1000, 1, 1, 1) + b"\x81" * 1000),
    "text of another program": b"shell> reboot\nlogin: root\n" * 50,
    "noise": random.Random(1).randbytes(20000),
    "noise like base64": bytes(random.Random(2).choices(b"ABCDwxyz0189+/=\n\x06\x09\x04\x14", k=20000)),
}


def drain(port: serial.Serial) -> None:
    """Until nothing more comes for a while; the board may have answered some of it."""
    while port.read(4096):
        pass


@pytest.mark.parametrize("name", HARMLESS)
def test_the_next_request_is_answered(unit: Unit, state: dict[str, object], name: str) -> None:
    with serial.Serial(unit.twin.serial_url, 115200, timeout=0.1, write_timeout=20) as port:
        port.write(HARMLESS[name])
        drain(port)
    with smp_on(unit.twin) as smp:
        smp.alive()
        assert smp.read(IDENTITY_OF) == state


def test_requests_at_once_are_all_answered_in_turn(unit: Unit) -> None:
    """More than the board's buffers hold, none read before the last was sent."""
    text = "y" * 300
    seen = b""
    with serial.Serial(unit.twin.serial_url, 115200, timeout=0.1, write_timeout=30) as port:
        port.write(b"".join(echo(text, number) for number in range(REQUESTS_AT_ONCE)))

        def all_there() -> bool:
            nonlocal seen
            seen += port.read(4096)
            return seen.count(b"\x06\x09") == REQUESTS_AT_ONCE and seen.endswith(b"\n")

        wait_until(all_there, "all answers")
    answers = [packet_of(b"\x06\x09" + part) for part in seen.split(b"\x06\x09")[1:]]
    assert [answer[6] for answer in answers] == list(range(REQUESTS_AT_ONCE))
    assert all(cbor2.loads(answer[8:]) == {"r": text} for answer in answers)


def packet_of(frame: bytes) -> bytes:
    decoder = packet.decode()
    next(decoder)
    *lines, last = frame.splitlines(keepends=True)
    for line in lines:
        decoder.send(line)
    with pytest.raises(StopIteration) as done:
        decoder.send(last)
    found: bytes = done.value.value
    return found


def test_a_request_that_came_during_the_boot_is_answered(unit: Unit) -> None:
    """Its first bytes wait in the UART while the bootloader works."""
    reset = framed(struct.pack("!BBHHBB", 2 | 1 << 3, 0, 1, 0, 9, 5) + b"\xa0")
    seen = b""
    with serial.Serial(unit.twin.serial_url, 115200, timeout=0.05) as port:
        port.write(reset + echo("early", 10))

        def answered() -> bool:
            nonlocal seen
            seen += port.read(4096)
            return b"app: " in seen and seen.partition(b"app: ")[2].count(b"\n") >= 1

        wait_until(answered, "the next boot")
    with smp_on(unit.twin) as smp:
        smp.alive()


def test_a_flood_of_good_requests_wears_out_nothing(unit: Unit, state: dict[str, object]) -> None:
    unit.twin.power.count_operations()
    with smp_on(unit.twin) as smp:
        for _ in range(30):
            smp.write((64, 2), action="grant")
            smp.write((64, 2), action="defer")
            smp.write((1, 0), hash=bytes(32))
            smp.write((1, 0), confirm=True)
            smp.read(PARAMETERS)
        smp.alive()
        assert smp.read(IDENTITY_OF) == state
    assert unit.twin.power.operations() == 0


def test_the_longest_request_is_taken_and_a_longer_one_is_not(unit: Unit) -> None:
    with smp_on(unit.twin) as smp:
        most = smp.read(PARAMETERS)["buf_size"]
        room = most - 8 - len(cbor2.dumps({"d": "x" * 1000})) + 1000
        assert len(smp.write(ECHO, d="x" * (room - 4))["r"]) == room - 4
    with serial.Serial(unit.twin.serial_url, 115200, timeout=0.2) as port:
        port.write(echo("x" * (room + 1), 1))
        assert port.read(10) == b""
