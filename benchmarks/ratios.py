"""Measurements in pairs, their ratios, and whether goals are met.  Pure, but for the clock in `timed`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Better = Literal["at most", "at least"]


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on a number, such as at most 1.3."""

    better: Better
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether the number keeps to the bound."""
        return value <= self.bound if self.better == "at most" else value >= self.bound


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.  `values` are those of the rounds; their median counts.

    `detail`: the measured times behind a ratio, in words.
    """

    title: str
    values: tuple[float, ...]
    unit: Literal["times", "s"]
    goal: Goal | None
    detail: str = ""

    @property
    def value(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def is_met(self) -> bool:
        """Whether the goal is met; true where there is none."""
        return self.goal is None or self.goal.is_met(self.value)


def ratios(over: Sequence[float], under: Sequence[float]) -> tuple[float, ...]:
    """Each measurement divided by its partner of the same round.

    Raises ValueError where one has no partner, or nothing was measured.
    """
    if not over:
        raise ValueError("nothing was measured")
    return tuple(a / b for a, b in zip(over, under, strict=True))


def timed(act: Callable[[], object]) -> float:
    """Seconds that `act` takes."""
    began_s = time.perf_counter()
    act()
    return time.perf_counter() - began_s


def milliseconds(values: Sequence[float]) -> str:
    """The median of seconds, in words."""
    middle = median(values)
    return f"{middle * 1000:.0f} ms" if middle < 1 else f"{middle:.2f} s"
