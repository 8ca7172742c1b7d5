"""The kill matrix: every place in an enrolment where power, TPM or station may end, and what the next run
makes of it.

    python -m tests.tpm_kill_lab [--sample N] [--seed S]

Without --sample all points are tried.  Each point has a board of its own.
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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.tpm_enrol_lab import STATION, Line, open_line
from workbench.database.engine import open_engine
from workbench.errors import WorkbenchError
from workbench.identity.ledger import Ledger
from workbench.identity.state import State
from workbench.identity.tpm_enroll.flow import enroll
from workbench.identity.tpm_enroll.outcome import UnitOutcome
from workbench.virtual.cut import CutMode
from workbench.virtual.tpm_boards import TpmBoard
from workbench.wires.tpm.tpm import Tpm, open_tpm

Kind = Literal[
    "power-before", "power-after", "swtpm-killed", "station-killed", "ledger-before", "ledger-after"
]
CUTS: dict[str, CutMode] = {"power-before": "torn", "power-after": "clean"}
TPM_KINDS: tuple[Kind, ...] = ("power-before", "power-after", "swtpm-killed", "station-killed")
LEDGER_KINDS: tuple[Kind, ...] = ("ledger-before", "ledger-after")
CHANGES = ("claim", "keyed", "requested", "certified", "locked", "verified", "intend", "observe")


@dataclass(frozen=True, slots=True)
class Point:
    """Where something ends: at the `number`th TPM command (or change of the ledger) of one of the
    connections.
    """

    kind: Kind
    part: int
    """0 before the restart, 1 after it; 0 for the ledger."""
    number: int


@dataclass(frozen=True, slots=True)
class Extent:
    """How many TPM commands each connection of an enrolment has, and how often it changes the ledger."""

    commands: tuple[int, int]
    changes: int

    def points(self) -> list[Point]:
        """All of them."""
        tpm = [
            Point(kind, part, number)
            for kind in TPM_KINDS
            for part, count in enumerate(self.commands)
            for number in range(1, count + 1)
        ]
        ledger = [Point(kind, 0, number) for kind in LEDGER_KINDS for number in range(1, self.changes + 1)]
        return tpm + ledger


@dataclass(frozen=True, slots=True)
class Seen:
    """What a point led to: how the cut run ended, and the next one."""

    point: Point
    first: str
    then: UnitOutcome


@dataclass
class CountingPower:
    """The board's switch; `after_on` is told each time the power has come back."""

    board: TpmBoard
    after_on: Any

    def state(self) -> Any:
        return self.board.power.state()

    def on(self) -> str | None:
        return self.board.power.on()

    def off(self) -> None:
        self.board.power.off()

    def cycle(self, off_s: float) -> None:
        self.board.power.cycle(off_s)
        self.after_on()


class CountingLedger(Ledger):
    """A ledger that calls `before` and `after` around each change, with the change's number."""

    def __init__(self, engine: Any, before: Any, after: Any) -> None:
        super().__init__(engine, station=STATION)
        self._before, self._after, self._number = before, after, 0

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in CHANGES:
            return found

        def counted(*arguments: Any, **named: Any) -> Any:
            self._number += 1
            self._before(self._number)
            result = found(*arguments, **named)
            self._after(self._number)
            return result

        return counted


def measure(line: Line, serial: str = "SN-extent") -> Extent:
    """An enrolment that nothing happens to, counted."""
    board = line.board(serial)
    counts: list[int] = []
    changes: list[int] = []
    ledger = CountingLedger(open_engine(url_of(line)), changes.append, lambda _number: None)

    @contextmanager
    def connect() -> Iterator[Tpm]:
        board.power.count_operations()
        with open_tpm(board.tcti) as tpm:
            yield tpm
        counts.append(board.power.operations())

    outcome = enroll(line.order(serial), line.means(board, connect=connect, ledger=ledger))
    ledger.close()
    board.power.off()
    assert outcome.state == "verified", outcome.why
    return Extent((counts[0], counts[1]), changes[-1])


def url_of(line: Line) -> str:
    """The ledger's database."""
    return f"sqlite:///{line.folder / 'ledger.sqlite'}"


