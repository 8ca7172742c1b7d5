"""The layout of a label, the table [label] of a recipe or a lot.

[label]
width_mm = 40.0
height_mm = 15.0
symbol = "datamatrix"    # or "qr"
symbol_mm = 11.0         # most that the symbol may take, its quiet zone included
dpi = 203                # of the printer, unless station.toml says so
margin_mm = 1.0          # stays empty around everything
lines = [
  "{model}",
  { text = "{serial}", height_mm = 2.5 },
  "{fingerprint}  {check}",
]

Fields of text: serial, check, fingerprint, model, lot.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from workbench.station.labels.errors import LabelLayoutInvalid
from workbench.toml_file import Table, problems_of, read, suggestion

FIELDS: Final = ("serial", "check", "fingerprint", "model", "lot")
SYMBOLS: Final = ("qr", "datamatrix")
MAX_LINES: Final = 8
DEFAULT_TEXT_MM: Final = 2.0

Symbol = Literal["qr", "datamatrix"]


def _with_fields(text: str) -> str:
    """Known fields only, and nothing behind their names; printable ASCII."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be printable ASCII: plain letters, digits and signs")
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"must be text with fields such as {{serial}}: {error}") from None
    for _text, name, spec, conversion in parts:
        if name is not None and name not in FIELDS:
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise ValueError(f"unknown field {{{name}}}{suggestion(name, FIELDS)}; known are: {known}")
        if spec or conversion:
            raise ValueError("a field stands alone in its braces")
    return text


def _as_line(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


class Line(Table):
    """One line of text, and how high it is to be; it is made smaller where it is too long."""

    text: Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_with_fields)]
    height_mm: Annotated[float, Field(ge=1.0, le=50.0, description="a height in mm, 1 to 50")] = (
        DEFAULT_TEXT_MM
    )


def _millimetres(words: str, low: float, high: float) -> Any:
    return Field(ge=low, le=high, description=f"{words} in mm, {low:g} to {high:g}")


class LabelLayout(Table):
    """What a label looks like: its size, its symbol on the left, its lines of text on the right."""

    width_mm: Annotated[float, _millimetres("a width", 5, 200)] = 40.0
    height_mm: Annotated[float, _millimetres("a height", 5, 200)] = 15.0
    symbol: Symbol = "datamatrix"
    symbol_mm: Annotated[float, _millimetres("a size", 3, 100)] = 11.0
    dpi: Annotated[int, Field(ge=150, le=1200, description="dots per inch, 150 to 1200")] = 203
    margin_mm: Annotated[float, _millimetres("a margin", 0, 20)] = 1.0
    lines: Annotated[
        tuple[Annotated[Line, BeforeValidator(_as_line)], ...], Field(strict=False, max_length=MAX_LINES)
    ] = (Line(text="{serial}", height_mm=2.5), Line(text="{fingerprint}"), Line(text="{model}  {check}"))


class _LayoutFile(Table):
    """A recipe, a lot, or a file of its own: only its [label] counts here."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    label: LabelLayout = LabelLayout()


def layout_of(table: Mapping[str, Any] | None, path: Path) -> LabelLayout:
    """The layout that a [label] table of the file `path` gives; the default one where there is no table.

    Raises LabelLayoutInvalid with every mistake.
    """
    try:
        return _LayoutFile.model_validate({"label": dict(table)} if table is not None else {}).label
    except ValidationError as failure:
        raise LabelLayoutInvalid(path, problems_of(_LayoutFile, failure)) from None


def load_layout(path: Path) -> LabelLayout:
    """The [label] table of a recipe, a lot or a file of its own; raises LabelLayoutInvalid."""
    return read(path, _LayoutFile, LabelLayoutInvalid).label


def filled(layout: LabelLayout, values: Mapping[str, str]) -> tuple[tuple[str, float], ...]:
    """The lines with their fields filled in, and their heights in mm; lines that come out empty are left out.

    `values` holds every one of FIELDS.
    """
    made = (
        (" ".join(line.text.format_map(values).split(" ")).strip(), line.height_mm) for line in layout.lines
    )
    return tuple((text, height) for text, height in made if text)
