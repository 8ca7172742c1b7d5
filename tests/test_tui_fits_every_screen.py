"""Whatever the line does and whatever the size of the screen, a page fills it and says what matters."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.tui_lab import BOOT_FAILED, PROBE_LOST, SCENES, busy, finished, running, slot, unfinished
from workbench.events import Verdict
from workbench.languages import set_language
from workbench.station.line.state import LineState, SlotView
from workbench.tui.card import Look, card
from workbench.tui.drawn import text_of, width_of
from workbench.tui.face import Face, Page
from workbench.tui.glyphs import block_word
from workbench.tui.grid import grid_for, moved
from workbench.tui.page import Place, page
from workbench.tui.palette import colours_for, looks
from workbench.tui.symbols import COARSE, FINE, Symbols, symbols_for
from workbench.tui.wording import next_action

PAGES: tuple[Page, ...] = ("line", "sign-in", "unfinished", "help", "pin", "leave", "ending", "nobody")


def face_of(state: LineState, shown: Page = "line") -> Face:
    """A face that has seen that state."""
    face = Face()
    face.see(state, 1.0)
    face.page = shown
    return face


def drawn(face: Face, width: int, height: int, symbols: Symbols = FINE) -> str:
    """The words of a page; fails where it does not fill the screen exactly."""
    lines = page(face, Place(width, height, 40.0, "12:00", symbols))
    assert len(lines) == height
    assert {width_of(line) for line in lines} <= {width}
    return text_of(lines)


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(SCENES)),
    st.sampled_from(PAGES),
    st.integers(20, 240),
    st.integers(8, 80),
    st.sampled_from(["en", "de"]),
)
def test_every_page_fills_every_screen(scene: str, shown: Page, width: int, height: int, code: str) -> None:
    set_language(code)
    try:
        drawn(face_of(SCENES[scene](0.0), shown), width, height)
    finally:
        set_language("en")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (132, 43), (200, 60)])
def test_eight_slots_are_all_in_view_with_what_matters(width: int, height: int) -> None:
    shown = drawn(face_of(busy(0.0)), width, height)
    for number in range(1, 9):
        assert f"v{number} " in shown
    for words in ("SN-000412", "SN-000415", "probe-lost", "no-boot", "Put the unit into the red tray"):
        assert words in shown
    for words in ("312 of 500 passed", "181 left", "yield 97 %", "46 units/h", "v5 asks: Scan the label"):
        assert words in shown
    assert "0:52 of 1:00" in shown
    assert "Flash the application" in shown


@pytest.mark.parametrize("verdict", ["PASS", "FAIL", "ERROR", "STOPPED"])
@pytest.mark.parametrize(("width", "height"), [(24, 3), (40, 4), (40, 8), (50, 25), (66, 16), (200, 50)])
def test_a_verdict_is_a_word_or_its_block_letters(verdict: Verdict, width: int, height: int) -> None:
    error = {"FAIL": BOOT_FAILED, "ERROR": PROBE_LOST}.get(verdict)
    lines = card(finished("v1", "SN-1", verdict, error), Look(0.0, FINE), width, height)
    words = text_of(lines)
    assert len(lines) == height
    assert verdict in words or "█" in words
    assert "SN-1" in words
    roles = {role for line in lines for _text, role in line}
    assert (
        f"{ {'PASS': 'good', 'FAIL': 'bad', 'ERROR': 'error', 'STOPPED': 'stopped'}[verdict] }-band" in roles
    )
    if error is not None and width >= 40:
        assert error.code in words


def test_fail_and_error_never_look_alike() -> None:
    for colours in ("full", "sixteen"):
        styles = looks(colours)
        assert len({styles[role] for role in ("good-band", "bad-band", "error-band", "stopped-band")}) == 4
    plain = {
        text_of(card(finished("v1", "S", verdict), Look(0.0, FINE), 60, 20)) for verdict in ("FAIL", "ERROR")
    }
    assert len(plain) == 2


def test_without_colour_no_style_has_one() -> None:
    assert {word for look in looks("none").values() for word in look.split()} <= {
        "bold",
        "reverse",
        "underline",
        "none",
    }


@pytest.mark.parametrize(
    ("environ", "colours"),
    [
        ({"TERM": "xterm-256color"}, "full"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "full"),
        ({"TERM": "xterm"}, "sixteen"),
        ({"TERM": "linux"}, "sixteen"),
        ({"TERM": "vt220"}, "none"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "none"),
    ],
)
def test_the_terminal_says_what_it_can_show(environ: dict[str, str], colours: str) -> None:
    assert colours_for(environ) == colours


def test_a_terminal_with_few_characters_gets_no_others() -> None:
    assert symbols_for({"TERM": "linux"}) is COARSE
    shown = drawn(face_of(busy(0.0)), 100, 40, COARSE)
    assert not set(shown) & set("╭╮╰╯┏┓┗┛✓✗○")


@given(st.integers(0, 40), st.integers(1, 300), st.integers(1, 100))
def test_a_grid_stays_on_the_screen(count: int, width: int, height: int) -> None:
    grid = grid_for(count, width, height)
    assert 1 <= grid.columns * grid.width <= width
    assert 1 <= grid.rows * grid.height <= height
    for key in ("left", "right", "up", "down", "tab", "shift+tab", "home", "end"):
        assert 0 <= moved(0, key, count, grid.columns) < max(count, 1)


@given(st.integers(0, 40), st.integers(0, 300), st.integers(0, 60))
def test_block_letters_never_outgrow_their_room(count: int, width: int, height: int) -> None:
    rows = block_word("PASS" * (count % 3), width, height)
    assert len(rows) <= height
    assert all(len(row) == len(rows[0]) <= width for row in rows)


def test_a_word_that_has_no_letters_here_is_not_drawn() -> None:
    assert block_word("ОШИБКА", 200, 50) == ()
    assert block_word("FEHLER", 200, 50)


def test_a_slot_without_anything_known_is_drawn() -> None:
    for phase in ("starting", "ready", "running", "asking", "stopping", "done", "broken", "off"):
        view: SlotView = slot("v1", phase)
        assert "v1" in text_of(card(view, Look(0.0, FINE), 40, 10))


def test_what_to_do_after_an_error_is_read_to_its_end_on_a_small_screen() -> None:
    action = "nothing was written; to use the chip again it must be erased, which destroys what it holds"
    error = replace(PROBE_LOST, action=action)
    slots = tuple(finished(f"v{n}", f"SN-{n}", "FAIL", error) for n in range(1, 5))
    shown = drawn(face_of(replace(busy(0.0), slots=slots, notices=())), 80, 24)
    assert shown.count("what it holds.") == 4
    assert shown.count("FAIL") == 4


def test_a_running_step_says_which_part_goes_on() -> None:
    one = replace(running("v1", "SN-1", 1, 200), inner="reading back", progress=None)
    shown = drawn(face_of(replace(busy(0.0), slots=(one,) * 4)), 80, 24)
    assert "Reading back" in shown
    assert "%" not in shown.split("SN-1", 1)[1].split("Scan", 1)[0]


def test_more_unfinished_units_than_fit_are_led_to_by_the_arrows() -> None:
    left = tuple(replace(unfinished()[0], serial=f"SN-{n:03}") for n in range(8))
    face = face_of(replace(busy(0.0), unfinished=left), "unfinished")
    seen = drawn(face, 80, 24)
    assert "SN-007" not in seen
    assert "arrows" in seen
    for press in range(40):
        face.press("down", 2.0 + press)
        seen += drawn(face, 80, 24)
    assert all(unit.serial in seen for unit in left)


def test_a_slot_that_is_out_of_order_says_which_key_puts_it_in_order() -> None:
    gone = replace(PROBE_LOST, action="go on when the database is back")
    for error, told in ((gone, "Go on when the database is back. Then press F7."), (None, "press F7.")):
        assert told in next_action(slot("v1", "broken", error=error))
    assert "F7" not in next_action(finished("v1", "A", "ERROR", gone))
