"""A placed label as SVG, in millimetres; the symbol is one path, text stays text."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from workbench.station.labels.placing import MM_PER_INCH, PlacedText, Placement

_ASCENT = 0.8
"""Part of a line's height above the line that its letters stand on."""


def svg(placement: Placement) -> bytes:
    """The label as SVG 1.1, UTF-8."""
    width, height = (f"{dots * MM_PER_INCH / placement.dpi:.3f}mm" for dots in _size(placement))
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {placement.width} {placement.height}">',
        f'<rect width="{placement.width}" height="{placement.height}" fill="white"/>',
        f'<path shape-rendering="crispEdges" fill="black" d="{_path(placement)}"/>',
        *(_text(text) for text in placement.texts),
        "</svg>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _size(placement: Placement) -> tuple[int, int]:
    return placement.width, placement.height


def _path(placement: Placement) -> str:
    """Each run of dark modules in a row as a rectangle."""
    side, parts = placement.module, []
    for row, cells in enumerate(placement.modules.rows):
        start = None
        for column, dark in enumerate((*cells, False)):
            if dark and start is None:
                start = column
            elif not dark and start is not None:
                x, y = placement.symbol_x + start * side, placement.symbol_y + row * side
                run = (column - start) * side
                parts.append(f"M{x} {y}h{run}v{side}h{-run}z")
                start = None
    return "".join(parts)


def _text(text: PlacedText) -> str:
    """A line stretched to its width exactly, whatever font the reader has."""
    baseline = text.y + round(text.height * _ASCENT)
    family = quoteattr("monospace")
    return (
        f'<text x="{text.x}" y="{baseline}" font-family={family} font-size="{text.height}" '
        f'textLength="{text.width}" lengthAdjust="spacingAndGlyphs" xml:space="preserve">'
        f"{escape(text.text)}</text>"
    )
