"""Power cuts: at which operations of a boot to cut, and whether what came of it is right.  Pure."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from workbench.boards.power import CutOutcome, FlashOperation
from workbench.boards.target import Target
from workbench.images.tlvs import Version

STARTING: Final = re.compile(rb"boot: starting ([0-9.+]{1,40})\r?\n")
UNTIL: Final = rb"boot: (starting [0-9.+]{1,40}|nothing to start: [a-z-]{1,40}|fault)\r?\n"
"""Where a boot is over, well or not."""
SAMPLE: Final = 12
"""Points of each phase in a quick run, beside its first and last."""


@dataclass(frozen=True, slots=True)
class Areas:
    """Names of the places that a boot writes to."""

    ranges: tuple[tuple[str, int, int], ...]

    def of(self, operation: FlashOperation) -> str:
        """The phase of an operation: by where it writes."""
        if operation.kind.startswith("uicr"):
            return "counter"
        for name, start, end in self.ranges:
            if start <= operation.address < end:
                return name
        return "elsewhere"


def areas_of(target: Target) -> Areas:
    """The slots, and behind the secondary one two pages of boot state and two of the swap's progress; what
    makes the unit this unit may lie between.
    """
    assert target.update is not None
    primary = target.image_slot(target.update.primary)
    secondary = target.image_slot(target.update.secondary)
    page = target.memory_named(secondary.memory).sector or 1024
    state = next((a.end for a in target.identity_areas if a.start == secondary.end), secondary.end)
    return Areas(
        (
            ("slot 0", primary.start, primary.end),
            ("slot 1", secondary.start, secondary.end),
            ("state", state, state + 2 * page),
            ("swap log", state + 2 * page, state + 4 * page),
        )
    )


def choose(
    operations: Sequence[FlashOperation], areas: Areas, seed: int, *, sample: int | None = SAMPLE
) -> list[int]:
    """Points to cut at, the first operation is 1: of each phase its ends, `sample` by lot, and some of its
    erases; without a `sample` all there are.
    """
    if sample is None:
        return list(range(1, len(operations) + 1))
    dice = random.Random(seed)
    by_phase: dict[str, list[int]] = {}
    for point, operation in enumerate(operations, 1):
        by_phase.setdefault(areas.of(operation), []).append(point)
    chosen: set[int] = {1, len(operations)} if operations else set()
    for points in by_phase.values():
        chosen |= {points[0], points[-1], *dice.sample(points, min(sample, len(points)))}
        erases = [point for point in points if operations[point - 1].kind == "page"]
        chosen |= set(dice.sample(erases, min(sample // 3, len(erases))))
    return sorted(chosen)


@dataclass(frozen=True, slots=True)
class Wrong:
    """A point after which the board did what it must not."""

    point: int
    mode: str
    phase: str
    address: int
    what: str

    def __str__(self) -> str:
        return f"{self.mode} cut at operation {self.point} ({self.phase}, {self.address:#x}): {self.what}"


@dataclass(slots=True)
class Tally:
    """What came of the cuts: points and versions started, by phase, and what was wrong."""

    points: Counter[str] = field(default_factory=Counter)
    started: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)
    known: int = 0

    @property
    def total(self) -> int:
        """All points."""
        return sum(self.points.values())

    def as_json(self) -> dict[str, object]:
        """For the report."""
        return {
            "points": self.total,
            "points_by_phase": dict(self.points),
            "started_by_phase": {phase: dict(count) for phase, count in self.started.items()},
            "wrong": [str(wrong) for wrong in self.wrong],
            "known": self.known,
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """What must be started after a cut: `before` until some point of the boot, `after` from then on.

    Where both are the same, that one always.
    """

    before: Version
    after: Version

    def allows(self, version: str) -> bool:
        """Whether that version may start at all."""
        return version in (str(self.before), str(self.after))


def judge_outcomes(outcomes: Iterable[CutOutcome], areas: Areas, rule: Rule) -> Tally:
    """Counts outcomes and finds those that are wrong.  They may come in any order."""
    tally = Tally()
    by_mode: dict[str, list[tuple[int, str, CutOutcome]]] = {}
    for outcome in outcomes:
        phase = areas.of(outcome)
        tally.points[phase] += 1
        tally.known += outcome.known
        version = started(outcome.console) if outcome.end == "said" else None
        tally.started.setdefault(phase, Counter())[version or "nothing"] += 1
        if version is None:
            said = outcome.console[-80:].decode("latin-1").strip().splitlines()
            what = f"nothing started: {outcome.end}{', ' + said[-1] if said else ''}"
            tally.wrong.append(Wrong(outcome.point, outcome.mode, phase, outcome.address, what))
        elif not rule.allows(version):
            words = f"started {version}, which is neither old nor new"
            tally.wrong.append(Wrong(outcome.point, outcome.mode, phase, outcome.address, words))
        else:
            by_mode.setdefault(outcome.mode, []).append((outcome.point, version, outcome))
    for found in by_mode.values():
        tally.wrong += _out_of_order(sorted(found, key=lambda item: item[0]), areas, rule)
    tally.wrong.sort(key=lambda wrong: (wrong.mode, wrong.point))
    return tally


def _out_of_order(found: Sequence[tuple[int, str, CutOutcome]], areas: Areas, rule: Rule) -> Iterable[Wrong]:
    """Points after which the board started what belongs to the other side of the turning point."""
    turned = False
    for point, version, outcome in found:
        if rule.before != rule.after and version == str(rule.after):
            turned = True
        elif turned:
            what = f"started {version} again after {rule.after} had been reached"
            yield Wrong(point, outcome.mode, areas.of(outcome), outcome.address, what)


def started(console: bytes) -> str | None:
    """The version that was started last."""
    versions = STARTING.findall(console)
    return versions[-1].decode("ascii") if versions else None
