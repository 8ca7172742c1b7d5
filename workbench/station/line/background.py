"""What the line does beside the slots: the lot's numbers, the shared database, boards put in and taken out.

Everything here may wait for a database or a device, so it has a thread of its own, with an office of its own.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from workbench.errors import WorkbenchError
from workbench.station.line import moves
from workbench.station.line.display import Display
from workbench.station.line.endings import Ending
from workbench.station.line.layout import Layout
from workbench.station.line.pace import Pace
from workbench.station.line.presence import Presence
from workbench.station.line.state import LineState, LotView
from workbench.station.line.unfinished import unfinished_view
from workbench.station.lots.office import Office
from workbench.station.lots.values import Attempt, LotStats, UnfinishedRun
from workbench.station.verdicts import judge

LOOK_EVERY_S: Final = 1.0
"""How often to look whether boards are there."""
GONE_LOOKS: Final = 3
"""A board that restarts is away for a moment, too: it is out when it was not seen so many times in a row."""
SYNC_EVERY_S: Final = 5.0
"""How often to ask the database without a reason of our own: other stations work at the lot, too."""


class Background:
    """The thread.  `take_out(slot)` is called where a finished unit was seen to leave."""

    def __init__(self, layout: Layout, display: Display, take_out: Callable[[str], object]) -> None:
        self._layout = layout
        self._display = display
        self._take_out = take_out
        self._endings: queue.SimpleQueue[Ending | None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._pace = Pace()
        self._presence = Presence(layout.slots)
        self._absent: dict[str, int] = {}
        self._titles = {step.step: step.title for steps in layout.steps.values() for step in steps}
        self._office: Office | None = None
        self._thread = threading.Thread(target=self._run, name="line-background", daemon=True)
        self._thread.start()

    def unit_ended(self, ending: Ending) -> None:
        """A unit's end, to be kept and counted; does not wait."""
        self._endings.put(ending)

    def close(self, timeout_s: float = 10.0) -> None:
        """Keeps what has ended until now, and ends the thread; a hanging database is not waited for
        longer.
        """
        self._ended.set()
        self._endings.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        synced_at = -SYNC_EVERY_S
        waiting: list[Ending] = []
        while True:
            self._look()
            if waiting or time.monotonic() - synced_at >= SYNC_EVERY_S:
                self._sync(waiting)
                waiting, synced_at = [], time.monotonic()
            if self._ended.is_set() and self._endings.empty():
                break
            waiting += self._wait()
        if self._office is not None:
            self._office.close()

    def _wait(self) -> list[Ending]:
        """Until a unit has ended, or it is time to look again."""
        try:
            first = self._endings.get(timeout=LOOK_EVERY_S)
        except queue.Empty:
            return []
        return [] if first is None else [first]

    def _look(self) -> None:
        for name, present in self._presence.look().items():
            before = self._display.slot(name)
            if present:
                self._absent[name] = 0
            elif present is False and name in self._absent:  # it was there before
                self._absent[name] += 1
                if self._absent[name] == GONE_LOOKS and before.phase == "done":
                    self._take_out(name)
            if before.present == present:
                continue
            self._display.change_slot(name, lambda view, now=present: replace(view, present=now))  # type: ignore[misc]

    def _sync(self, endings: list[Ending]) -> None:
        """Tells what ended without a word, then asks for the numbers."""
        try:
            office = self._open()
            for ending in endings:
                self._count(ending)
                if ending.died and ending.unit.run_id is not None:
                    office.finish(_attempt(self._layout, ending))
            report = office.sync()
            stats = office.stats()
            left = office.unfinished(living=True)
        except Exception as exc:
            error = judge(exc).error
            self._display.change(lambda state: replace(state, database="lost"))
            self._note_once(error)
            return
        pace = self._pace.per_hour(time.monotonic())

        def change(state: LineState) -> LineState:
            lot = _lot_view(state.lot, stats, pace)
            at_work = {s.serial for s in state.slots if s.phase in moves.BUSY}
            shown = tuple(unfinished_view(run, self._titles) for run in left if _is_left(run, state, at_work))
            return replace(
                state, lot=lot, unfinished=shown, database=office.database, reserved=office.reserved
            )

        self._display.change(change)
        for conflict in report.conflicts:
            self._display.note(conflict)

    def _count(self, ending: Ending) -> None:
        """Only a verdict on the unit finishes it: one that the station failed comes again."""
        if ending.view.verdict in ("PASS", "FAIL"):
            now = time.monotonic()
            self._pace.add(now - (ending.view.elapsed_s or 0.0), now)

    def _open(self) -> Office:
        if self._office is None:
            layout = self._layout
            self._office = Office.open(layout.bench.folder, layout.recipe, layout.lot, station=layout.station)
        return self._office

    def _note_once(self, error: WorkbenchError) -> None:
        text = f"{error.code}: {error.what}"
        if text not in self._display.state().notices:
            self._display.note(text)


def _lot_view(old: LotView | None, stats: LotStats | None, pace: float | None) -> LotView | None:
    if old is None or stats is None:
        return old if old is None else replace(old, units_per_hour=_rounded(pace))
    return replace(
        old,
        quantity=stats.quantity,
        passed=stats.passed,
        failed=stats.failed,
        in_work=stats.in_work,
        remaining=stats.remaining,
        first_pass=stats.first_pass,
        attempted=stats.attempted,
        units_per_hour=_rounded(pace),
    )


def _is_left(run: UnfinishedRun, state: LineState, at_work: set[str | None]) -> bool:
    """Whether the unit is an earlier line's: one of a living process is where its slot waits for that."""
    if run.serial in at_work:
        return False
    return not run.ending or any(s.name == run.slot and s.phase == "starting" for s in state.slots)


def _rounded(pace: float | None) -> float | None:
    return None if pace is None else round(pace, 1)


def _attempt(layout: Layout, ending: Ending) -> Attempt:
    """The attempt of a run that could not tell its own end."""
    view, unit, now = ending.view, ending.unit, datetime.now(UTC)
    steps = [
        {"step": s.step, "outcome": s.state, "elapsed_s": s.elapsed_s}
        for s in view.steps
        if s.state not in ("waiting", "done-before")
    ]
    assert unit.run_id is not None
    return Attempt(
        run_id=unit.run_id,
        serial=unit.serial,
        lot=layout.lot.id,
        verdict="ERROR",
        started_at=unit.began_at,
        finished_at=max(now, unit.began_at),
        elapsed_s=view.elapsed_s or 0.0,
        slot=view.name,
        operator=unit.operator,
        recipe=layout.recipe.name,
        recipe_sha256=layout.recipe.sha256,
        error_code=view.error.code if view.error is not None else None,
        steps=tuple(steps),
    )
