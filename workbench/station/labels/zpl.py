"""A placed label in ZPL II, for label printers: every position in dots.

The symbol goes as a graphic (^GFA) rather than by the printer's own commands for bar codes: what is printed
is then what was tested, whatever firmware the printer has.  Text goes as text, in the printer's bitmap fonts,
each character that could be a command written in hexadecimal (^FH).
"""

from __future__ import annotations

from typing import Final

from workbench.station.labels.placing import PlacedText, Placement

_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .:/-")


def zpl(placement: Placement) -> bytes:
    """One label, as a printer of that resolution takes it."""
    lines = [
        "^XA",
        f"^PW{placement.width}",
        f"^LL{placement.height}",
        "^LH0,0",
        _symbol(placement),
        *(_text(text) for text in placement.texts),
        "^PQ1",
        "^XZ",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")


def field_data(text: str) -> str:
    """`text` for ^FD after ^FH: what is not plain as _ and two hexadecimal digits of its code."""
    return "".join(c if c in _PLAIN else f"_{ord(c):02X}" for c in text)


def _text(text: PlacedText) -> str:
    font = text.font
    size = f"{font.height * text.times},{font.width * text.times}"
    return f"^FO{text.x},{text.y}^A{font.name}N,{size}^FH^FD{field_data(text.text)}^FS"


def _symbol(placement: Placement) -> str:
    """^GFA: bytes of the graphic, the same again, bytes of a row, then the rows, a bit for each dot."""
    side = placement.module
    row_bytes = (placement.modules.size * side + 7) // 8
    rows = [_row(cells, side, row_bytes) for cells in placement.modules.rows for _ in range(side)]
    total = row_bytes * len(rows)
    start = f"^FO{placement.symbol_x},{placement.symbol_y}"
    return f"{start}^GFA,{total},{total},{row_bytes},{''.join(rows)}^FS"


def _row(cells: tuple[bool, ...], side: int, row_bytes: int) -> str:
    bits = "".join(("1" if dark else "0") * side for dark in cells).ljust(row_bytes * 8, "0")
    return f"{int(bits, 2):0{row_bytes * 2}X}"
