"""A unit in the station's own file."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from workbench.boards.lease_files import boot_id
from workbench.identity.labels import compared
from workbench.station.lots.lease_clock import Moment, is_over
from workbench.station.steps.resume import Progress

LocalState = Literal["in-work", "ended", "passed"]
HoldKind = Literal["none", "reserve", "lease"]


def boot_moment() -> Moment:
    """Time since boot, which nobody sets."""
    return Moment(boot_id(), time.clock_gettime(time.CLOCK_BOOTTIME))


@dataclass(frozen=True, slots=True)
class Hold:
    """Why no other station can have begun the unit, as far as this one knows without asking.

    reserve: the shared database has it reserved for this file; lease: it gave it to a run of this station,
    for a time that is over at `until_s` of this boot; none: another station may have it.
    """

    kind: HoldKind = "none"
    epoch: str | None = None
    until_s: float | None = None

    def lasts(self, moment: Moment) -> bool:
        """Whether it still holds."""
        if self.kind == "lease":
            return not is_over(self.epoch, self.until_s, moment)
        return self.kind == "reserve"

    def text(self) -> str:
        """For the file."""
        return json.dumps([self.kind, self.epoch, self.until_s])

    @classmethod
    def of(cls, text: str) -> Hold:
        """From the file."""
        kind, epoch, until_s = json.loads(text)
        return cls(kind, epoch, until_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalUnit:
    """A unit that this station began.  `process` is the one that works or worked on it."""

    serial: str
    lot: str
    run_id: str
    slot: str
    process: str
    operator: str | None = None
    attempt: int = 1
    state: LocalState = "in-work"
    hold: Hold = Hold()
    began: float = field(default_factory=time.time)
    finished: tuple[str, ...] = ()
    during: str | None = None
    irreversible: bool = False
    failed: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    chip_id: str | None = None

    @property
    def has_progress(self) -> bool:
        """Whether a step of it was begun."""
        return bool(self.finished) or self.during is not None

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(
            finished=self.finished,
            during=self.during,
            irreversible=self.irreversible,
            failed=self.failed,
            facts=dict(self.facts),
            chip_id=self.chip_id,
        )

    def after(self, before: LocalUnit) -> LocalUnit:
        """This run, with what earlier runs did."""
        return replace(
            self,
            finished=before.finished,
            during=before.during,
            irreversible=before.irreversible,
            failed=before.failed,
            facts=before.facts,
            chip_id=before.chip_id,
        )

    def columns(self) -> dict[str, Any]:
        """For the file."""
        names = ("serial", "lot", "state", "run_id", "slot", "operator", "attempt", "process", "began")
        return {
            "serial_key": compared(self.serial),
            **{name: getattr(self, name) for name in names},
            "hold": self.hold.text(),
            "finished": json.dumps(self.finished),
            "during": self.during,
            "irreversible": int(self.irreversible),
            "failed": int(self.failed),
            "facts": json.dumps(dict(self.facts)),
            "chip_id": self.chip_id,
        }

    @classmethod
    def of(cls, row: sqlite3.Row) -> LocalUnit:
        """From the file."""
        names = (
            "serial",
            "lot",
            "state",
            "run_id",
            "slot",
            "operator",
            "attempt",
            "process",
            "began",
            "during",
        )
        return cls(
            **{name: row[name] for name in (*names, "chip_id")},
            hold=Hold.of(row["hold"]),
            finished=tuple(json.loads(row["finished"])),
            irreversible=bool(row["irreversible"]),
            failed=bool(row["failed"]),
            facts=json.loads(row["facts"]),
        )
