"""How long a slot's process may take before the line ends it.  Pure: events and times in, a judgement out.

The process ends its own steps by their limits.  One that hangs where no signal reaches it, in a C library
or in the kernel, is killed from outside a little later.  Time in which a person is asked does not count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from workbench.errors import WorkbenchError
from workbench.languages import N_
from workbench.station.line.errors import StepHangs, UnitTakesTooLong

GRACE_S: Final = 15.0
"""Seconds after a limit in which the process may end the step by itself and tidy up."""

Data = dict[str, Any]


@dataclass(slots=True)
class Deadlines:
    """The times of one unit in one slot."""

    slot: str
    unit_s: float | None
    grace_s: float
    began: float
    limits: dict[str, float | None] = field(default_factory=dict)
    step: str | None = None
    step_began: float = 0.0
    asked_at: float | None = None

    def hear(self, event: Data, now: float) -> None:
        """An event of the run, in its public form."""
        name, step = event.get("event"), event.get("step")
        if name == "unit-began":
            self.limits = {s["step"]: s.get("limit_s") for s in event["steps"]}
        elif name == "step-started" and self.step is None and step in self.limits:
            self.step, self.step_began = step, now
        elif name == "step-finished" and step == self.step:
            self.step, self.asked_at = None, None
        elif name == "asked":
            self.asked_at = now
        elif name == "answered" and self.asked_at is not None:
            self.step_began += now - self.asked_at
            self.began += now - self.asked_at
            self.asked_at = None

    def next_s(self) -> float | None:
        """When to look again, as a time; None where nothing is limited now."""
        ends = [end for end in (self._step_ends(), self._unit_ends()) if end is not None]
        return min(ends, default=None)

    def over(self, now: float) -> WorkbenchError | None:
        """What is to be said of a process that must be killed now; None while it may go on."""
        step_ends, unit_ends = self._step_ends(), self._unit_ends()
        if step_ends is not None and now >= step_ends:
            what = N_("slot {slot}: step {step} did not end {grace:g} s after its limit of {limit:g} s")
            limit_s = self.limits[self.step or ""]
            return StepHangs(what.format(slot=self.slot, step=self.step, grace=self.grace_s, limit=limit_s))
        if unit_ends is not None and now >= unit_ends:
            what = N_("slot {slot}: the unit was not finished {grace:g} s after its limit of {limit:g} s")
            return UnitTakesTooLong(what.format(slot=self.slot, grace=self.grace_s, limit=self.unit_s))
        return None

    def _step_ends(self) -> float | None:
        limit_s = self.limits.get(self.step) if self.step is not None else None
        return (
            None if limit_s is None or self.asked_at is not None else self.step_began + limit_s + self.grace_s
        )

    def _unit_ends(self) -> float | None:
        if self.unit_s is None or self.asked_at is not None:
            return None
        return self.began + self.unit_s + self.grace_s
