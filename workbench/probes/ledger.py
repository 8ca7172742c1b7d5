"""What is known of a chip's flash while it is written: the ledger that an interrupted or lost write is
reported from.

Pure.  The thread that writes updates it; another may take a snapshot at any moment, also when the writer
hangs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Known = Literal["untouched", "erased", "written", "unknown"]
"""untouched: as before this run.  erased, written: the chip acknowledged it, nothing has read it back yet.
unknown: an erase or write was under way and not acknowledged."""

_SHOWN: Final = 4


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """Addresses from `start` up to, without, `end`."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.start:#010x}–{self.end - 1:#010x}"


@dataclass(frozen=True, slots=True)
class FlashState:
    """What is known of the ranges that a run was to write.  Ranges are sorted and joined."""

    untouched: tuple[Range, ...]
    erased: tuple[Range, ...]
    written: tuple[Range, ...]
    unknown: tuple[Range, ...]

    @property
    def is_untouched(self) -> bool:
        """Whether the chip still holds what it held before."""
        return not (self.erased or self.written or self.unknown)

    def words(self) -> str:
        """For a person: which addresses are written, erased, unknown, and as before."""
        if self.is_untouched:
            return "nothing was written: the chip holds what it held before"
        named = (
            ("written", self.written),
            ("erased", self.erased),
            ("unknown", self.unknown),
            ("as before", self.untouched),
        )
        return "; ".join(f"{name} {_listed(ranges)}" for name, ranges in named if ranges)


class Ledger:
    """Ranges that a run is to change, each with what is known of it."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        """`ranges` are (start, size) and do not overlap; all begin as untouched."""
        self._ends = {start: start + size for start, size in ranges}
        self._known: dict[int, Known] = dict.fromkeys(self._ends, "untouched")

    def mark(self, start: int, known: Known) -> None:
        """Set what is known of the range that begins at `start`.  Raises KeyError if there is none."""
        if start not in self._ends:
            raise KeyError(start)
        self._known[start] = known

    def mark_all(self, known: Known) -> None:
        """Set what is known of all ranges."""
        for start in self._known:
            self._known[start] = known

    def state(self) -> FlashState:
        """Snapshot of all ranges."""
        known = dict(self._known)
        return FlashState(
            untouched=self._joined(known, "untouched"),
            erased=self._joined(known, "erased"),
            written=self._joined(known, "written"),
            unknown=self._joined(known, "unknown"),
        )

    def _joined(self, known: dict[int, Known], wanted: Known) -> tuple[Range, ...]:
        starts = sorted(start for start, value in known.items() if value == wanted)
        return join_ranges((start, self._ends[start]) for start in starts)


def join_ranges(spans: Iterable[tuple[int, int]]) -> tuple[Range, ...]:
    """Ranges for sorted (start, end) that do not overlap, joined where they touch."""
    joined: list[Range] = []
    for start, end in spans:
        if joined and joined[-1].end == start:
            joined[-1] = Range(joined[-1].start, end)
        else:
            joined.append(Range(start, end))
    return tuple(joined)


def _listed(ranges: tuple[Range, ...]) -> str:
    shown = ", ".join(str(part) for part in ranges[:_SHOWN])
    more = len(ranges) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
