"""What a scanner and a person type into the screen in a real terminal arrives at the line, whole and once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console_ends import wait_until
from tests.tui_terminal import Terminal, terminal

COLOUR = re.compile(rb"\x1b\[[0-9;]*(?:3[0-7]|4[0-7]|9[0-7]|10[0-7]|[34]8;[25];[0-9;]+)m")


class Desk:
    """A terminal with the screen in it, and what the line was asked."""

    def __init__(self, made: Terminal, calls: Path) -> None:
        self.terminal = made
        self._calls = calls

    @property
    def calls(self) -> list[list[Any]]:
        """Everything that the line was asked so far."""
        return (
            [json.loads(line) for line in self._calls.read_text().splitlines()]
            if self._calls.exists()
            else []
        )

    def scans(self, count: int) -> list[str]:
        """The texts of the scans, as soon as there are so many."""
        wait_until(lambda: len([c for c in self.calls if c[0] == "scan"]) >= count, 20.0)
        return [call[1] for call in self.calls if call[0] == "scan"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    calls = tmp_path_factory.mktemp("calls") / "calls"
    exported = {"COLUMNS": "80", "LINES": "24"}  # as some shells do
    with terminal("tests.tui_lab", "idle", env={"WORKBENCH_LAB_CALLS": str(calls), **exported}) as made:
        made.shows("Scan ►", "Lot 2026-47")
        yield Desk(made, calls)


def test_every_end_of_a_scan_ends_one_scan(desk: Desk) -> None:
    before = len(desk.calls)
    desk.terminal.send("CR1\rLF1\nBOTH1\r\nCR2\rBOTH2\r\n")
    assert desk.scans(before + 5)[before:] == ["CR1", "LF1", "BOTH1", "CR2", "BOTH2"]


def test_a_very_fast_and_long_scan_arrives_as_one(desk: Desk) -> None:
    before = len(desk.calls)
    desk.terminal.send("X" * 500 + "\r" + "AFTER\r")
    long, after = desk.scans(before + 2)[before:]
    assert set(long) == {"X"}
    assert len(long) > 128  # more than the line takes: it refuses it as too long, and not as another unit
    assert after == "AFTER"


def test_control_characters_reach_the_line_which_refuses_them(desk: Desk) -> None:
    before = len(desk.calls)
    desk.terminal.send("A\x01B\x1dC\x03D\x11E\x10F\r")
    (scan,) = desk.scans(before + 1)[before:]
    assert scan != "ABCDEF"
    assert [char for char in scan if char.isprintable()] == list("ABCDEF")
    assert "Scan ►" in desk.terminal.text  # Ctrl-C, Ctrl-Q and Ctrl-P within a scan did nothing


def test_a_refusal_says_why_and_stays_until_the_next_scan(desk: Desk) -> None:
    desk.terminal.send("D0815\r")
    shown = desk.terminal.shows("Refused: D0815 has passed already. (serial-duplicate)")
    assert "What to do: Take a unit that is not finished." in shown
    desk.terminal.send("E1\r")
    desk.terminal.lacks("serial-duplicate")


def test_a_defect_behind_a_scan_becomes_words(desk: Desk) -> None:
    desk.terminal.send("B1\r")
    shown = desk.terminal.shows("screen-defect", "crash-")
    assert "Traceback" not in shown


def test_the_window_may_change_its_size_whatever_the_environment_says(desk: Desk) -> None:
    desk.terminal.shows("F12", "Lot 2026-47", "v4")
    for columns, lines in ((200, 60), (100, 30), (80, 24)):
        desk.terminal.resize(columns, lines)
        shown = desk.terminal.shows("F12", "Lot 2026-47", "v4")
        assert len(shown.splitlines()) == lines
        assert max(map(len, shown.splitlines())) <= columns


def test_nothing_begins_without_a_person_where_the_line_proposes(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    with terminal("tests.tui_lab", "busy", env={"WORKBENCH_LAB_CALLS": str(calls)}) as made:
        made.shows("v5 asks")
        # the scan of a unit that is proposed, then an LF, F2 and a whole other scan right behind it
        made.send("P77\r\n\x1bOQ")
        made.shows("P77 in v6: F2 begins, Esc does not.", "Cannot be undone: Lock.")
        assert [call[0] for call in Desk(made, calls).calls] == ["scan"]
        made.shows(" F2  Begin")
        made.press("f2")
        wait_until(lambda: ["confirm", "v6"] in Desk(made, calls).calls, 20.0)
        made.send("P78\r")
        made.shows("P78 in v6", " Esc  No")
        made.press("esc")
        wait_until(lambda: ["refuse", "v6"] in Desk(made, calls).calls, 20.0)
        made.press("f10")
        made.shows("F2 ends the line", " F2  End the line")
        made.press("f2")
        assert made.ends() == 0
        assert Desk(made, calls).calls[-1] == ["close"]


def test_without_colour_every_state_is_a_word_and_nothing_is_coloured() -> None:
    with terminal("tests.tui_lab", "busy", env={"NO_COLOR": "1"}) as made:
        shown = made.shows(
            "PASS", "FAIL", "ERROR", "STOPPED", "running", "waits for you", "ready", "out of order"
        )
        assert "✓ PASS" in shown
        assert not COLOUR.search(bytes(made.raw))


def test_sixteen_colours_are_enough() -> None:
    with terminal("tests.tui_lab", "busy", env={"TERM": "xterm", "COLORTERM": ""}) as made:
        made.shows("PASS", "F12")
        assert b"8;2;" not in made.raw
        assert b"8;5;" not in made.raw
        assert COLOUR.search(bytes(made.raw))


def test_a_badge_signs_in_and_another_is_refused() -> None:
    with terminal("tests.tui_lab", "signed-out") as made:
        made.shows("Scan your badge.")
        made.send("OP:9999\r")
        made.shows("badge-unknown")
        made.send("OP:1001\r")
        made.shows("Anna Berg", "v1")
        made.press("f12")
        made.shows("PIN ►")
        made.send("111111\r")
        made.shows("pin-wrong")
        assert "111111" not in made.text


def test_a_defect_of_the_screen_ends_in_words_and_the_line_goes_on(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    env = {"WORKBENCH_LAB_CALLS": str(calls)}
    with terminal("tests.tui_lab", "defect", columns=120, lines=40, env=env) as made:
        shown = made.shows("screen-defect: ZeroDivisionError", "crash-", "v2: PASS, SN-000413.")
        assert "Traceback" not in shown
        made.send("E5\r")
        assert Desk(made, calls).scans(1) == ["E5"]
        made.send("/end\r")
        assert made.ends() == 0
    assert b"Traceback" not in made.raw


def test_a_dumb_terminal_gets_lines_of_words() -> None:
    with terminal("tests.tui_lab", "busy", env={"TERM": "dumb"}) as made:
        made.shows("v7: STOPPED", "v8: out of order.")
        assert b"\x1b" not in made.raw
        made.send("/end\r")
        assert made.ends() == 0
