"""Every word of the faces is in every catalogue, translated, and takes the same values."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import polib
import pytest

from scripts import words
from workbench.languages import LANGUAGES
from workbench.languages.catalogue import translations

ENTRIES = [(path, entry) for path in words.catalogues() for entry in polib.pofile(str(path))]


def fields(text: str) -> list[str]:
    return sorted(name for _text, name, _spec, _conversion in Formatter().parse(text) if name is not None)


def commands(text: str) -> list[str]:
    return sorted(re.findall(r"`[^`]*`", text))


def pairs(entry: polib.POEntry) -> Iterator[tuple[str, str]]:
    """Each text of an entry with its translation."""
    if entry.msgid_plural:
        yield entry.msgid, entry.msgstr_plural[0]
        yield from ((entry.msgid_plural, text) for index, text in entry.msgstr_plural.items() if index > 0)
    else:
        yield entry.msgid, entry.msgstr


def test_every_language_has_a_catalogue() -> None:
    assert sorted(path.parent.parent.name for path in words.catalogues()) == sorted({*LANGUAGES} - {"en"})


def test_every_word_is_translated_and_none_is_left_over() -> None:
    """Where this fails: scripts/words.py --update, then fill in what is empty."""
    assert list(words.differences(words.words())) == []


def test_nothing_is_doubtful() -> None:
    assert [entry.msgid for _path, entry in ENTRIES if entry.fuzzy or entry.obsolete] == []


def test_translations_take_the_same_values() -> None:
    wrong = [
        (one, other)
        for _path, entry in ENTRIES
        for one, other in pairs(entry)
        if fields(one) != fields(other)
    ]
    assert wrong == []


def test_translations_name_the_same_commands() -> None:
    wrong = [
        (one, other)
        for _path, entry in ENTRIES
        for one, other in pairs(entry)
        if commands(one) != commands(other)
    ]
    assert wrong == []


def test_translations_have_no_strange_characters_and_the_same_ends() -> None:
    for _path, entry in ENTRIES:
        for one, other in pairs(entry):
            assert other.replace("\n", "").isprintable(), other
            assert other.count("\n") == one.count("\n"), other
            assert other[-1:].isspace() == one[-1:].isspace(), other
            assert other.startswith(" ") == one.startswith(" "), other


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node


def made_at_run_time(path: Path) -> list[str]:
    """Marked texts that no catalogue can hold: put together before they are translated."""
    found = []
    for call in calls(ast.parse(path.read_text(encoding="utf-8"))):
        assert isinstance(call.func, ast.Name)
        constants = {"_": 0, "N_": 1, "ngettext": 2}.get(call.func.id)
        if constants is None:
            continue
        wrong = any(isinstance(a, ast.JoinedStr | ast.BinOp) for a in call.args)
        if wrong or any(not isinstance(a, ast.Constant) for a in call.args[:constants]):
            found.append(f"{path.name}:{call.lineno}: {ast.unparse(call)}")
    return found


def test_no_text_is_put_together_before_it_is_translated() -> None:
    assert [line for path in sorted(words.PACKAGE.rglob("*.py")) for line in made_at_run_time(path)] == []


def test_the_search_finds_what_is_marked(tmp_path: Path) -> None:
    package = tmp_path / "workbench"
    package.mkdir()
    module = package / "face.py"
    module.write_text(
        'A = N_("later")\nB = _("now" " at once")\nC = ngettext("{n} unit", "{n} units", n)\n'
        'class E(Exception):\n    default_cause = "the disk is full"\n    code = "not-a-word"\n'
        'D = _(f"{A} x")\nF = N_(A)\n',
        encoding="utf-8",
    )
    assert set(words.words(package)) == {
        words.Word("later"),
        words.Word("now at once"),
        words.Word("{n} unit", "{n} units"),
        words.Word("the disk is full"),
    }
    assert len(made_at_run_time(module)) == 2
    steps = package / "steps"
    steps.mkdir()
    (steps / "blink.py").write_text(
        "class Blink:\n    def title(self, options):\n"
        '        return "blinking" if options else f"blinking {options}"\n'
        '    def words(self):\n        return "not a title"\n',
        encoding="utf-8",
    )
    assert set(words.words(package)) >= {words.Word("blinking")}
    assert words.Word("not a title") not in words.words(package)
    missing = list(words.differences(words.words(package)))
    assert "de/LC_MESSAGES/workbench.po: missing: 'now at once'" in missing


@pytest.mark.parametrize("path", words.catalogues(), ids=lambda path: path.parent.parent.name)
def test_a_catalogue_loads_and_counts(path: Path) -> None:
    loaded = translations(path.read_text(encoding="utf-8"))

    for entry in polib.pofile(str(path)):
        if entry.msgid_plural:
            assert loaded.ngettext(entry.msgid, entry.msgid_plural, 1) == entry.msgstr_plural[0]
            assert loaded.ngettext(entry.msgid, entry.msgid_plural, 2) == entry.msgstr_plural[1]
        else:
            assert loaded.gettext(entry.msgid) == entry.msgstr
