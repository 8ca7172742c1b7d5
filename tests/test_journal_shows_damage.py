"""A journal whose middle was changed is refused; one whose last line is torn is read without it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import WorkbenchError
from workbench.events import Notice
from workbench.station.journal import FIRST_PREV, Journal
from workbench.station.journal_reader import (
    JournalContent,
    JournalDamaged,
    JournalTooNew,
    parse,
    read_journal,
)
from workbench.station.throttle import Stamped

TIME = "2026-01-02T03:04:05.678901Z"


def _event(seq: int) -> dict[str, object]:
    return Stamped(Notice(level="info", text=f"line {seq} ✓"), seq, TIME).as_json()


def _written(folder: Path, events: int = 6) -> Path:
    journal = Journal.create(folder, "0" * 8, {"host": "h"}, _event(0))
    for seq in range(1, events):
        journal.append("event", _event(seq))
    journal.append("traceback", {"text": "Traceback …"})
    journal.close()
    return journal.path


def _lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return _written(tmp_path_factory.mktemp("journal")).read_bytes().splitlines(keepends=True)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The lines of a sound journal: a header, six events, a traceback."""
    return _lines(tmp_path_factory)


def _read(lines: list[bytes]) -> JournalContent:
    return parse(b"".join(lines).splitlines(keepends=True), "test")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    content = read_journal(_written(tmp_path))
    assert content.header["run_id"] == "0" * 8
    assert list(content.events) == [_event(seq) for seq in range(6)]
    assert content.tracebacks == ("Traceback …",)
    assert content.torn_bytes == 0


def test_lines_are_plain_ascii_and_chained(lines: list[bytes]) -> None:
    assert all(line.isascii() and line.endswith(b"\n") for line in lines)
    assert json.loads(lines[0])["prev"] == FIRST_PREV
    assert [json.loads(line)["line"] for line in lines] == list(range(len(lines)))


def test_cut_at_any_byte_it_reads_up_to_the_last_whole_line(lines: list[bytes]) -> None:
    whole = b"".join(lines)
    for size in range(len(lines[0]), len(whole)):
        cut = whole[:size]
        content = _read([cut])
        kept = cut.count(b"\n")
        assert len(content.events) + len(content.tracebacks) == kept - 1
        assert content.torn_bytes == size - sum(map(len, lines[:kept]))


def test_a_last_line_whose_blocks_never_reached_the_disk_is_dropped(lines: list[bytes]) -> None:
    content = _read([*lines[:-1], b"\0" * len(lines[-1])])
    assert len(content.events) == 6
    assert content.torn_bytes == len(lines[-1])


def test_a_lost_end_of_line_does_not_take_two_lines_for_a_torn_one(lines: list[bytes]) -> None:
    for byte in (b" ", b"\0", b"}"):
        with pytest.raises(JournalDamaged):
            _read([*lines[:-2], lines[-2][:-1] + byte + lines[-1]])


def test_a_line_longer_than_any_line_is_noticed(lines: list[bytes]) -> None:
    with pytest.raises(JournalDamaged, match="longer"):
        parse([*lines, b"x" * 1000, b"x" * 1000], "test")


@pytest.mark.parametrize("missing", range(7))
def test_a_missing_line_is_noticed(lines: list[bytes], missing: int) -> None:
    with pytest.raises(JournalDamaged):
        _read(lines[:missing] + lines[missing + 1 :])


@pytest.mark.parametrize("at", range(7))
def test_a_doubled_or_exchanged_line_is_noticed(lines: list[bytes], at: int) -> None:
    with pytest.raises(JournalDamaged):
        _read([*lines[: at + 1], lines[at], *lines[at + 1 :]])
    with pytest.raises(JournalDamaged):
        _read([*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]])


def test_a_changed_word_in_a_middle_line_is_noticed_and_what_precedes_it_is_given(lines: list[bytes]) -> None:
    changed = [*lines[:3], lines[3].replace(b"line 2", b"line 9"), *lines[4:]]
    with pytest.raises(JournalDamaged) as caught:
        _read(changed)
    assert caught.value.readable is not None
    assert len(caught.value.readable.events) == 3


@given(data=st.data())
def test_any_changed_byte_before_the_last_line_is_noticed(lines: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(lines))
    last = len(whole) - len(lines[-1])
    at = data.draw(st.integers(0, last - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises((JournalDamaged, JournalTooNew)):
        _read([bytes(whole)])


@given(noise=st.binary(max_size=300), keep=st.integers(0, 8))
def test_any_bytes_give_content_or_an_error_of_ours(lines: list[bytes], noise: bytes, keep: int) -> None:
    try:
        content = _read([*lines[:keep], noise])
    except WorkbenchError:
        return
    assert list(content.events) == [_event(seq) for seq in range(min(keep - 1, 6))]


@pytest.mark.parametrize("nothing", [[], [b""], [b"\n"], [b"{}\n"], [b"[]\n"], [b"[" * 100_000 + b"\n"]])
def test_what_is_no_journal_is_damaged(nothing: list[bytes]) -> None:
    with pytest.raises(JournalDamaged) as caught:
        _read(nothing)
    assert caught.value.readable is None


def test_a_journal_of_a_newer_workbench_is_said_to_be_newer(lines: list[bytes]) -> None:
    with pytest.raises(JournalTooNew):
        _read([lines[0].replace(b"workbench.journal/1", b"workbench.journal/2")])
