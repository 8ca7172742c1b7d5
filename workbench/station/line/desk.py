"""What the line's thread knows of one slot besides what it shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from workbench.boards.bench import Slot
from workbench.errors import WorkbenchError
from workbench.station.line.deadlines import Deadlines
from workbench.station.line.process import Place, SlotProcess

MAX_DEATHS = 2
"""Processes that may die in a row before the slot is broken."""
START_S = 120.0
"""How long a slot's process may take until it is ready."""


@dataclass(slots=True)
class Unit:
    """The unit that a slot's process works on.  `seq`: of the last event that was heard of its run."""

    serial: str
    operator: str | None
    deadlines: Deadlines
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    run_id: str | None = None
    seq: int = -1


@dataclass(slots=True)
class Desk:
    """One slot.

    ready_by   when its process must be ready, None once it is, or while it waits for an earlier one
    warm       its process has loaded all that a unit needs
    deaths     processes that died in a row
    killed     why the line killed its process
    failure    why its process could not start
    """

    slot: Slot
    place: Place
    process: SlotProcess | None = None
    unit: Unit | None = None
    ready_by: float | None = None
    warm: bool = False
    deaths: int = 0
    killed: WorkbenchError | None = None
    failure: dict[str, str] | None = None
    starts: int = 0

    def due(self) -> float | None:
        """When to look at it again; None: only when its process says something."""
        times = [self.ready_by, self.unit.deadlines.next_s() if self.unit is not None else None]
        return min((time for time in times if time is not None), default=None)
