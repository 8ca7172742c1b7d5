"""The table of results: as text, and in its place in docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.ratios import Row

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
BEGIN: Final = "<!-- results -->"
END: Final = "<!-- /results -->"
HEADINGS: Final = ("what", "median", "range", "goal", "", "measured")


def lines(rows: Sequence[Row]) -> list[str]:
    """A table in Markdown, its columns aligned."""
    cells = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS))]
    drawn = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return [drawn[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *drawn[1:]]


def renewed(document: str, new: Sequence[str]) -> str:
    """The document with `new` between its markers.  Raises ValueError where there are not exactly two."""
    if document.count(BEGIN) != 1 or document.count(END) != 1 or document.index(BEGIN) > document.index(END):
        raise ValueError(f"the document needs one {BEGIN} and one {END} after it")
    before, _, rest = document.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n" + "\n".join(new) + f"\n{END}{after}"


def _cells(row: Row) -> tuple[str, ...]:
    goal = "" if row.goal is None else f"{row.goal.better} {_number(row.goal.bound, row.unit)}"
    met = "" if row.goal is None else "met" if row.is_met else "MISSED"
    span = f"{min(row.values):.2f}–{max(row.values):.2f}"
    return (row.title, _number(row.value, row.unit), span, goal, met, row.detail)


def _number(value: float, unit: str) -> str:
    return f"{value:.2f} ×" if unit == "times" else f"{value:.2f} s"