def try_point(line: Line, point: Point, *, again: Point | None = None) -> Seen:
    """Ends an enrolment at that point (and the next one at `again`), then enrols the same board once more."""
    name = f"{point.kind}-{point.part}-{point.number}"
    board = line.board(name)
    serial = f"SN-{name}"
    try:
        before = certificates(line)
        if point.kind in ("power-before", "power-after", "swtpm-killed"):
            first = _cut(line, board, serial, point)
        else:
            first = _killed(line, board, serial, point)
        known = line.ledger.find(serial=serial)
        if again is not None:
            board.power.on()
            first += f", {_cut(line, board, serial, again)}"
        then = line.enrol(board, serial)
        verify_single(line, serial, known, then, certificates(line) - before)
        return Seen(point, first, then)
    finally:
        board.power.off()
        line.boards.remove(board)


def certificates(line: Line) -> int:
    """How many the CA has issued."""
    with line.ca() as ca:
        return ca.status().certificates


def verify_single(line: Line, serial: str, known: Any, outcome: UnitOutcome, issued: int) -> None:
    """One identity: the keys that were known stay the unit's keys, and the CA issued one pair of
    certificates.
    """
    unit = line.ledger.find(serial=serial)
    assert unit is not None
    assert outcome.state in ("verified", "quarantined"), outcome
    assert unit.state == (State.VERIFIED if outcome.state == "verified" else State.QUARANTINED)
    assert issued in ((2,) if outcome.state == "verified" else (0, 2)), f"{issued} certificates were issued"
    if known is not None:
        assert unit.unit_id == known.unit_id
        assert not known.keys or unit.keys == known.keys
        assert not known.certificates or unit.certificates == known.certificates
    if outcome.state == "verified":
        assert not line.ledger.open_acts(unit.unit_id)


def _cut(line: Line, board: TpmBoard, serial: str, point: Point) -> str:
    """Power (or swtpm) ends at the point; how the run ended."""
    parts = iter((0, 1))

    def arm() -> None:
        if next(parts) == point.part and point.kind in CUTS:
            board.power.arm_cut(point.number, CUTS[point.kind])

    sent = [0, 0]
    part = [-1]

    def check() -> None:
        sent[part[0]] += 1
        if point.kind == "swtpm-killed" and (part[0], sent[part[0]]) == (point.part, point.number):
            os.kill(board.power.processes()[1], signal.SIGKILL)

    @contextmanager
    def connect() -> Iterator[Tpm]:
        part[0] += 1
        with open_tpm(board.tcti, check=check) as tpm:
            yield tpm

    arm()
    means = line.means(board, connect=connect, power=CountingPower(board, arm))
    try:
        return enroll(line.order(serial), means).state
    except WorkbenchError as error:
        return error.code


def _killed(line: Line, board: TpmBoard, serial: str, point: Point) -> str:
    """The station's process is killed at the point; how it ended."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            _die_at(line, board, serial, point)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return "killed" if os.WIFSIGNALED(status) else "not reached"


def _die_at(line: Line, board: TpmBoard, serial: str, point: Point) -> None:
    def die(kind: Kind, number: int) -> None:
        if (kind, number) == (point.kind, point.number):
            os.kill(os.getpid(), signal.SIGKILL)

    sent = [0]
    part = [-1]

    def check() -> None:
        sent[0] += 1
        if part[0] == point.part:
            die("station-killed", sent[0])

    @contextmanager
    def connect() -> Iterator[Tpm]:
        part[0], sent[0] = part[0] + 1, 0
        with open_tpm(board.tcti, check=check) as tpm:
            yield tpm

    ledger = CountingLedger(
        open_engine(url_of(line)),
        lambda number: die("ledger-before", number),
        lambda number: die("ledger-after", number),
    )
    enroll(line.order(serial), line.means(board, connect=connect, ledger=ledger))


def main() -> int:
    """Tries the points, prints what came of them; exit status 1 where one led to a second identity."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sample", type=int, help="only so many points")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="workbench-kill-") as name, open_line(Path(name)) as line:
        extent = measure(line)
        points = extent.points()
        chosen = (
            points if options.sample is None else random.Random(options.seed).sample(points, options.sample)
        )
        print(f"{len(points)} points: {extent}; {len(chosen)} are tried", flush=True)
        failed, tally = 0, Counter[str]()
        for point in chosen:
            try:
                seen = try_point(line, point)
                tally[f"{point.kind}: {seen.first} -> {seen.then.state}"] += 1
                if seen.then.state != "verified":
                    print(point, seen.first, seen.then.why, flush=True)
            except (AssertionError, WorkbenchError) as error:
                failed += 1
                print(f"FAILED {point}: {error!r}", flush=True)
        for words, count in sorted(tally.items()):
            print(f"{count:5} {words}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
