"""What lots say of units, and what they are told of attempts: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from workbench.events import Verdict

if TYPE_CHECKING:
    from workbench.station.steps.resume import Progress

SerialState = Literal[
    "free", "reserved", "withdrawn", "in-work", "unfinished", "passed", "failed", "shipped", "scrapped"
]
"""free: handed out once and given back; reserved: held by a station, not begun; withdrawn: taken from a
station that is gone, and never handed out again; in-work: a run is going on;
unfinished: its last run ended in ERROR or STOPPED, so nothing is said of the unit; passed, failed: the last
run's verdict; shipped: it left; scrapped: its serial number is used up."""

LotState = Literal["open", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRow:
    """A lot as the database has it.  `quantity`: units that shall pass, None for no bound."""

    lot: str
    recipe: str | None
    quantity: int | None
    state: LotState
    rule_sha256: str
    rule_words: str
    gives: bool
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A unit may be worked on.

    attempt   counts from 1 over all stations; without the shared database: over this station
    earlier   the unit's state before
    offline   the shared database was not reached; it will be told later
    """

    serial: str
    lot: str
    attempt: int
    earlier: SerialState
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a run did with a unit, as it is finished.  Times are this station's, in UTC.

    steps         [{"step", "outcome", "elapsed_s"}, …]
    measurements  [{"step", "name", "value", "unit", "low", "high", "passed"}, …]
    """

    run_id: str
    serial: str
    lot: str
    verdict: Verdict
    started_at: datetime
    finished_at: datetime
    elapsed_s: float = 0.0
    slot: str | None = None
    operator: str | None = None
    recipe: str = ""
    recipe_sha256: str = ""
    error_code: str | None = None
    steps: tuple[dict[str, Any], ...] = ()
    measurements: tuple[dict[str, Any], ...] = ()
    chip_id: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """An attempt as the database has it.  `verdict` is None while it runs (or where its process died).

    first_pass  the unit passed, and had never failed before (an ERROR of the station does not count)
    conflict    why the attempt did not change the unit's state, None where it did
    """

    run_id: str
    serial: str
    lot: str
    number: int
    station: str
    slot: str | None
    operator: str | None
    recipe: str
    recipe_sha256: str
    verdict: Verdict | None
    error_code: str | None
    started_at: datetime
    finished_at: datetime | None
    elapsed_s: float | None
    first_pass: bool
    steps: tuple[dict[str, Any], ...]
    measurements: tuple[dict[str, Any], ...]
    chip_id: str | None
    fingerprint: str | None
    conflict: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRow:
    """A unit as the database has it."""

    serial: str
    lot: str
    state: SerialState
    station: str | None
    attempts: int
    chip_id: str | None
    fingerprint: str | None
    changed_at: datetime
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitHistory:
    """A unit with everything that was tried with it, the oldest first, across lots and repairs."""

    unit: UnitRow
    attempts: tuple[AttemptRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LotStats:
    """How far a lot is, over all stations.

    passed      units that have passed, shipped ones included
    remaining   units that still have to pass; None without a quantity
    attempted   units of which a PASS or FAIL is known; `first_pass` of them passed at the first one
    """

    lot: str
    recipe: str | None
    state: LotState
    quantity: int | None
    passed: int = 0
    failed: int = 0
    in_work: int = 0
    unfinished: int = 0
    reserved: int = 0
    shipped: int = 0
    scrapped: int = 0
    first_pass: int = 0
    attempted: int = 0

    @property
    def remaining(self) -> int | None:
        """Units that still have to pass, None without a quantity."""
        return None if self.quantity is None else max(0, self.quantity - self.passed)

    @property
    def yield_of_units(self) -> float | None:
        """Passed of all units with a verdict, None before the first."""
        judged = self.passed + self.failed
        return self.passed / judged if judged else None

    @property
    def first_pass_yield(self) -> float | None:
        """Units that passed at once, of all that were judged; None before the first."""
        return self.first_pass / self.attempted if self.attempted else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What became of attempts that waited for the shared database.

    conflicts: of those that were taken in and did not change their unit's state, why.
    """

    sent: int = 0
    left: int = 0
    conflicts: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedRun:
    """A unit that a run of this station began and did not end, or whose end nobody saw.

    began_at   by this machine's clock
    ending     its process lives and works on it
    verdict    how the run ended when nobody worked the line any more; None where it did not end
    """

    serial: str
    lot: str
    run_id: str
    slot: str
    attempt: int
    operator: str | None
    began_at: datetime
    progress: Progress
    ending: bool = False
    verdict: Verdict | None = None
    error_code: str | None = None
