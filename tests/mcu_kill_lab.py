"""Every place in a microcontroller's enrolment where its power or the station may end, and what the next run
makes of it.

    python -m tests.mcu_kill_lab [--sample N] [--seed S]

Without --sample all points are tried: a cut, clean and torn, at each flash operation of the unit, and a
killed station before and after each change of the ledger.  Each point has a board of its own; all share one
ledger and one CA, so that nothing may come out twice.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.mcu_lab import STATION, McuLab, mcu_lab
from tests.tpm_kill_lab import CountingLedger
from workbench.boards.power import CutMode
from workbench.database.engine import open_engine
from workbench.errors import WorkbenchError
from workbench.identity.ledger import Ledger, Unit
from workbench.identity.state import State
from workbench.identity.tpm_enroll.outcome import UnitOutcome

Kind = Literal["clean", "torn", "ledger-before", "ledger-after"]
CUTS: dict[Kind, CutMode] = {"clean": "clean", "torn": "torn"}


@dataclass(frozen=True, slots=True)
class Point:
    """Where something ends: at that flash operation, or at that change of the ledger, counted from 1."""

    kind: Kind
    number: int


@dataclass(frozen=True, slots=True)
class Extent:
    """How many flash operations an enrolment has, and how often it changes the ledger."""

    operations: int
    changes: int

    def points(self) -> list[Point]:
        """All of them."""
        flash = [Point(kind, n) for kind in CUTS for n in range(1, self.operations + 1)]
        kinds: tuple[Kind, ...] = ("ledger-before", "ledger-after")
        return flash + [Point(kind, n) for kind in kinds for n in range(1, self.changes + 1)]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a point led to: how the run ended that was cut, and the next one."""

    point: Point
    first: str
    then: UnitOutcome


def prepare(lab: McuLab) -> Extent:
    """Provisions the board that all points start from, and counts an enrolment that nothing happens to."""
    lab.provision()
    lab.remember()
    lab.another()
    operations: list[int] = []
    changes: list[int] = []

    def after(number: int) -> None:
        changes.append(number)
        operations.append(lab.switch.operations())

    ledger = CountingLedger(open_engine(lab.url), lambda _number: None, after)
    outcome = lab.enroll("S-extent", ledger=ledger, begun=lab.switch.count_operations)
    ledger.close()
    assert outcome.state == "verified", outcome.why
    return Extent(max(operations), changes[-1])


def try_point(lab: McuLab, point: Point) -> Seen:
    """Ends an enrolment at that point, then enrols the same board again."""
    chip = lab.another()
    serial = f"S-{point.kind}-{point.number}"
    before = certificates(lab)
    if point.kind in CUTS:
        first = _cut(lab, serial, CUTS[point.kind], point.number)
    else:
        first = _killed(lab, serial, point)
    known = lab.ledger.find(hardware_id=chip)
    then = lab.enroll(serial)
    verify_single(lab, serial, chip, known, then, certificates(lab) - before)
    return Seen(point, first, then)


def certificates(lab: McuLab) -> int:
    """How many the CA has issued."""
    with lab.connect() as ca:
        return ca.status().certificates


def verify_single(
    lab: McuLab, serial: str, chip: str, known: Unit | None, outcome: UnitOutcome, issued: int
) -> None:
    """One identity: what was known of the unit is still so, and the CA issued one certificate for it."""
    unit = lab.unit(serial)
    assert unit.hardware_id == chip
    assert outcome.state in ("verified", "quarantined"), outcome
    assert unit.state == (State.VERIFIED if outcome.state == "verified" else State.QUARANTINED)
    assert issued in ((1,) if outcome.state == "verified" else (0, 1)), f"{issued} certificates were issued"
    if known is not None:
        assert unit.unit_id == known.unit_id
        assert not known.keys or unit.keys == known.keys
        assert not known.certificates or unit.certificates == known.certificates
    if outcome.state == "verified":
        assert not lab.ledger.open_acts(unit.unit_id)
        last = lab.findings[-1]
        assert last.unit.unit_id != unit.unit_id or last.certificate == unit.certificates["device"]


def _cut(lab: McuLab, serial: str, mode: CutMode, number: int) -> str:
    """The power goes at a flash operation; how the run ended."""
    try:
        return lab.enroll(serial, begun=lambda: lab.switch.arm_cut(number, mode, number)).state
    except WorkbenchError as error:
        return error.code


def _killed(lab: McuLab, serial: str, point: Point) -> str:
    """The station's process is killed at a change of the ledger; how it ended."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            _die_at(lab, serial, point)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return "killed" if os.WIFSIGNALED(status) else "not reached"


def _die_at(lab: McuLab, serial: str, point: Point) -> None:
    def die(kind: Kind, number: int) -> None:
        if point == Point(kind, number):
            os.kill(os.getpid(), signal.SIGKILL)

    ledger: Ledger = CountingLedger(
        open_engine(lab.url),
        lambda number: die("ledger-before", number),
        lambda number: die("ledger-after", number),
    )
    lab.enroll(serial, ledger=ledger)


def sampled(extent: Extent, count: int, seed: int) -> list[Point]:
    """That many points, some of each kind, in an order that the seed gives."""
    chooser = random.Random(seed)
    by_kind: dict[Kind, list[Point]] = {}
    for point in extent.points():
        by_kind.setdefault(point.kind, []).append(point)
    for points in by_kind.values():
        chooser.shuffle(points)
    found: list[Point] = []
    while len(found) < count and any(by_kind.values()):
        found += [points.pop() for points in by_kind.values() if points]
    return found[:count]


def run(lab: McuLab, points: list[Point]) -> Iterator[Seen]:
    """Tries the points one after the other."""
    for point in points:
        yield try_point(lab, point)


def main() -> int:
    """The whole matrix, or a sample of it; one line for each point that did not end in the same identity."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    ends: Counter[str] = Counter()
    print(f"a ledger of {STATION}", flush=True)
    with tempfile.TemporaryDirectory(prefix="wb-mcu-") as folder, mcu_lab(Path(folder) / "lab") as lab:
        extent = prepare(lab)
        points = extent.points() if asked.sample is None else sampled(extent, asked.sample, asked.seed)
        print(f"{extent.operations} operations, {extent.changes} changes; {len(points)} points", flush=True)
        for number, seen in enumerate(run(lab, points), 1):
            ends[seen.then.state] += 1
            if seen.then.state != "verified" or number % 25 == 0:
                end = f"{seen.then.state} {seen.then.why or ''}"
                print(f"{number}: {seen.point} {seen.first} -> {end}", flush=True)
    print(", ".join(f"{count} {end}" for end, count in ends.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
