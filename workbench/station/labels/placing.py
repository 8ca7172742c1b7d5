"""Where everything on a label goes, in whole dots of its printer; refuses a label that does not fit.  Pure.

Text is measured in the fixed pitches of a label printer's own fonts, so that PNG, SVG and ZPL fit alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from workbench.languages import _
from workbench.station.labels.errors import LabelDoesNotFit, LabelTextUnprintable
from workbench.station.labels.layout import LabelLayout
from workbench.station.labels.symbols import Modules
from workbench.toml_file import shown_text

MM_PER_INCH: Final = 25.4
MIN_MODULE_MM: Final = 0.25
"""Smallest module that hand scanners read from a printed label without trouble."""
MIN_TEXT_MM: Final = 1.0
"""Smallest height of text that people read."""
GAP_MM: Final = 1.0
"""Between symbol and text."""
LEADING: Final = 0.2
"""Space between two lines, of the height of the upper one."""
ABOUT: Final = 1.15
"""How much higher than wanted text may come out: bitmap fonts grow in steps."""
MAX_MAGNIFICATION: Final = 10


@dataclass(frozen=True, slots=True)
class Font:
    """A bitmap font of ZPL II printers (font matrices of its programming guide): dots of a character and of
    the gap behind it, before magnification."""

    name: str
    height: int
    width: int
    gap: int


FONTS: Final = (Font("A", 9, 5, 1), Font("D", 18, 10, 2), Font("F", 26, 13, 3), Font("G", 60, 40, 8))


@dataclass(frozen=True, slots=True)
class PlacedText:
    """A line of text: its upper left corner and its box, in dots; `font` magnified `times` just fills it."""

    text: str
    x: int
    y: int
    width: int
    height: int
    font: Font
    times: int


@dataclass(frozen=True, slots=True)
class Placement:
    """A label: its size in dots, its symbol's upper left module and the dots of a module's side, its text."""

    width: int
    height: int
    dpi: int
    modules: Modules
    symbol_x: int
    symbol_y: int
    module: int
    texts: tuple[PlacedText, ...]


def place(
    layout: LabelLayout, modules: Modules, lines: Sequence[tuple[str, float]], dpi: int | None = None
) -> Placement:
    """Places a symbol and lines of text, each with its height in mm; `dpi` beats the layout's own.

    Raises LabelDoesNotFit, which says what needs how much room, and LabelTextUnprintable.
    """
    dots = dpi or layout.dpi
    width, height = _down(layout.width_mm, dots), _down(layout.height_mm, dots)
    margin = _up(layout.margin_mm, dots)
    module = _module(layout, modules, min(width, height) - 2 * margin, dots)
    side = modules.whole * module
    text_x = margin + side + (_up(GAP_MM, dots) if lines else 0)
    texts = _texts(lines, _Room(text_x, margin, width - margin - text_x, height - 2 * margin), dots)
    quiet = modules.quiet * module
    return Placement(
        width=width,
        height=height,
        dpi=dots,
        modules=modules,
        symbol_x=margin + quiet,
        symbol_y=(height - side) // 2 + quiet,
        module=module,
        texts=texts,
    )


@dataclass(frozen=True, slots=True)
class _Room:
    x: int
    y: int
    width: int
    height: int


def _module(layout: LabelLayout, modules: Modules, room: int, dpi: int) -> int:
    """Dots of a module's side: as many as the layout allows."""
    allowed = min(room, _down(layout.symbol_mm, dpi))
    module = allowed // modules.whole
    if module * MM_PER_INCH / dpi < MIN_MODULE_MM:
        least = math.ceil(MIN_MODULE_MM * dpi / MM_PER_INCH)
        what = _("the symbol needs {needs} mm and has {has} mm")
        needs, has = _mm(modules.whole * least, dpi, up=True), _mm(max(allowed, 0), dpi)
        raise LabelDoesNotFit(what.format(needs=needs, has=has))
    return module


def _texts(lines: Sequence[tuple[str, float]], room: _Room, dpi: int) -> tuple[PlacedText, ...]:
    sized = [_sized(text, height_mm, room, dpi) for text, height_mm in lines]
    heights = [font.height * times for _text, font, times in sized]
    gaps = [math.ceil(height * LEADING) for height in heights]
    needed = sum(heights) + sum(gaps[:-1])
    if needed > room.height:
        what = _("{count} lines of text need {needs} mm of height and have {has} mm")
        needs, has = _mm(needed, dpi, up=True), _mm(max(room.height, 0), dpi)
        raise LabelDoesNotFit(what.format(count=len(lines), needs=needs, has=has))
    y, placed = room.y + (room.height - needed) // 2, []
    for (text, font, times), height, gap in zip(sized, heights, gaps, strict=True):
        placed.append(PlacedText(text, room.x, y, _width(text, font, times), height, font, times))
        y += height + gap
    return tuple(placed)


def _sized(text: str, height_mm: float, room: _Room, dpi: int) -> tuple[str, Font, int]:
    """The largest font, about as high as wanted at most, in which the line fits."""
    if not (text.isascii() and text.isprintable()):
        shown = shown_text(ascii(text))
        raise LabelTextUnprintable(_("label printers do not print {text}").format(text=shown))
    least = MIN_TEXT_MM * dpi / MM_PER_INCH
    choices = [(f, n) for f in FONTS for n in range(1, MAX_MAGNIFICATION + 1) if f.height * n >= least]
    wanted = height_mm * dpi / MM_PER_INCH * ABOUT
    smallest = min(f.height * n for f, n in choices)
    fitting = [
        (f, n)
        for f, n in choices
        if f.height * n <= max(wanted, smallest) and _width(text, f, n) <= room.width
    ]
    if not fitting:
        narrowest = min(_width(text, f, n) for f, n in choices)
        what = _("the line '{text}' needs {needs} mm at its smallest and has {has} mm")
        needs, has = _mm(narrowest, dpi, up=True), _mm(max(room.width, 0), dpi)
        raise LabelDoesNotFit(what.format(text=text, needs=needs, has=has))
    font, times = max(fitting, key=lambda choice: (choice[0].height * choice[1], -choice[1]))
    return text, font, times


def _width(text: str, font: Font, times: int) -> int:
    return len(text) * (font.width + font.gap) * times


def _down(mm: float, dpi: int) -> int:
    return int(mm * dpi / MM_PER_INCH + 1e-9)


def _up(mm: float, dpi: int) -> int:
    return math.ceil(mm * dpi / MM_PER_INCH - 1e-9)


def _mm(dots: int, dpi: int, *, up: bool = False) -> str:
    tenths = dots * MM_PER_INCH * 10 / dpi
    return f"{(math.ceil(tenths) if up else math.floor(tenths)) / 10:.1f}"
