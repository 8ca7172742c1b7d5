"""Whatever a board sends, no control sequence, bidi override or endless line reaches a terminal."""

from __future__ import annotations

import sys
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.wires.clean import MAX_SEQUENCE, Cleaner, clean, clean_line

HOSTILE = [
    b"\x1b",
    b"\x1b[",
    b"\x1b]0;",
    b"\x1bP",
    b"\x1b\\",
    b"\x07",
    b"\x9b",
    b"\xc2\x9b",
    b"\xc2\x90",
    b"\xc2\x9c",
    b"\xc2\x9d",
    b"31m",
    b"\xe2\x80\xae",
    b"\xe2\x81\xa6",
    b"\r",
    b"\n",
    b"\b",
    b"\x18",
    b"\x7f",
    b"abc",
    "grün €😀".encode(),
    b"\xf0\x9f",
    b"\x00",
    b"\x0e",
]
streams = st.lists(st.one_of(st.sampled_from(HOSTILE), st.binary(max_size=8)), max_size=40).map(b"".join)


def harmful(char: str) -> bool:
    """Unicode's own classes: controls, invisible formatting, surrogates, line and paragraph separators."""
    return char not in "\t\n" and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


@settings(deadline=None)
@given(streams, st.booleans())
def test_no_control_comes_out_whatever_goes_in(data: bytes, backspace: bool) -> None:
    cleaner = Cleaner(backspace=backspace)
    text = cleaner.feed(data) + cleaner.flush()
    assert not [c for c in text if harmful(c) and not (backspace and c == "\b")]


@settings(deadline=None)
@given(streams, st.lists(st.integers(0, 400)), st.booleans())
def test_where_reads_split_makes_no_difference(data: bytes, cuts: list[int], backspace: bool) -> None:
    whole = Cleaner(backspace=backspace, max_line=7)
    parts = Cleaner(backspace=backspace, max_line=7)
    bounds = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    split = "".join(parts.feed(data[a:b]) for a, b in pairwise(bounds))
    assert split + parts.flush() == whole.feed(data) + whole.flush()


@settings(deadline=None)
@given(streams)
def test_backspace_never_leaves_the_boards_own_line(data: bytes) -> None:
    column = 0
    for char in Cleaner(backspace=True).feed(data):
        column = 0 if char == "\n" else column + (-1 if char == "\b" else 1)
        assert column >= 0


@settings(deadline=None)
@given(streams, st.integers(1, 50))
def test_no_line_is_longer_than_the_limit(data: bytes, limit: int) -> None:
    cleaner = Cleaner(max_line=limit)
    text = cleaner.feed(data * 3) + cleaner.flush()
    assert max(len(line) for line in text.split("\n")) <= limit


def test_every_invisible_character_of_unicode_is_dropped() -> None:
    text = "".join(
        c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) in {"Cf", "Zl", "Zp"}
    )
    assert clean("a" + text + "b") == "ab"


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=100))
def test_what_a_terminal_draws_is_kept(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x1b[1;32muart:~$ \x1b[0mok", "uart:~$ ok"),
        (b"a\x1b]0;evil title\x07b", "ab"),
        (b"a\x1b]52;c;cm0gLXJm\x1b\\b", "ab"),
        (b"a\x1bPq#0\x1b\\b", "ab"),
        (b"a\x1b_app\x1b\\b\x1b^pm\x1b\\c\x1bXsos\x1b\\d", "abcd"),
        (b"a\xc2\x9d0;t\xc2\x9cb\xc2\x9b31mc", "abc"),
        (b"a\x1b(0b\x1b#8c\x1bcd\x1b7e", "abcde"),
        (b"a\x1b[31\x1b[32mb", "ab"),
        (b"a\x1b[3\x18b", "ab"),
        (b"a\x9b31mb", "a\ufffd31mb"),
        (b"one\r\ntwo\nthree\rfour", "one\ntwo\nthree\nfour"),
        (b"one\r\r\ntwo\n\rthree\r\n\r\nfour", "one\ntwo\nthree\n\nfour"),
        (b"tab\there\a\x00\x7f", "tab\there"),
        (b"half \xe2\x82", "half \ufffd"),
    ],
)
def test_sequences_vanish_and_text_stays(data: bytes, text: str) -> None:
    assert clean(data) == text


def test_an_unfinished_sequence_hides_no_more_than_its_line() -> None:
    assert clean(b"a\x1b]0;noise and more\r\nnext line") == "a\nnext line"
    assert clean(b"\x1b]" + b"x" * (MAX_SEQUENCE + 1) + b"visible again").endswith("visible again")


def test_a_board_may_erase_its_own_text_only_where_that_is_asked_for() -> None:
    assert Cleaner(backspace=True).feed(b"ab\b \b\b\b\b\bc") == "ab\b \b\bc"
    assert clean(b"ab\b \b") == "ab "


def test_one_shot_forms_are_bounded() -> None:
    assert clean("x" * 50, max_chars=10) == "xxxxxxxxxx… (40 more characters)"
    assert clean_line("two\nlines\tand\x1b[31m more") == "two lines and more"
