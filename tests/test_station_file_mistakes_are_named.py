"""The station's settings have defaults that work, and each mistake in them is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.languages import LANGUAGES
from workbench.station.station_file import STATION_FILE, Printer, StationFileInvalid, load_station


def test_without_a_file_a_station_has_a_name_and_works(tmp_path: Path) -> None:
    station = load_station(tmp_path)

    assert station.station.id
    assert station.station.title == station.station.id
    assert (station.station.language, station.station.sign_in, station.station.sound) == ("en", False, False)
    assert station.printer is None


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_all_settings_are_read(language: str, tmp_path: Path) -> None:
    (tmp_path / STATION_FILE).write_text(
        f'[station]\nid = "line-3"\nname = "Line 3"\nlanguage = "{language}"\nsign_in = true\nsound = true\n'
        "[printer]\ncommand = \"lp -d 'my printer' -o raw\"\ndpi = 300\ntimeout_s = 5.5\n",
        encoding="utf-8",
    )
    found = load_station(tmp_path)

    assert (found.station.id, found.station.title, found.station.language) == ("line-3", "Line 3", language)
    assert found.printer == Printer(command="lp -d 'my printer' -o raw", dpi=300, timeout_s=5.5)
    assert found.printer.arguments == ("lp", "-d", "my printer", "-o", "raw")


WRONG = {
    '[station]\nid = "Line 3"': ["station.id", "lower-case letters"],
    '[station]\nlanguage = "deutsch"': ["station.language", "en, de"],
    '[station]\nlangage = "de"': ["did you mean 'language'?"],
    "[station]\nsign_in = 1": ["station.sign_in"],
    '[station]\nname = "a\\u001b"': ["station.name", "one line"],
    '[printer]\nformat = "zpl"': ["either command or folder"],
    '[printer]\ncommand = "lp"\nfolder = "x"': ["not both"],
    '[printer]\ncommand = "lp \'x"': ["as in a shell"],
    '[printer]\ncommand = " "': ["name a program"],
    '[printer]\nfolder = "x"\nformat = "pdf"': ["zpl, png, svg"],
    '[printer]\nfolder = "x"\ntimeout_s = 0.0': ["1 to 600"],
    '[printer]\nfolder = "x"\ndpi = 72': ["150 to 1200"],
}


@pytest.mark.parametrize("text", WRONG)
def test_mistakes_are_named(text: str, tmp_path: Path) -> None:
    (tmp_path / STATION_FILE).write_text(text + "\n", encoding="utf-8")

    with pytest.raises(StationFileInvalid) as told:
        load_station(tmp_path)
    assert STATION_FILE in told.value.what
    for word in WRONG[text]:
        assert word in told.value.what
