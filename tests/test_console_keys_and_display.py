"""The interactive console's pure parts: keys told apart wherever reads split them, lines with their time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.wires.display import Display
from workbench.wires.inbox import Inbox
from workbench.wires.keys import HELP_LINE, Command, Keys, Typed
from workbench.wires.link import Change, Connected, Received

NOON = datetime(2030, 1, 2, 12, 0, 0, 123_456, tzinfo=UTC)
STAMP = r"\[\d\d:\d\d:\d\d\.123\] "


def merged(items: list[Typed | Command]) -> list[bytes | Command]:
    out: list[bytes | Command] = []
    for item in items:
        if isinstance(item, Command):
            out.append(item)
        elif out and isinstance(out[-1], bytes):
            out[-1] += item.data
        else:
            out.append(item.data)
    return out


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"\x1d", b"q", b"?", b"a", b"\x03", b"\r", b"t", b"\xff"])).map(b"".join))
def test_splitting_the_input_makes_no_difference(data: bytes) -> None:
    whole, parts = Keys(), Keys()
    split = [item for key in data for item in parts.feed(bytes([key]))]
    assert merged(split) == merged(whole.feed(data))


@settings(deadline=None)
@given(st.binary().filter(lambda data: b"\x1d" not in data))
def test_without_the_escape_key_every_byte_is_for_the_board(data: bytes) -> None:
    assert merged(Keys().feed(data)) == ([data] if data else [])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (b"ls\r\x1dqrest", [b"ls\r", Command.QUIT, b"rest"]),
        (b"\x1dQ\x1d\x11", [Command.QUIT, Command.QUIT]),
        (b"\x1d?\x1db\x1dt", [Command.HELP, Command.BREAK, Command.TIMESTAMPS]),
        (b"a\x1d\x1db", [b"a\x1db"]),
        (b"\x1dz", [Command.UNKNOWN]),
        (b"\x03\x1a\x1c", [b"\x03\x1a\x1c"]),
    ],
)
def test_commands_follow_the_escape_key(typed: bytes, meant: list[bytes | Command]) -> None:
    assert merged(Keys().feed(typed)) == meant


def test_the_help_line_names_every_command() -> None:
    assert all(f"{c.value} " in HELP_LINE for c in Command if c.value)


def test_each_line_carries_its_time_once_however_it_arrives() -> None:
    display = Display(timestamps=True, backspace=False)
    text = "".join(
        display.feed(NOON, piece) for piece in (b"on", b"e\r", b"\ntwo\n", b"", b"\x1b[0m", b"\n> ")
    )
    assert re.fullmatch(f"{STAMP}one\n{STAMP}two\n{STAMP}\n{STAMP}> ", text)


def test_an_unfinished_line_shows_at_once_and_a_notice_ends_it() -> None:
    display = Display(timestamps=False, backspace=False)
    assert display.feed(NOON, b"login: ") == "login: "
    assert display.end_line() == "\n"
    assert display.end_line() == ""
    display.timestamps = True
    assert re.fullmatch(f"{STAMP}next", display.feed(NOON, b"next"))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=10))
def test_timestamps_change_nothing_else(pieces: list[bytes]) -> None:
    plain, stamped = Display(timestamps=False, backspace=True), Display(timestamps=True, backspace=True)
    with_times = "".join(stamped.feed(NOON, piece) for piece in pieces)
    assert re.sub(f"(?m)^{STAMP}", "", with_times) == "".join(plain.feed(NOON, piece) for piece in pieces)


@settings(deadline=None)
@given(st.lists(st.one_of(st.binary(min_size=1, max_size=9), st.none()), max_size=30), st.integers(1, 40))
def test_a_full_inbox_drops_the_oldest_bytes_and_counts_them(items: list[bytes | None], limit: int) -> None:
    inbox = Inbox(limit)
    put: list[Change] = [
        Connected(NOON + timedelta(n), 1.0) if item is None else Received(NOON, item)
        for n, item in enumerate(items)
    ]
    for change in put:
        inbox.put(change)
    taken, skipped = inbox.take()
    inbox.close()
    kept = b"".join(c.data for c in taken if isinstance(c, Received))
    whole = b"".join(c.data for c in put if isinstance(c, Received))
    assert whole.endswith(kept)
    assert len(kept) <= limit
    assert len(kept) + skipped == len(whole)
    assert [c for c in taken if isinstance(c, Connected)] == [c for c in put if isinstance(c, Connected)]


def test_an_inbox_is_readable_only_while_something_is_in_it() -> None:
    import select

    inbox = Inbox(4)

    def readable() -> bool:
        return bool(select.select([inbox.fd], [], [], 0)[0])

    for _ in range(5):
        assert not readable()
        inbox.put(Received(NOON, b"abcdefgh"))
        inbox.put(Received(NOON, b"ij"))
        assert readable()
        inbox.take()
    inbox.close()
    inbox.close()
    inbox.put(Received(NOON, b"late"))
