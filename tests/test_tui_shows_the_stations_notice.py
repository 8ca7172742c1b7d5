"""A line of the station's own stands where nothing else is said; the demo's tells its PIN."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.station.demo_line import NOTICE as DEMO_NOTICE
from workbench.station.demo_line import STATION, _make_pin
from workbench.station.line.state import Question, SlotView, StepView
from workbench.station.operators_pin import PinWrong, check_pin
from workbench.station.station_file import StationFileInvalid, load_station
from workbench.tui.card import Look, card
from workbench.tui.drawn import text_of
from workbench.tui.face import Face, Message
from workbench.tui.page_words import panel
from workbench.tui.symbols import FINE

NOTICE = "Out of order? Call 4711."


def _panel(face: Face) -> str:
    return text_of(tuple(panel(face, FINE, 78)))


def test_it_gives_way_to_what_the_line_says() -> None:
    assert NOTICE in _panel(Face(notice=NOTICE))
    assert NOTICE not in _panel(Face(notice=NOTICE, message=Message("info", "Something else.")))
    assert len(panel(Face(), FINE, 78)) == 1, "without a notice no line is lost"


def test_it_is_one_line_of_text(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text(f'[station]\nnotice = "{NOTICE}"\n')
    assert load_station(tmp_path).station.notice == NOTICE
    file.write_text('[station]\nnotice = "one\\ntwo"\n')
    with pytest.raises(StationFileInvalid, match="one line"):
        load_station(tmp_path)


def test_the_demo_tells_a_pin_that_is_its_own(tmp_path: Path) -> None:
    pin = _make_pin(tmp_path)
    (tmp_path / "station.toml").write_text(STATION.format(notice=DEMO_NOTICE.format(pin=pin)))
    assert pin in (load_station(tmp_path).station.notice or "")
    check_pin(tmp_path, pin)
    with pytest.raises(PinWrong):
        check_pin(tmp_path, str((int(pin) + 1) % 10**6).zfill(6))


@pytest.mark.parametrize(("title", "times"), [("Is the lid closed?", 1), ("Asking for the lid", 2)])
def test_a_question_is_not_told_twice(title: str, times: int) -> None:
    step = StepView(step="confirm", title=title, state="running")
    question = Question(prompt="p", kind="confirm", text="Is the lid closed?")
    slot = SlotView(name="v1", target="t", phase="asking", serial="S", steps=(step,), question=question)
    shown = text_of(card(slot, Look(0.0, FINE), 60, 8))  # no room for the plan below
    assert shown.count("lid") == times
