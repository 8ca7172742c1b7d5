"""The station's own settings: `station.toml` beside the bench file.  What belongs to a kind of unit stands in
a recipe, what belongs to a lot in the lot; here stands what stays when both change.

[station]
id = "line-3"            # names the station in records; default: made of the host name
name = "Line 3, end of line"
language = "de"          # language of the technician's words; default "en"
sign_in = true           # nobody works without a badge; default false
sound = true             # a bell with each verdict; default false
notice = "Out of order? Call 4711."      # stands on the screen while nothing else is said
[printer]
command = "lp -d zebra -o raw"   # gets each label on its standard input; no shell; or:
folder = "labels"                # each label becomes a file there; relative to the bench's folder
format = "zpl"                   # zpl, png or svg
dpi = 203                        # of the printer; default: as the label's layout says
timeout_s = 20                   # longest time for one label
"""

from __future__ import annotations

import platform
import re
import shlex
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from workbench.languages import LANGUAGES
from workbench.toml_file import FileInvalid, Table, read

STATION_FILE: Final = "station.toml"
DEFAULT_PRINT_TIMEOUT_S: Final = 20.0

LabelFormat = Literal["zpl", "png", "svg"]
Language = Literal["en", "de"]

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class StationFileInvalid(FileInvalid):
    """The station's settings cannot be used as they are."""

    code = "station-file-invalid"
    default_cause = "station.toml does not say what the workbench expects there"


def _identifier(text: str) -> str:
    if _ID.fullmatch(text) is None:
        raise ValueError("must be 1 to 32 lower-case letters, digits and hyphens")
    return text


def _words(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be one line of text, without spaces at its ends")
    return text


def _command(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"must be a command as in a shell: {error}") from None
    if not words or not text.isprintable():
        raise ValueError("must name a program")
    return text


Identifier = Annotated[str, AfterValidator(_identifier)]
Words = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_words)]
Command = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_command)]


class Printer(Table):
    """Where labels go: to a command, or into a folder; exactly one of both."""

    command: Command | None = None
    folder: Annotated[str, Field(min_length=1, max_length=400)] | None = None
    format: LabelFormat = "zpl"
    dpi: int | None = Field(default=None, ge=150, le=1200, description="dots per inch, 150 to 1200")
    timeout_s: Annotated[float, Field(ge=1, le=600, description="seconds, 1 to 600")] = (
        DEFAULT_PRINT_TIMEOUT_S
    )

    @property
    def arguments(self) -> tuple[str, ...]:
        """The command as a program and its arguments; empty where labels go into a folder."""
        return tuple(shlex.split(self.command or ""))

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.command is None) == (self.folder is None):
            raise ValueError("needs either command or folder, not both")
        return self


def _host_id() -> str:
    """The host name as an identifier."""
    kept = re.sub(r"[^a-z0-9]+", "-", platform.node().lower()).strip("-")[:32].strip("-")
    return kept or "station"


class Station(Table):
    """What stands under [station]; `id` is made of the host name where the file names none."""

    id: Identifier = Field(default_factory=_host_id)
    name: Words | None = None
    language: Language = "en"
    sign_in: bool = False
    sound: bool = False
    notice: Words | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.id


class StationFile(Table):
    """All of station.toml."""

    station: Station = Field(default_factory=Station)
    printer: Printer | None = None


assert set(LANGUAGES) == {"en", "de"}, "Language lists what can be chosen"


def load_station(bench_folder: Path) -> StationFile:
    """The settings in `bench_folder`/station.toml, defaults where there is no such file.

    Raises StationFileInvalid with every mistake.
    """
    path = bench_folder / STATION_FILE
    return read(path, StationFile, StationFileInvalid) if path.exists() else StationFile()
