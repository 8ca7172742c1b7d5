"""A recipe's plan carried out on the unit in a slot: the heart of a slot's process.

    with Run.begin("unit", slot.name, slot.target.name, ...) as run:
        run_plan(recipe, "L-7", "SN0001", slot, bench=bench, run=run, office=office, answers=answers)

Whoever calls has begun the run, and looks at `run.verdict` afterwards.  Called in the main thread of a
process of its own: time limits end a step by a signal.  Prints nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from workbench.errors import Blame, Stopped, WorkbenchError
from workbench.events import Answered, Asked, Notice, UnitBegan
from workbench.station.slots import Held, hold
from workbench.station.station_file import load_station
from workbench.station.steps import who
from workbench.station.steps.clock import Limit
from workbench.station.steps.context import (
    Answers,
    Notebook,
    StepContext,
    clean_text,
    plain_facts,
    plain_result,
)
from workbench.station.steps.errors import StepCrashed, StepTimeOver, UnitExchanged, UnitTimeOver, UnitUnclear
from workbench.station.steps.plan import PlannedStep, plan_of, refuse_misfit, refuse_unpermitted
from workbench.station.steps.registry import BUILT_IN
from workbench.station.steps.resume import Beginning, Progress, where_to_begin

if TYPE_CHECKING:
    from workbench.boards.bench import Bench, Slot
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.run import Run

__all__ = ["Answers", "Progress", "StepKeeper", "run_plan"]


RENEW_S: Final = 60.0
"""How often the slot's lease is prolonged."""


class StepKeeper(Protocol):
    """The part of the office that a run needs.  Each method returns when it is on the disk."""

    def step_began(
        self, serial: str, step: str, *, irreversible: bool, facts: dict[str, Any], chip_id: str | None
    ) -> None:
        """The step is about to be done; called again within the step when its facts change."""
        ...

    def step_finished(self, serial: str, step: str, facts: dict[str, Any]) -> None:
        """The step ended in PASS."""
        ...

    def step_failed(self, serial: str, step: str, facts: dict[str, Any]) -> None:
        """The step ended in another verdict, and this process lives to tell."""
        ...


def run_plan(
    recipe: Recipe,
    lot: str | None,
    serial: str,
    slot: Slot,
    *,
    bench: Bench,
    run: Run,
    office: StepKeeper,
    answers: Answers,
    resume: Progress | None = None,
    operator: str | None = None,
    attempt: int = 1,
    station: str | None = None,
    label: Mapping[str, Any] | None = None,
    rma: str | None = None,
    kick: bool = False,
) -> None:
    """Does the plan's steps on the unit; what came of it is in `run.result`, whatever is raised: its `found`
    holds what each step gave back, by its key.

    `resume`: how far earlier runs came with the unit of that serial number, where there were any.  `station`:
    default the one of station.toml; `label`: the lot's [label] table, None for the recipe's; `rma`: see
    `StepContext`.  Raises what ends the run: what `plan_of` raises, PermissionMissing and PlanImpossible
    before anything is touched, SlotLeased, UnitExchanged, UnitUnclear, StepTimeOver, UnitTimeOver, Stopped,
    and what the steps raise.
    """
    notebook = Notebook(facts=dict(resume.facts) if resume is not None else {})
    run.result |= {
        "serial": serial,
        "lot": lot,
        "recipe": recipe.name,
        "recipe_sha256": recipe.sha256,
        "operator": operator,
        "attempt": attempt,
        "chip_id": None,
        "fingerprint": None,
        "measurements": notebook.measurements,
        "steps": [],
        "found": {},
    }
    plan = plan_of(recipe, slot.target)
    beginning = where_to_begin(plan, resume)
    run.emit(
        UnitBegan(
            serial=serial,
            recipe=recipe.name,
            lot=lot,
            operator=operator,
            attempt=attempt,
            steps=[planned.as_json(done=planned.key in beginning.done) for planned in plan],
        )
    )
    refuse_unpermitted(recipe, plan)
    refuse_misfit(plan, slot)
    work = _UnitRun(
        recipe=recipe,
        lot=lot,
        serial=serial,
        bench=bench,
        run=run,
        office=office,
        answers=answers,
        operator=operator,
        station=station or load_station(bench.folder).station.id,
        label=label,
        rma=rma,
        notebook=notebook,
        resume=resume,
        beginning=beginning,
        begun_s=time.monotonic(),
    )
    with hold(slot, purpose=f"unit {serial}", emit=run.emit, kick=kick, ask=work.ask_for_power) as held:
        work.in_slot(held, plan)


