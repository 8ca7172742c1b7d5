"""Words in block letters that are read from across a hall.  Pure: a word and the room for it in, rows out."""

from __future__ import annotations

from typing import Final

HEIGHT: Final = 6
"""Dots of a letter from top to bottom; a letter is five dots wide, with one between letters."""
MAX_SCALE: Final = 5

_DOTS: Final[dict[str, str]] = {
    "A": ".###. ##.## ##.## ##### ##.## ##.##",
    "B": "####. ##.## ####. ##.## ##.## ####.",
    "C": ".#### ##... ##... ##... ##... .####",
    "D": "####. ##.## ##.## ##.## ##.## ####.",
    "E": "##### ##... ####. ##... ##... #####",
    "F": "##### ##... ####. ##... ##... ##...",
    "G": ".#### ##... ##... ##.## ##.## .####",
    "H": "##.## ##.## ##### ##.## ##.## ##.##",
    "I": ".##.. .##.. .##.. .##.. .##.. .##..",
    "J": "...## ...## ...## ...## ##.## .###.",
    "K": "##.## ##.## ####. ##.## ##.## ##.##",
    "L": "##... ##... ##... ##... ##... #####",
    "M": "#...# ##.## ##### ##### #.#.# #...#",
    "N": "#..## ##.## ##### ##### ##.## ##..#",
    "O": ".###. ##.## ##.## ##.## ##.## .###.",
    "P": "####. ##.## ##.## ####. ##... ##...",
    "Q": ".###. ##.## ##.## ##.## ##.#. .##.#",
    "R": "####. ##.## ##.## ####. ##.## ##.##",
    "S": ".#### ##... .###. ...## ...## ####.",
    "T": "##### .##.. .##.. .##.. .##.. .##..",
    "U": "##.## ##.## ##.## ##.## ##.## .###.",
    "V": "##.## ##.## ##.## ##.## .###. ..#..",
    "W": "#...# #.#.# ##### ##### ##.## #...#",
    "X": "##.## ##.## .###. .###. ##.## ##.##",
    "Y": "##.## ##.## .###. ..#.. ..#.. ..#..",
    "Z": "##### ...## ..##. .##.. ##... #####",
    "Ä": "##.## ..... .###. ##.## ##### ##.##",
    "Ö": "##.## ..... .###. ##.## ##.## .###.",
    "Ü": "##.## ..... ##.## ##.## ##.## .###.",
    "?": "####. ...## ..##. .##.. ..... .##..",
    "!": ".##.. .##.. .##.. .##.. ..... .##..",
    "-": "..... ..... ##### ##### ..... .....",
    " ": "..... ..... ..... ..... ..... .....",
}


def block_word(word: str, width: int, height: int) -> tuple[str, ...]:
    """`word` as large as it can be in `width` columns and `height` rows; nothing where it has no room.

    The smallest size has two dots in one row (half blocks); see `scale_for` for larger ones.  Rows are all of
    the same length.
    """
    letters = word.upper()
    if not letters or any(letter not in _DOTS for letter in letters):
        return ()
    dots = _dots(letters)
    columns = len(dots[0])
    across, down = scale_for(columns, width, height)
    if down:
        return tuple(_scaled(row, across) for row in dots for _ in range(down))
    if columns <= width and height >= HEIGHT // 2:
        return tuple(_halves(dots[row], dots[row + 1]) for row in range(0, HEIGHT, 2))
    return ()


def scale_for(dots: int, width: int, height: int) -> tuple[int, int]:
    """Columns and rows of one dot, so that a word of that many dots fits; (0, 0) where it does not.

    A cell of a terminal is about twice as high as wide: letters are drawn from that shape to half as wide.
    """
    down = max(min(height // HEIGHT, MAX_SCALE), 0)
    across = max(min(width // dots, 2 * down), 0)
    return across, min(down, across)


def _dots(letters: str) -> list[str]:
    split = [_DOTS[letter].split() for letter in letters]
    return [".".join(letter[row] for letter in split) for row in range(HEIGHT)]


def _scaled(row: str, across: int) -> str:
    return "".join(("█" if dot == "#" else " ") * across for dot in row)


def _halves(upper: str, lower: str) -> str:
    signs = {"##": "█", "#.": "▀", ".#": "▄", "..": " "}
    return "".join(signs[high + low] for high, low in zip(upper, lower, strict=True))
