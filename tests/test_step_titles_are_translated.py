"""Titles that name something are shown in the reader's language, whatever they name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workbench.languages import set_language
from workbench.station.steps.expect import Expect, ExpectOptions
from workbench.station.steps.titles import title_words


@pytest.fixture
def german() -> Iterator[None]:
    set_language("de")
    yield
    set_language("en")


@pytest.mark.usefixtures("german")
@pytest.mark.parametrize("name", ["voltage", "{0} {name} {", "a\nb", "measuring x"])
def test_what_a_title_names_stands_in_the_translated_title(name: str) -> None:
    title = Expect().title(ExpectOptions(pattern="(x)", measure=name))
    assert title_words(title) == f"{name} messen"


@pytest.mark.usefixtures("german")
def test_plain_titles_are_translated_and_unknown_ones_stay() -> None:
    assert title_words("waiting for what the board says") != "waiting for what the board says"
    assert title_words("polishing {name}") == "polishing {name}"


def test_in_english_titles_are_what_they_were() -> None:
    assert title_words("erasing from 0x1000") == "erasing from 0x1000"
