"""The language is chosen by name, is there in an installed package too, and its absence stops nobody."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import languages
from workbench.languages import LANGUAGES, N_, _, catalogue, language, ngettext, set_language, supported

ROOT = Path(__file__).resolve().parent.parent
PO = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "ready"
msgstr "bereit"

#, fuzzy
msgid "done"
msgstr "getan"

msgid "{count} unit"
msgid_plural "{count} units"
msgstr[0] "{count} Gerät"
msgstr[1] "{count} Geräte"
"""


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    set_language("en")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue of three texts in the place of the German one."""
    monkeypatch.setattr(languages, "load_catalogue", lambda _code: catalogue.translations(PO))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *(("de", "de"), ("DE", "de"), ("de_AT.UTF-8", "de"), ("de-CH", "de"), (" de ", "de")),
        *(("en_GB", "en"), ("C.UTF-8", "en"), ("POSIX", "en")),
        *(("", None), ("fr", None), ("deutsch", None), ("../de", None)),
    ],
)
def test_a_language_goes_by_many_names(name: str, code: str | None) -> None:
    assert supported(name) == code
    assert set_language(name) == (code or "en")
    assert language() == (code or "en")


@given(st.text(max_size=30))
def test_any_name_is_a_language_or_none(name: str) -> None:
    assert supported(name) in {*LANGUAGES, None}


@pytest.mark.usefixtures("small")
def test_words_change_with_the_language() -> None:
    later = N_("ready")
    assert (_(later), later) == ("ready", "ready")
    assert set_language("de") == "de"

    assert (_(later), later) == ("bereit", "ready")
    assert _("not in the catalogue") == "not in the catalogue"
    assert _("done") == "done"  # doubtful translations are not shown
    assert _("") == ""
    counted = [ngettext("{count} unit", "{count} units", n).format(count=n) for n in (0, 1, 2)]
    assert counted == ["0 Geräte", "1 Gerät", "2 Geräte"]
    set_language("en")
    assert _(later) == "ready"


@pytest.mark.parametrize("content", ["", "no catalogue", 'msgid "ready"\n', '"', "\x00", None])
def test_a_damaged_catalogue_leaves_english(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "workbench.po"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    monkeypatch.setattr(catalogue, "catalogue_file", lambda _code: path)
    set_language("de")

    assert _("ready") == "ready"


def test_the_german_words_are_in_the_wheel(tmp_path: Path) -> None:
    """Loaded from the wheel itself, by an interpreter that sees no other workbench."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    data = {"templates/lot.html", "web_page/app_index.html", "versions/r0004_run_log.py", "py.typed"}
    packed = zipfile.ZipFile(wheel).namelist()
    assert {end for end in data if any(name.endswith(f"/{end}") for name in packed)} == data
    program = (
        f"import sys; sys.path.insert(0, {str(wheel)!r})\n"
        "import workbench.languages as found\n"
        f"assert found.__file__.startswith({str(wheel)!r}), found.__file__\n"
        "assert found.set_language('de') == 'de'\nprint(found._('ready'))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60
    )

    assert said.stdout.strip() == "bereit"
