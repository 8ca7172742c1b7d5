"""The line: every slot of a bench at work by one recipe, each in a process of its own.

    with Line.open(bench, recipe, lot) as line:
        line.scan("A1")
        state = line.wait_change(state.revision, timeout_s=0.1)

Faces poll `state()` and call the methods below, from any thread; none of them raises over what a person
typed: refusals come back as a ScanAnswer of kind "refused" with its error.  Prints nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, Self, assert_never

from workbench.boards.bench import Bench
from workbench.errors import WorkbenchError
from workbench.languages import N_, _
from workbench.station.line import errors as err
from workbench.station.line import scanning
from workbench.station.line.background import Background
from workbench.station.line.ca_keeper import CaKeeper
from workbench.station.line.crew import Crew
from workbench.station.line.deadlines import GRACE_S
from workbench.station.line.display import Display
from workbench.station.line.latch import unlatch
from workbench.station.line.layout import Heard, Layout, lay_out, take_line
from workbench.station.line.moves import view_of
from workbench.station.line.protocol import Answer, UnitOrder
from workbench.station.line.publish import Publisher
from workbench.station.line.state import LineState, ScanAnswer, ScanKind
from workbench.station.lots.lot_file import Lot
from workbench.station.lots.office import Office
from workbench.station.recipes.recipe import Recipe
from workbench.station.verdicts import judge


class Line:
    """One recipe, perhaps one lot, and the slots of a bench.  Made by `open`; `close` ends it."""

    def __init__(
        self,
        layout: Layout,
        office: Office,
        stack: ExitStack,
        *,
        heard: Sequence[Heard] = (),
        grace_s: float = GRACE_S,
    ) -> None:
        """Use `open`."""
        self._layout = layout
        self._office = office
        self._stack = stack
        self._scan_lock = threading.Lock()
        self._close_lock = threading.Lock()
        self._proposed: dict[str, str] = {}
        self._chosen: str | None = None
        self._heard_by = tuple(heard)
        self._display = Display(layout.state())
        self._background = Background(layout, self._display, self.take_out)
        self._publisher = Publisher(layout.bench, self._display)
        self._crew = Crew(
            layout.desks(),
            self._display,
            unit_s=layout.recipe.limits.unit_s,
            grace_s=grace_s,
            log=layout.bench.state_dir / "line.log",
            heard=self._heard,
            ended=self._background.unit_ended,
        )

    @classmethod
    def open(
        cls,
        bench: Bench,
        recipe: Recipe,
        lot: Lot | None = None,
        *,
        slots: Sequence[str] | None = None,
        operator: str | None = None,
        station: str | None = None,
        sign_in: bool | None = None,
        attended: bool = True,
        rma: str | None = None,
        heard: Sequence[Heard] = (),
        grace_s: float = GRACE_S,
    ) -> Self:
        """Takes the bench's line for this process.  `slots`: names, default all that fit the recipe.

        `sign_in`: units begin only when somebody has signed in; this and `station` are by default what the
        bench's station.toml says.  `rma`: see `StepContext`, for a line of one unit.  `heard` are told every
        event of every run with its slot's name, in a thread of the line.  `grace_s`: how long after a limit a
        hanging process is killed.  Raises LineBusy (says who has it), SlotUnknown, RecipeImpossible,
        LabelLayoutInvalid, LeaseFolderUnusable, and what `Office.open`
        raises.  The slots' processes start behind it, one after the other (phase "starting").
        """
        layout = lay_out(
            bench,
            recipe,
            lot,
            slots=slots,
            operator=operator,
            station=station,
            sign_in=sign_in,
            attended=attended,
            rma=rma,
        )
        with ExitStack() as stack:
            take_line(bench, f"recipe {recipe.name}", stack)
            office = Office.open(bench.folder, recipe, layout.lot, station=layout.station)
            stack.callback(office.close)
            stack.callback(office.give_back)
            stack.callback(CaKeeper(recipe).close)
            line = cls(layout, office, stack, heard=heard, grace_s=grace_s)
            line._stack = stack.pop_all()
        return line

    def state(self) -> LineState:
        """The line now.  Cheap and safe for threads; `revision` says whether something changed."""
        return self._display.state()

    def wait_change(self, revision: int, timeout_s: float = 0.1) -> LineState:
        """As `state`, as soon as its revision is another one, at the latest after `timeout_s`."""
        return self._display.wait(revision, timeout_s)

    def scan(self, text: str, slot: str | None = None) -> ScanAnswer:
        """What a scanner typed, without its end of line.  `slot`: the one that the face points at.

        "SLOT:v1" chooses the slot of the next unit, "OP:badge" is answered with kind "operator" (the face
        looks the badge up and calls `sign_in`).  A scan that a run waits for answers it.  Otherwise it is a
        serial number, or a label with one: "started", "resumed", "proposed" (nothing happens before
        `confirm(slot)`), or "refused".  Nothing in it at all is "ignored".  May take as long as the database
        does: call it where that may be waited for.
        """
        if not text.strip():
            return ScanAnswer(kind="ignored", text="")
        with self._scan_lock:
            try:
                cleaned = scanning.clean_scan(text)
            except WorkbenchError as error:
                return _refused(text[: scanning.MAX_SCAN], error)
            return self._decided(cleaned, slot)

    def scans(self, raw: str, slot: str | None = None) -> tuple[ScanAnswer, ...]:
        """What came in one read: any number of scans, each ended by CR, LF or both."""
        return tuple(self.scan(text, slot) for text in scanning.split_scans(raw))

    def confirm(self, slot: str) -> ScanAnswer:
        """Begins what a scan proposed for `slot`: kind started, resumed or refused (also: nothing
        proposed).
        """
        with self._scan_lock:
            serial = self._proposed.pop(slot, None)
            if serial is None:
                what = _("there is nothing to confirm in slot {slot}").format(slot=slot)
                return _refused("", err.NothingProposed(what), slot)
            return self._begin(slot, serial)

    def refuse(self, slot: str) -> None:
        """Forgets what a scan proposed for `slot`."""
        with self._scan_lock:
            serial = self._proposed.pop(slot, None)
            if serial is not None:
                self._put_back(serial)

    def next_unit(self, slot: str | None = None) -> ScanAnswer:
        """As `scan` of the lot's next serial number, for lots that hand them out (range, list)."""
        with self._scan_lock:
            decision = scanning.decide_slot("", self._display.state(), self._situation(slot))
            if isinstance(decision, scanning.ForUnit):
                name = decision.slot
                return self._propose(name, lambda: self._office.next_serial(name), "")
            busy = err.NoSlotFree(_("no slot can take a unit now"))
            return _refused("", decision.error if isinstance(decision, scanning.Refused) else busy, slot)

    def answer(self, slot: str, prompt: str, value: str | bool) -> ScanAnswer:
        """The answer to the question that `slot` asks; refused where it is not asking `prompt` (any more)."""
        text = value if isinstance(value, str) else ""
        try:
            given = scanning.clean_scan(value) if isinstance(value, str) else value
        except WorkbenchError as error:
            return _refused(text[: scanning.MAX_SCAN], error, slot)
        return self._answer(slot, Answer(prompt=prompt, value=given), text)

    def cancel(self, slot: str) -> bool:
        """The run in `slot` ends after its current step, an open question unanswered.  False: none runs."""
        return self._crew.cancel(slot, N_("cancelled at the line"))

    def take_out(self, slot: str) -> bool:
        """The finished unit was taken out: the slot is ready.  False where no finished unit is in it."""
        return self._crew.take_out(slot)

    def retry(self, slot: str) -> ScanAnswer:
        """The finished unit of `slot` again, from its last safe step; refused where it passed or is gone."""
        view = self._display.slot(slot)
        if view.phase != "done" or view.serial is None or view.verdict == "PASS":
            what = _("slot {slot} holds no unit that could be run again").format(slot=slot)
            return _refused(view.serial or "", err.NothingToRetry(what), slot)
        return self.scan(view.serial, slot)

    def acknowledge(self, slot: str) -> bool:
        """A person has looked at the broken slot: its process starts anew.  False where it is not broken, or
        the disk does not take it (a notice says so).
        """
        if self._display.slot(slot).phase != "broken":
            return False
        try:
            unlatch(next(s for s in self._layout.slots if s.name == slot).state_dir)
        except OSError as exc:
            why = exc.strerror or str(exc)
            self._display.note(_("slot {slot} stays broken: {why}").format(slot=slot, why=why))
            return False
        self._crew.mend(slot)
        return True

    def sign_in(self, operator: str | None) -> None:
        """The person whose name goes with the runs from now on; None signs out."""
        self._display.change(lambda state: replace(state, operator=operator))

    def close(self, timeout_s: float = 60.0) -> None:
        """Asks every run to end after its current step, waits for that, and gives the bench's line back.

        Processes that have not ended after `timeout_s` are killed; their units are unfinished then.  A second
        call does nothing.
        """
        with self._close_lock:
            if self._layout.attended:
                with suppress(WorkbenchError):
                    self._office.saw_unseen()
            self._crew.close(timeout_s)
            self._background.close()
            self._publisher.close()
            with self._scan_lock:
                self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _heard(self, slot: str, event: dict[str, Any]) -> None:
        for listener in self._heard_by:
            listener(slot, event)

    def _situation(self, slot: str | None) -> scanning.Situation:
        return scanning.Situation(
            focus=slot, chosen=self._chosen, proposed=dict(self._proposed), sign_in=self._layout.sign_in
        )

    def _decided(self, text: str, slot: str | None) -> ScanAnswer:
        """Does what a cleaned scan is for."""
        decision = scanning.decide_scan(
            text, scanning.serial_in(text), self._display.state(), self._situation(slot)
        )
        match decision:
            case scanning.ForSlot(slot=name):
                self._chosen = name
                return ScanAnswer(kind="slot-chosen", text=text, slot=name)
            case scanning.ForPerson(badge=badge):
                return ScanAnswer(kind="operator", text=badge)
            case scanning.ForQuestion(slot=name, prompt=prompt):
                return self._answer(name, Answer(prompt=prompt, value=text), text)
            case scanning.ForUnit(slot=name, serial=meant):
                return self._propose(name, lambda: self._office.admit(meant), text)
            case scanning.Refused(error=refusal):
                return _refused(text, refusal, slot)
            case _:
                assert_never(decision)

    def _answer(self, slot: str, answer: Answer, text: str) -> ScanAnswer:
        if self._crew.answer(slot, answer):
            return ScanAnswer(kind="answered", text=text, slot=slot, serial=self._display.slot(slot).serial)
        what = _("slot {slot} does not wait for this answer").format(slot=slot)
        return _refused(text, err.NoQuestion(what), slot)

    def _propose(self, slot: str, serial_of: Callable[[], str], text: str) -> ScanAnswer:
        """A unit for `slot`, if the office admits it; begins it, or proposes it where the recipe says so."""
        try:
            serial = serial_of()
        except Exception as exc:
            return _refused(text, judge(exc).error, slot)
        self._chosen = None
        replaced = self._proposed.pop(slot, None)
        if replaced is not None and replaced != serial:
            self._put_back(replaced)
        if not self._layout.proposes:
            return self._begin(slot, serial)
        self._proposed[slot] = serial
        steps = self._layout.steps[slot]
        return ScanAnswer(kind="proposed", text=text or serial, slot=slot, serial=serial, steps=steps)

    def _begin(self, slot: str, serial: str) -> ScanAnswer:
        steps = self._layout.steps[slot]
        try:
            earlier = self._office.progress(serial)
        except Exception as exc:
            return _refused(serial, judge(exc).error, slot)
        order = UnitOrder(
            serial=serial,
            operator=self._display.state().operator,
            attended=self._layout.attended,
            rma=self._layout.rma,
        )
        if not self._crew.begin(slot, order, steps):
            self._put_back(serial)
            refusal = scanning.slot_refusal(self._display.slot(slot))
            return _refused(serial, refusal or err.LineClosed(_("the line is being closed")), slot)
        resumes = earlier is not None and bool(earlier.finished)
        kind: ScanKind = "resumed" if resumes else "started"
        return ScanAnswer(kind=kind, text=serial, slot=slot, serial=serial, steps=steps)

    def _put_back(self, serial: str) -> None:
        """A serial number that was handed out and not begun goes back; scanned ones were not handed out."""
        if self._layout.lot.rule.gives:
            try:
                self._office.put_back(serial)
            except WorkbenchError as error:
                self._display.note(error.what)


def _refused(text: str, error: WorkbenchError, slot: str | None = None) -> ScanAnswer:
    return ScanAnswer(kind="refused", text=text, slot=slot, error=view_of(error))
