"""The live console shows what a board prints: safe, complete up to its bounds, in one paint for each look."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.strip import Strip

from workbench.tui.engineer import tail as tails
from workbench.tui.engineer.console_view import MAX_LINES, ConsoleView
from workbench.tui.engineer.tail import BEHIND_BYTES, FIRST_BYTES, READ_BYTES, Tail
from workbench.wires.clean import Cleaner

NASTY = b"ok\x1b[2Jred\x1b]0;title\x07\r\nsecond \x9b31m\xff line\n"


def everything(tail: Tail) -> Iterator[tails.Piece]:
    """All pieces that are there."""
    while (piece := tail.read()) is not None:
        yield piece


@given(pieces=st.lists(st.binary(max_size=60) | st.just(NASTY), max_size=8))
def test_however_it_arrives_the_same_safe_text_is_shown(pieces: list[bytes]) -> None:
    path = Path(os.environ["WORKBENCH_RUNTIME"]) / "console.log"
    path.unlink(missing_ok=True)
    tail, rest = Tail(path), ""
    lines: list[str] = []
    for piece in pieces:
        with path.open("ab") as file:
            file.write(piece)
        for found in everything(tail):
            lines += found.lines
            rest = found.rest

    expected = Cleaner(max_line=tails.MAX_LINE).feed(b"".join(pieces))

    assert "\n".join([*lines, rest]) == expected
    assert not any(char in expected for char in "\x1b\x9b\x07\r")


def test_a_log_that_is_not_there_that_shrinks_or_is_replaced_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    tail = Tail(path)
    assert tail.read() is None

    path.write_bytes(b"one\n")
    assert [piece.lines for piece in everything(tail)] == [("one",)]
    path.write_bytes(b"2\n")  # shorter: it was begun anew
    assert [piece.lines for piece in everything(tail)] == [("2",)]
    other = tmp_path / "other"
    other.write_bytes(b"three\nfour\n")
    other.replace(path)
    assert [piece.lines for piece in everything(tail)] == [("three", "four")]


def test_old_text_and_a_flood_are_bounded_and_say_what_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_bytes(b"x" * 99 + b"\n" + b"old line\n" * 100_000)
    tail = Tail(path)
    first = list(everything(tail))
    assert sum(piece.bytes for piece in first) == FIRST_BYTES

    with path.open("ab") as file:
        file.write(b"flood\n" * (BEHIND_BYTES // 3))
    flood = tail.read()

    assert flood is not None
    assert 0 < flood.bytes <= READ_BYTES
    assert flood.skipped_bytes == BEHIND_BYTES // 3 * 6 - READ_BYTES
    assert flood.lines[-1] == "flood"


class OneConsole(App[None]):
    """A console, and how often it was drawn."""

    drawn = 0

    def compose(self) -> ComposeResult:
        yield ConsoleView()


def test_a_burst_is_drawn_once_and_only_what_is_in_view() -> None:
    async def scenario() -> None:
        app = OneConsole()
        async with app.run_test(size=(80, 24)) as pilot:
            view = app.query_one(ConsoleView)
            rows: list[int] = []
            render = view.render_line

            def counted(y: int) -> Strip:
                rows.append(y)
                return render(y)

            view.render_line = counted  # type: ignore[method-assign]
            view.add([f"line {n}" for n in range(3 * MAX_LINES)], "rest")
            await pilot.pause()

            assert view.line_count == MAX_LINES
            assert len(rows) <= 3 * 24
            assert view.render_line(view.size.height - 1).text.startswith("rest")
            assert view.follows

    asyncio.run(scenario())


def test_what_is_being_read_stays_in_view_until_end_is_pressed() -> None:
    async def scenario() -> None:
        app = OneConsole()
        async with app.run_test(size=(80, 24)) as pilot:
            view = app.query_one(ConsoleView)
            view.focus()
            view.add(f"line {n}" for n in range(100))
            await pilot.press("home")
            await pilot.pause()
            view.scroll_home(animate=False, immediate=True)
            view.add(f"more {n}" for n in range(100))
            await pilot.pause()
            assert view.render_line(0).text.startswith("line 0")
            assert not view.follows

            view.scroll_end(animate=False, immediate=True)
            view.add(["newest"])
            await pilot.pause()
            assert any("newest" in view.render_line(y).text for y in range(view.size.height))

    asyncio.run(scenario())
