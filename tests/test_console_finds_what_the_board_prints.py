"""`expect` finds text, bytes and regexes wherever reads split them; if not, the error shows what came."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.console_ends import PtyBoard, pty_board, wait_until
from workbench.errors import Blame, Stopped
from workbench.wires.console import Console
from workbench.wires.errors import ConsoleTimeout, PatternInvalid
from workbench.wires.patterns import ExpectBuffer, Match, Pattern, Search


@pytest.fixture
def board(tmp_path: Path) -> Iterator[PtyBoard]:
    with pty_board(tmp_path) as board:
        yield board


@pytest.fixture
def console(board: PtyBoard) -> Iterator[Console]:
    with Console(str(board.link)) as console:
        yield console


# --- the pure part ---


def find(pieces: list[bytes], pattern: Pattern) -> Match | None:
    buffer, search = ExpectBuffer(), Search(pattern)
    found = None
    for piece in pieces:
        buffer.feed(piece)
        found = found or search.look(buffer)
    return found


@settings(deadline=None)
@given(st.lists(st.binary(max_size=6), max_size=12), st.binary(min_size=1, max_size=3))
def test_fixed_bytes_are_found_wherever_reads_split_them(pieces: list[bytes], wanted: bytes) -> None:
    whole = b"".join(pieces)
    found = find(pieces, wanted)
    assert (found is not None) == (wanted in whole)
    if found is not None:
        assert found.raw == wanted
        assert found.before == whole[: whole.index(wanted)]


alphabet = st.text(alphabet="ab€ü", max_size=8).map(lambda s: s.encode()[:7])


@settings(deadline=None)
@given(st.lists(alphabet, max_size=10))
def test_a_text_regex_gives_exact_bytes_also_for_broken_utf8(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    buffer, search = ExpectBuffer(), Search(re.compile("(ü)b"))
    buffer.feed(whole)
    found = search.look(buffer)
    assert (found is not None) == ("üb".encode() in whole)
    if found is not None:
        assert (found.raw, found.groups, found.group(1)) == ("üb".encode(), ("ü".encode(),), "ü")
        assert found.before + found.raw + buffer.tail(1000) == whole


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=10), st.integers(1, 30))
def test_the_buffer_is_bounded_and_counts_what_it_drops(pieces: list[bytes], limit: int) -> None:
    buffer = ExpectBuffer(limit)
    for piece in pieces:
        buffer.feed(piece)
    whole = b"".join(pieces)
    assert buffer.tail(10_000) == whole[-limit:]
    assert buffer.dropped_bytes == max(len(whole) - limit, 0)
    assert buffer.end == len(whole)


@pytest.mark.parametrize("pattern", ["half", b"half", re.compile("half"), re.compile(b"h.*f", re.S)])
def test_nothing_matches_across_a_gap(pattern: Pattern) -> None:
    buffer, search = ExpectBuffer(), Search(pattern)
    buffer.feed(b"ha")
    buffer.cut()
    buffer.feed(b"lf")
    assert search.look(buffer) is None
    buffer.feed(b" and half")
    found = search.look(buffer)
    assert found is not None
    assert found.before == b"half and "


@pytest.mark.parametrize("pattern", ["", b"", re.compile("x*"), re.compile(b"a?$")])
def test_a_pattern_that_fits_nothing_at_all_is_refused(pattern: Pattern) -> None:
    with pytest.raises(PatternInvalid) as caught:
        Search(pattern)
    assert caught.value.blame is Blame.INPUT


# --- on a pty ---


def test_matches_follow_each_other_and_groups_are_text(board: PtyBoard, console: Console) -> None:
    board.say(b"boot\r\nhello-microbit 1.2 build \x1b[1mabc\x1b[0m chip 42\r\n> ")
    assert console.expect("boot", 5).before == b""
    found = console.expect(re.compile(r"hello-microbit (?P<version>\S+) build (\S+)"), 5)
    assert found.group("version") == "1.2"
    assert found.group(2) == "abc"
    assert console.expect(b"> ", 5).before == b" chip 42\r\n"
    console.send_line("ping", end="\r\n")
    assert board.heard(6) == b"ping\r\n"


def test_waiting_ends_as_soon_as_the_pattern_comes(board: PtyBoard, console: Console) -> None:
    board.say(b"par")
    wait_until(lambda: console.received_bytes == 3)
    speaker = threading.Timer(0.05, board.say, [b"ts"])
    speaker.start()
    started = time.monotonic()
    assert console.expect("parts", 60).text == "parts"
    assert time.monotonic() - started < 5
    speaker.join()


def test_a_pattern_that_came_before_the_wait_counts_unless_cleared(board: PtyBoard, console: Console) -> None:
    board.say(b"ready\n")
    wait_until(lambda: console.received_bytes >= 6)
    console.expect("ready", 0)
    board.say(b"ready\n")
    wait_until(lambda: console.received_bytes >= 12)
    assert console.clear() == 7
    with pytest.raises(ConsoleTimeout):
        console.expect("ready", 0)


def test_a_timeout_shows_what_arrived_cleaned_and_when(board: PtyBoard, console: Console) -> None:
    board.say(b"before\n")
    console.expect("before\n", 5)
    board.say(b"\x1b]0;title\x07panic: \x1b[31mstack\x1b[0m overflow\r\nhalted")
    wait_until(lambda: console.received_bytes > 40)
    with pytest.raises(ConsoleTimeout) as caught:
        console.expect("login\x1b: ", 0.05)
    error = caught.value
    assert error.code == "console-timeout"
    assert error.blame is Blame.UNIT
    assert error.tail == "panic: stack overflow\nhalted"
    assert "  | panic: stack overflow\n  | halted" in error.what
    assert "'login\\x1b: ' did not come within 0.05 s" in error.what
    assert "last byte came 0." in error.what
    assert error.silent_s is not None
    assert error.silent_s < 30
    assert "\x1b" not in str(error.as_dict())


def test_bytes_of_the_wait_are_counted(board: PtyBoard, console: Console) -> None:
    board.say(b"0123456789")
    console.expect("9", 5)
    expectation = console.expecting("never", 0.3)
    board.say(b"four")
    wait_until(lambda: console.received_bytes == 14)
    with pytest.raises(ConsoleTimeout, match="4 bytes arrived") as caught:
        wait_until(expectation.look)
    assert caught.value.received_bytes == 4


def test_a_silent_board_and_a_wrong_baud_rate_are_suspected(board: PtyBoard, console: Console) -> None:
    with pytest.raises(ConsoleTimeout, match="nothing arrived since the console was opened") as silent:
        console.expect("hello", 0.01)
    assert "no power" in silent.value.cause
    assert silent.value.silent_s is None
    board.say(b"\xfe\x80\x00\xf8" * 5)
    wait_until(lambda: console.received_bytes == 20)
    with pytest.raises(ConsoleTimeout) as garbled:
        console.expect("hello", 0.01)
    assert "115200 baud" in garbled.value.cause


def test_a_timeout_leaves_the_text_for_the_next_wait(board: PtyBoard, console: Console) -> None:
    board.say(b"abc")
    wait_until(lambda: console.received_bytes == 3)
    with pytest.raises(ConsoleTimeout):
        console.expect("xyz", 0.01)
    assert console.expect("abc", 0).before == b""


def test_a_regex_over_a_fast_stream_is_found_at_the_end_of_its_rest(
    board: PtyBoard, console: Console
) -> None:
    speaker = threading.Thread(target=board.say, args=[(b"x" * 98 + b"\r\n") * 5000 + b"end!"])
    speaker.start()
    assert console.expect(re.compile(r"(?:a|x)+y|end!"), 30).text == "end!"
    speaker.join()


def test_a_wait_ends_when_the_console_is_closed(board: PtyBoard) -> None:
    console = Console(str(board.link))
    console.open()
    closer = threading.Timer(0.05, console.close)
    closer.start()
    started = time.monotonic()
    with pytest.raises(Stopped):
        console.expect("never", 60)
    assert time.monotonic() - started < 10
    closer.join()


def test_lines_carry_times_and_the_unfinished_one(board: PtyBoard, console: Console) -> None:
    board.say(b"\x1b[32mone\x1b[0m\r\ntwo\r\nthr")
    console.expect("thr", 5)
    lines = console.lines()
    assert [line.text for line in lines] == ["one", "two", "thr"]
    assert {line.kind for line in lines} == {"text"}
    assert lines[0].at.utcoffset() is not None
    assert lines[0].at <= lines[2].at
    assert re.fullmatch(r"\[\d\d:\d\d:\d\d\.\d{3}\] one", str(lines[0]))
    board.say(b"ee\n")
    console.expect("ee\n", 5)
    assert [line.text for line in console.lines()] == ["one", "two", "three"]


def test_one_reader_costs_little_at_full_speed(board: PtyBoard, console: Console) -> None:
    total = 1_000_000
    before = time.process_time()
    # a process of its own, so that the speaker's time does not count
    command = f"yes 'The quick brown fox jumps over the lazy dog' | head -c {total}"
    with subprocess.Popen(command, shell=True, stdout=board.master):
        wait_until(lambda: console.received_bytes >= total, 30)
    # 1 Mbit/s are 100 kB/s: a tenth of the time this takes is the load of one console
    assert time.process_time() - before < 5