@dataclass(slots=True, kw_only=True)
class _UnitRun:
    """One unit's run in a slot that is held."""

    recipe: Recipe
    lot: str | None
    serial: str
    bench: Bench
    run: Run
    office: StepKeeper
    answers: Answers
    operator: str | None
    station: str
    label: Mapping[str, Any] | None
    rma: str | None
    notebook: Notebook
    resume: Progress | None
    beginning: Beginning
    begun_s: float
    renewed_s: float = field(default_factory=time.monotonic)
    chip_id: str | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)

    def ask_for_power(self, text: str) -> bool:
        """Where a person is the slot's power switch."""
        self.notebook.questions += 1
        prompt = f"power-{self.notebook.questions}"
        self.run.emit(Asked(step="power", prompt=prompt, kind="confirm", text=clean_text(text)))
        answer = self.answers.confirm(prompt, clean_text(text))
        self.run.emit(Answered(step="power", prompt=prompt))
        return answer

    def in_slot(self, held: Held, plan: Sequence[PlannedStep]) -> None:
        """All steps that are still to be done."""
        self.run.result["steps"] = self.steps
        self._meet(held)
        self.run.result["chip_id"] = self.chip_id
        try:
            for planned in plan:
                if planned.key in self.beginning.done:
                    self._note(planned, "DONE-BEFORE", 0.0)
                    continue
                self._refuse_stopped(planned)
                self._with_retries(held, planned)
            self._leave(held)
        except WorkbenchError as error:
            self._refuse_absent(held, error)
            raise
        finally:
            self.run.result["fingerprint"] = self.notebook.facts.get("identity", {}).get("fingerprint")

    # --- the unit itself ---

    def _meet(self, held: Held) -> None:
        """Who is in the slot: anybody at first, and the same unit where an earlier run is gone on with."""
        known = self.resume.chip_id if self.resume is not None else None
        self.chip_id = who.identify(held, self.run.emit)
        if known is not None:
            who.verify_same(self.chip_id, known, f"slot {held.slot.name}", self.serial)
        if self.chip_id is None:
            self._say(f"slot {held.slot.name} has no way to tell one unit from another")

    def _leave(self, held: Held) -> None:
        who.verify_same(
            who.identify(held, self.run.emit), self.chip_id, f"slot {held.slot.name}", self.serial
        )

    def _refuse_absent(self, held: Held, error: WorkbenchError) -> None:
        """A FAIL speaks of this unit only if it is still there.  Raises UnitExchanged, or what says that the
        board is gone.
        """
        if error.blame not in (Blame.UNIT, Blame.TRUST) or isinstance(error, UnitExchanged):
            return
        try:
            self._leave(held)
        except WorkbenchError as found:
            if isinstance(found, UnitExchanged) or who.is_gone(found):
                found.cause = f"{found.cause}; before that: {error.what}"
                raise found from error

    # --- one step ---

    def _refuse_stopped(self, planned: PlannedStep) -> None:
        self.run.check()
        reason = self.answers.stop_asked()
        if reason is not None:
            done = ", ".join(step["step"] for step in self.steps) or "no step"
            raise Stopped(
                f"unit {self.serial}: stopped before step {planned.key}; done: {done}",
                cause=clean_text(reason),
                action="run the unit again: it goes on from there",
            )

    def _with_retries(self, held: Held, planned: PlannedStep) -> None:
        for number in range(planned.retries + 1):
            try:
                self._do(held, planned)
                return
            except WorkbenchError as error:
                if number == planned.retries or not may_retry(planned, error):
                    raise
                left = planned.retries - number
                self._say(
                    f"step {planned.key} is done again ({left} left): {clean_text(error.what)}", warn=True
                )
            self._refuse_stopped(planned)

    def _do(self, held: Held, planned: PlannedStep) -> None:
        """One step, once: said on the disk, done within its limit, noted."""
        self._renew(held)
        ctx = self._context(held, planned)
        ctx.keep()
        began_s = time.monotonic()
        try:
            with self.run.step(planned.key, planned.title), ctx.limit:
                looked = self._looked(ctx, planned)
                found = {} if looked else self._done(ctx, planned)
                facts = plain_facts(planned.key, self.notebook.facts)
        except BaseException as error:
            self._failed(planned, error, time.monotonic() - began_s)
            raise
        self.office.step_finished(self.serial, planned.key, facts)
        self._note(planned, "DONE-BEFORE" if looked else "PASS", time.monotonic() - began_s)
        if found:
            self.run.result["found"][planned.key] = found

    def _done(self, ctx: StepContext, planned: PlannedStep) -> dict[str, Any]:
        """The step's own work, and what it gave back.  What an engineer's step raises by mistake names it."""
        try:
            return plain_result(planned.key, planned.step.run(ctx, planned.options))
        except WorkbenchError:
            raise
        except (Exception, SystemExit) as error:
            if planned.step.name in BUILT_IN:
                raise
            self.run.keep_traceback(error)
            where, words = type(planned.step).__module__, f"{type(error).__name__}: {error}"
            raise StepCrashed(
                f"step {planned.key} of {clean_text(where)}: {clean_text(words)}; {ctx.state}",
                action=f"{StepCrashed.default_action} ({self.run.journal_path.name})",
            ) from error

    def _renew(self, held: Held) -> None:
        """The slot stays this run's for another lease's time; not at every step, for that is a file."""
        now_s = time.monotonic()
        if now_s - self.renewed_s > RENEW_S:
            held.lease.renew()
            self.renewed_s = now_s

    def _context(self, held: Held, planned: PlannedStep) -> StepContext:
        def keep() -> None:
            self.office.step_began(
                self.serial,
                planned.key,
                irreversible=planned.irreversible,
                facts=plain_facts(planned.key, self.notebook.facts),
                chip_id=self.chip_id,
            )

        limit_s, of_unit = self._limit(planned)
        ctx: StepContext

        def over() -> WorkbenchError:
            if of_unit:
                longest = f"{self.recipe.limits.unit_s:g} s"
                return UnitTimeOver(
                    f"unit {self.serial} took longer than {longest}, in step {planned.key}; {ctx.state}"
                )
            return StepTimeOver(
                f"slot {held.slot.name}: step {planned.key} took longer than {limit_s:g} s; {ctx.state}"
            )

        ctx = StepContext(
            key=planned.key,
            recipe=self.recipe,
            lot=self.lot,
            serial=self.serial,
            slot=held.slot,
            held=held,
            bench=self.bench,
            run=self.run,
            answers=self.answers,
            notebook=self.notebook,
            limit=Limit(limit_s, over),
            chip_id=self.chip_id,
            operator=self.operator,
            station=self.station,
            label=self.label,
            rma=self.rma,
            resumed=self.beginning.look == planned.key,
            keep=keep,
        )
        return ctx

    def _limit(self, planned: PlannedStep) -> tuple[float, bool]:
        """Seconds for the step, and whether it is the unit's limit that gives them."""
        limits = self.recipe.limits
        spent_s = time.monotonic() - self.begun_s - self.notebook.waited_s
        own_s, unit_s = planned.limit_s or limits.step_s, max(limits.unit_s - spent_s, 0.001)
        return min(own_s, unit_s), unit_s < own_s

    def _looked(self, ctx: StepContext, planned: PlannedStep) -> bool:
        """Whether a look at the unit says that the step happened already."""
        if self.beginning.look != planned.key:
            return False
        sight = planned.step.look(ctx, planned.options)
        ctx.observe("resumed", {"step": planned.key, "sight": sight})
        if sight == "unclear":
            raise UnitUnclear(f"unit {self.serial}: it is not known whether step {planned.key} happened")
        return sight == "done"

    def _failed(self, planned: PlannedStep, error: BaseException, elapsed_s: float) -> None:
        from workbench.station.verdicts import judge

        self._note(planned, judge(error).verdict, elapsed_s)
        with suppress(WorkbenchError):  # what the step ended with counts, and the journal has it
            facts = self.notebook.facts
            self.office.step_failed(self.serial, planned.key, plain_facts(planned.key, facts))

    def _note(self, planned: PlannedStep, outcome: str, elapsed_s: float) -> None:
        self.steps.append({"step": planned.key, "outcome": outcome, "elapsed_s": round(elapsed_s, 6)})

    def _say(self, text: str, *, warn: bool = False) -> None:
        self.run.emit(Notice(level="warning" if warn else "info", text=text))


def may_retry(planned: PlannedStep, error: WorkbenchError) -> bool:
    """Whether a step may be done once more in the same run: nothing of it is irreversible, and the error can
    be a passing one of board or station.
    """
    passing = error.blame in (Blame.UNIT, Blame.STATION)
    return passing and not planned.irreversible and not isinstance(error, (StepTimeOver, UnitTimeOver))
