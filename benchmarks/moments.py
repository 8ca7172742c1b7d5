"""Moments in which a virtual machine had its processors, and moments in which its host took them away.

What takes some milliseconds cannot be judged by a clock on the wall where the host takes a processor away for
a hundred of them.  Linux counts that time: "steal" of /proc/stat in proc(5), in ticks of 10 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Final

from benchmarks.ratios import timed

_STEAL: Final = 8
"""Its place among the words of the line "cpu"."""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds that something took; `ours`: nobody took a processor away in the meantime."""

    seconds: float
    ours: bool


def watched(act: Callable[[], object]) -> Took:
    """Does `act`, and says how long it took and in which kind of moment."""
    before = _stolen()
    seconds = timed(act)
    return Took(seconds, _stolen() == before)


def most(taken: Sequence[Took], *, ours: bool = False) -> float:
    """What 95 of 100 stay below; `ours`: of those in moments of our own, if there are two."""
    seconds = [one.seconds for one in taken if one.ours or not ours]
    if len(seconds) < 2:
        seconds = [one.seconds for one in taken]
    return quantiles(seconds, n=20, method="inclusive")[-1]


def words(rounds: Sequence[Sequence[Took]]) -> str:
    """How many moments were our own, and what it is over all of them."""
    every = [one for taken in rounds for one in taken]
    own = sum(one.ours for one in every)
    return f"{own} of {len(every)} with the machine to itself; over all {most(every) * 1000:.0f} ms"


def _stolen() -> int:
    """Ticks since the start of the machine, all processors; 0 where it is not known."""
    try:
        line = Path("/proc/stat").read_text("ascii").partition("\n")[0].split()
        return int(line[_STEAL])
    except (OSError, IndexError, ValueError):
        return 0
