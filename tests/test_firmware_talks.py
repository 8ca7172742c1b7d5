"""Every sample says who it is, echoes lines, obeys its commands, and sleeps when it has nothing to do."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest

from tests.firmware_emulator import CHIP_IDS, VERSIONS, Emulator, banner, build_id

SAMPLES = sorted(VERSIONS)
LINE_MAX_BYTES = 256


@pytest.fixture(params=SAMPLES)
def board(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A sample that has just booted."""
    with Emulator(request.param) as emulator:
        assert emulator.read_until(b"\r\n") == banner(emulator.name)
        yield emulator


def test_banner_names_version_build_and_chip(board: Emulator) -> None:
    assert re.fullmatch(
        rb"hello-(microbit|mps2) \S+ build [0-9a-f]{12} chip [0-9a-f]{16}\r\n", banner(board.name)
    )


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_line_is_echoed_once_whatever_ends_it(board: Emulator, end: bytes) -> None:
    board.send(b"one" + end + b"two" + end)
    assert board.read_until(b"two\r\n") == b"echo: one\r\necho: two\r\n"
    board.send(end)
    assert board.read_until(b"\r\n") == b"echo: \r\n"


def test_commands_tell_chip_and_build(board: Emulator) -> None:
    assert board.ask(b"?id") == b"id: " + CHIP_IDS[board.name]
    assert board.ask(b"?build") == b"build: " + build_id(board.name)


@pytest.mark.parametrize("line", [b"?", b"?i", b"?idx", b" ?id", b"?ID", b"?reset now"])
def test_what_is_not_quite_a_command_is_echoed(board: Emulator, line: bytes) -> None:
    assert board.ask(line) == b"echo: " + line


def test_reset_boots_again_and_listens_at_once(board: Emulator) -> None:
    for _ in range(3):
        board.send(b"?reset\n")
        assert board.read_until(b"chip " + CHIP_IDS[board.name] + b"\r\n") == b"resetting\r\n" + banner(
            board.name
        )
        board.send(b"there\n")
        assert board.read_until(b"\r\n", timeout_s=5) == b"echo: there\r\n"


def test_overlong_line_is_refused_and_the_next_one_accepted(board: Emulator) -> None:
    longest = b"m" * LINE_MAX_BYTES
    assert board.ask(longest) == b"echo: " + longest
    for extra in (1, 1000, 20000):
        assert board.ask(longest + b"x" * extra) == b"error: line longer than 256 bytes"
    assert board.ask(b"short") == b"echo: short"


def test_crash_says_so_and_waits_for_a_reset(board: Emulator) -> None:
    board.send(b"?crash\n")
    assert board.read_until(b"\r\n") == b"\r\n"
    assert re.fullmatch(rb"fault: HardFault pc [0-9a-f]{8} lr [0-9a-f]{8}\r\n", board.read_until(b"\r\n"))
    board.send(b"anybody?\n")
    assert board.silence(0.4) < 0.2


def test_idle_board_uses_no_cpu(board: Emulator) -> None:
    assert board.ask(b"now sleep") == b"echo: now sleep"
    assert board.silence(0.5) < 0.1


def test_flood_loses_nothing_when_it_is_read(board: Emulator) -> None:
    lines = [b"%05d %s" % (number, b"z" * (number % 90)) for number in range(1500)]
    writer = threading.Thread(target=board.send, args=(b"".join(line + b"\n" for line in lines),))
    writer.start()
    echoed = board.read_until(b"echo: " + lines[-1] + b"\r\n", timeout_s=60)
    writer.join()
    assert echoed == b"".join(b"echo: " + line + b"\r\n" for line in lines)


def test_a_board_that_nobody_reads_goes_on_and_says_what_was_lost() -> None:
    with Emulator("hello-microbit") as board:
        board.read_until(b"\r\n")
        board.send(b"nobody reads this line, it only fills buffers\n" * 1000)
        board.send(b"last words\n")
        heard = board.read_until(b"echo: last words\r\n", timeout_s=60)
        assert heard.startswith(b"echo: nobody reads")
        # a machine that is slow to send may have lost nothing, and then says nothing
        complete = heard.count(b"echo: nobody reads this line, it only fills buffers\r\n") == 1000
        assert complete != (b"error: output lost, nobody read it\r\n" in heard)
        assert board.ask(b"?id") == b"id: " + CHIP_IDS[board.name]


def test_a_line_with_lost_bytes_is_refused_and_the_next_one_accepted() -> None:
    line_break = (
        b"\x01b"  # of a multiplexed socket; the model of the nRF51's UART turns a break into an overrun error
    )
    with Emulator("hello-microbit", chardev=",mux=on") as board:
        board.read_until(banner("hello-microbit"))
        board.send(b"bef" + line_break + b"ter\n")
        assert board.read_until(b"\r\n") == b"error: input lost, it came faster than it could be read\r\n"
        assert board.ask(b"whole") == b"echo: whole"
