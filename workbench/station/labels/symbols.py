"""A label's symbol as modules, made by the libraries for it: QR code (ISO/IEC 18004) by segno, Data Matrix
ECC 200 (ISO/IEC 16022) by ppf.datamatrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workbench.station.labels.layout import Symbol

QUIET: Final[dict[Symbol, int]] = {"qr": 4, "datamatrix": 1}
"""Modules that stay empty around a symbol, as its standard asks."""


@dataclass(frozen=True, slots=True)
class Modules:
    """A square symbol: rows of modules, True for dark, without its quiet zone of `quiet` modules."""

    rows: tuple[tuple[bool, ...], ...]
    quiet: int

    @property
    def size(self) -> int:
        """Modules along a side, without the quiet zone."""
        return len(self.rows)

    @property
    def whole(self) -> int:
        """Modules along a side, with the quiet zone."""
        return self.size + 2 * self.quiet


def modules_of(symbol: Symbol, text: str) -> Modules:
    """The smallest square symbol that holds `text`, a payload.

    A QR code is made with error correction level M, which stands 15 % of damage.
    """
    rows = _qr(text) if symbol == "qr" else _datamatrix(text)
    return Modules(tuple(tuple(bool(cell) for cell in row) for row in rows), QUIET[symbol])


def _qr(text: str) -> list[list[int]]:
    import segno

    return [list(row) for row in segno.make_qr(text, error="m", boost_error=False).matrix]


def _datamatrix(text: str) -> list[list[int]]:
    from ppf.datamatrix import DataMatrix

    made: list[list[int]] = DataMatrix(text).matrix
    return made
