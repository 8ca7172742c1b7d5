"""What a line looks like at one moment: plain data that faces draw.  Imports no board and no library.

Times are seconds of `time.monotonic` of the process that works the line, unless a name says otherwise; a
snapshot that travels to another process carries ages instead (`as_json`, `from_json`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from workbench.events import Verdict

Phase = Literal["starting", "ready", "running", "asking", "stopping", "done", "broken", "off"]
"""starting: the slot's process is being made; ready: a unit may begin; running: a run is going on; asking:
the run waits for a person; stopping: it ends after its current step; done: a verdict stands until the next
scan or until the unit is taken out; broken: nothing begins here until a person has looked; off: not used.
"""

StepState = Literal["waiting", "running", "passed", "failed", "error", "stopped", "done-before", "skipped"]

DatabaseState = Literal["ok", "lost", "local"]
"""ok: the shared database answers; lost: it does not, the recipe says what that means; local: there is
none.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step of a slot's plan.  `limit_s` is None where the step has no limit of its own."""

    step: str
    title: str
    state: StepState = "waiting"
    limit_s: float | None = None
    irreversible: bool = False
    began: float | None = None
    elapsed_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a run asks of the technician.  `kind` scan: the answer is a scanned text; confirm: yes or no, and
    no is the default."""

    prompt: str
    kind: Literal["scan", "confirm"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    """An error as a person sees it: WorkbenchError.as_dict()."""

    code: str
    blame: str
    what: str
    cause: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotView:
    """One slot.  `progress` is (done, total, unit) of the running step, total 0 where it is not known.

    `inner`: the words of the part of the running step that is going on, where it tells its parts; `progress`
    is of that part then.  `verdict`, `error` and `serial` of a finished unit stay until the next unit begins
    here or the unit is taken out.  `present`: whether a board was seen in the slot, None where nothing tells.
    `generation` counts the slot's processes: above 1 it was restarted.
    """

    name: str
    target: str
    phase: Phase = "starting"
    serial: str | None = None
    attempt: int = 0
    run_id: str | None = None
    steps: tuple[StepView, ...] = ()
    inner: str | None = None
    progress: tuple[int, int, str] | None = None
    began: float | None = None
    elapsed_s: float | None = None
    limit_s: float | None = None
    question: Question | None = None
    verdict: Verdict | None = None
    error: ErrorView | None = None
    notes: tuple[str, ...] = ()
    present: bool | None = None
    generation: int = 1
    fingerprint: str | None = None
    """Short fingerprint of the unit's key, where it has one."""

    @property
    def current(self) -> StepView | None:
        """The step that is running."""
        return next((step for step in self.steps if step.state == "running"), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotView:
    """How far a lot is, over all stations.  `remaining` is None for a lot without a quantity.

    `units_per_hour` counts this station's finished units of its last hour of work, None before the second.
    """

    lot: str
    recipe: str
    quantity: int | None
    passed: int = 0
    failed: int = 0
    in_work: int = 0
    remaining: int | None = None
    first_pass: int = 0
    attempted: int = 0
    units_per_hour: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedUnit:
    """A unit that an earlier process left in the middle, or finished when nobody saw it (then with
    `verdict`).  Its steps by their titles.  `state` in words: what is known of it, and `action`: what to do
    now."""

    serial: str
    slot: str | None
    after_step: str | None
    during_step: str | None
    irreversible: bool
    state: str
    action: str
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """Everything that a face shows.  `revision` grows with every change.  `read_only`: this process only
    watches a line that another one works."""

    revision: int = 0
    now: float = 0.0
    station: str = ""
    recipe: str = ""
    title: str = ""
    operator: str | None = None
    slots: tuple[SlotView, ...] = ()
    lot: LotView | None = None
    unfinished: tuple[UnfinishedUnit, ...] = ()
    database: DatabaseState = "local"
    reserved: int = 0
    """Serial numbers that this station holds in reserve."""
    notices: tuple[str, ...] = ()
    read_only: bool = False

    def slot(self, name: str) -> SlotView:
        """The slot of that name; raises KeyError."""
        for slot in self.slots:
            if slot.name == name:
                return slot
        raise KeyError(name)


ScanKind = Literal[
    "started", "proposed", "resumed", "answered", "slot-chosen", "operator", "refused", "engineer", "ignored"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanAnswer:
    """What became of a scan.

    kind       started/resumed: a run began in `slot`; proposed: `confirm` begins it (irreversible steps, or
               the recipe asks); answered: a run's question got it; slot-chosen: the next unit goes into
               `slot`; operator: somebody signed in; refused: `error` says why
    steps      what will happen, for proposed and started
    """

    kind: ScanKind
    text: str
    slot: str | None = None
    serial: str | None = None
    steps: tuple[StepView, ...] = ()
    error: ErrorView | None = None


MAX_NOTES: Final = 3
"""Remarks kept of a run for its slot's view."""
