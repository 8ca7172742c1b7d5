"""What errors say is translated after it was put together, also by another process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import polib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import spoken, words
from workbench.languages import catalogue, said, set_language
from workbench.languages.forms import MAX_CHARS, Forms

TEXTS = (
    ("slot {slot}: {what}", "Steckplatz {slot}: {what}"),
    ("slot {slot} has no probe", "Steckplatz {slot} hat keine Sonde"),
    ("step {key} took longer than {limit} s; {state}", "nach {limit} s: Schritt {key}; {state}"),
    ("{doing}: no end within {limit} s", "{doing}: kein Ende in {limit} s"),
    ("slot {slot}: connecting to {probe}", "Steckplatz {slot}: mit {probe} verbinden"),
    ("{first} to {last}", "{first} bis {last}"),
    ("{path} has no {name}", "{path} hat kein {name}"),
    ("ready", "bereit"),
    ("the disk is full", "der Datenträger ist voll"),
    ("a brace {{", "eine Klammer {{"),
    ("no form {", "keine Form {"),
)
FORMS = Forms(TEXTS)


@pytest.fixture
def german() -> Iterator[None]:
    set_language("de")
    yield
    set_language("en")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("slot A1 has no probe", "Steckplatz A1 hat keine Sonde"),
        ("slot A1: the disk is full", "Steckplatz A1: der Datenträger ist voll"),
        ("slot A1: the disk is on fire", "Steckplatz A1: the disk is on fire"),
        ("step x took longer than 2 s; ready", "nach 2 s: Schritt x; ready"),  # a name stays what it is
        ("slot ready has no probe", "Steckplatz ready hat keine Sonde"),
        ("slot A1: connecting to P: no end within 3 s", "Steckplatz A1: mit P verbinden: kein Ende in 3 s"),
        ("x.toml: the disk is full", "x.toml: der Datenträger ist voll"),
        ("the disk is full\n> boot", "der Datenträger ist voll\n> boot"),
        ("SN1 to SN9", "SN1 bis SN9"),
        ("what it has to do", "what it has to do"),
        ("/x has no ca.toml", "/x hat kein ca.toml"),
        ("what has no end at all", "what has no end at all"),
        ("a brace {", "eine Klammer {"),
        ("no form {", "keine Form {"),
        ("slot {slot} has no probe", "Steckplatz {slot} hat keine Sonde"),
        ("ready", "bereit"),
        ("", ""),
    ],
)
def test_the_form_of_a_text_is_found_again(text: str, told: str) -> None:
    assert FORMS.said(text) == told


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(["slot ", ": ", "; ", " to ", "A1", "\n", "no end within", " s", "{", "ready"]))
)
def test_any_text_stays_a_text(parts: list[str]) -> None:
    assert bool(FORMS.said("".join(parts))) == any(parts)


@given(st.text("0123456789 .:;{}\n-x"))
def test_what_nobody_knows_stays(text: str) -> None:
    assert FORMS.said(text) == text


def test_what_is_too_long_or_too_deep_stays() -> None:
    long = "slot A1: " + "x" * MAX_CHARS
    assert FORMS.said(long) == long
    deep = "slot A1: " * 50 + "the disk is full"
    assert FORMS.said(deep).endswith("the disk is full")


def test_english_is_left_alone() -> None:
    assert said("slot v1 has no debug probe") == "slot v1 has no debug probe"


@pytest.mark.usefixtures("german")
def test_every_text_of_the_catalogue_is_found_again_when_it_is_filled_in() -> None:
    wrong = []
    for entry in polib.pofile(str(catalogue.catalogue_file("de"))):
        names = [name for _plain, name, _spec, _kind in Formatter().parse(entry.msgid) if name]
        if entry.msgid_plural or all(where.startswith(catalogue.FACES) for where, _line in entry.occurrences):
            continue
        values = {name: f"N{number}" for number, name in enumerate(names)}
        expected = filled(entry.msgstr, values)
        if said(filled(entry.msgid, values)) != expected:
            wrong.append((said(filled(entry.msgid, values)), expected))
    assert wrong == []


def filled(text: str, values: dict[str, str]) -> str:
    """The text with the values in its fields, however a field is to be written."""
    return "".join(
        plain + values.get(name or "", "") for plain, name, _spec, _kind in Formatter().parse(text)
    )


def test_the_search_finds_what_errors_say(tmp_path: Path) -> None:
    module = tmp_path / "boards" / "power.py"
    module.parent.mkdir()
    module.write_text(
        '"""A docstring of several words."""\n'
        "def f(ctx, slots, error):\n"
        '    """Another docstring."""\n'
        '    db.execute("SELECT one FROM two")\n'
        '    x = ("UPDATE units SET x", "oneword", f"{ctx}{error}", r"\\d+ +x")\n'
        "    what = f\"slot {ctx.slot.name}: {error.what or 'no reason'} in {len(slots):g} s {slots[0]}\"\n"
        '    raise Wrong(what, cause="the disk {is} full", action=_("is marked itself"))\n'
        'y = "nothing" if _z else f"{_(\'told {within}\').format(within=1)}"\n',
        encoding="utf-8",
    )
    assert sorted(set(spoken.spoken(module, tmp_path))) == [
        "no reason",
        "slot {slot}: {what} in {slots} s {slots2}",
        "the disk {{is}} full",
    ]
    assert set(words.marked(module)) == {words.Word("is marked itself"), words.Word("told {within}")}
    other = module.with_name("cables.py")
    other.write_text('x = "several words"\n')
    assert list(spoken.spoken(other, tmp_path)) == []


def test_the_modules_that_are_searched_are_there() -> None:
    names = [path.relative_to(words.PACKAGE).as_posix() for path in words.PACKAGE.rglob("*.py")]
    assert [name for name in spoken.SPOKEN if not any(found.startswith(name) for found in names)] == []
