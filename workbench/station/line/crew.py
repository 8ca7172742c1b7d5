"""The thread that looks after the slots' processes: starts them, hears them, ends them, starts them anew.

Processes start one after the other, each when the one before has loaded everything, so that a face stays
quick; one that is needed sooner starts at once.  What a process tells goes into the display; whatever
happens to one, the others go on.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from workbench.errors import WorkbenchError
from workbench.languages import N_, _
from workbench.station.line import moves
from workbench.station.line.deadlines import Deadlines
from workbench.station.line.desk import MAX_DEATHS, START_S, Desk, Unit
from workbench.station.line.display import Display
from workbench.station.line.endings import (
    Ending,
    after_death,
    after_run,
    death_of,
    last_words,
    not_closed,
    too_slow,
)
from workbench.station.line.errors import SlotCannotStart
from workbench.station.line.latch import latch
from workbench.station.line.process import SlotProcess
from workbench.station.line.protocol import Answer, Cancel, Report, UnitOrder
from workbench.station.line.reduce import error_view, reduce_slot
from workbench.station.line.state import SlotView, StepView

Data = dict[str, Any]
Heard = Callable[[str, Data], None]
Ended = Callable[[Ending], None]
_DEFECT_PAUSE_S: Final = 1.0


class Crew:
    """The slots' processes.  Methods are safe for threads and do not wait for what a process does."""

    def __init__(
        self,
        desks: Iterable[Desk],
        display: Display,
        *,
        unit_s: float | None,
        grace_s: float,
        log: Path,
        heard: Heard,
        ended: Ended,
    ) -> None:
        """`heard` and `ended` are called in the crew's thread: every event, and every unit's end."""
        self._desks = {desk.slot.name: desk for desk in desks}
        self._display = display
        self._unit_s = unit_s
        self._grace_s = grace_s
        self._log = log
        self._heard = heard
        self._ended = ended
        self._lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._close_by: float | None = None
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)
        self._thread.start()

    def begin(self, slot: str, order: UnitOrder, steps: tuple[StepView, ...]) -> bool:
        """A unit for the slot's process; False where it cannot take one now."""
        with self._lock:
            desk = self._desks[slot]
            if self._close_by is not None or desk.unit is not None:
                return False
            if self._display.slot(slot).phase not in ("starting", *moves.FREE):
                return False
            now = time.monotonic()
            desk.unit = Unit(order.serial, order.operator, self._deadlines(desk, now))
            self._display.change_slot(slot, lambda v: moves.begun(v, order.serial, steps, self._unit_s, now))
            if desk.process is None:
                self._start(desk)
            if desk.process is not None:
                desk.process.send(order)
        self._wake()
        return True

    def cancel(self, slot: str, reason: str) -> bool:
        """The run ends after its current step; False where none is going on."""
        with self._lock:
            desk = self._desks[slot]
            if desk.unit is None or desk.process is None:
                return False
            desk.process.send(Cancel(reason=reason))
            self._display.change_slot(slot, moves.stopping)
            return True

    def answer(self, slot: str, answer: Answer) -> bool:
        """The answer to an open question; False where it is not open (any more)."""
        with self._lock:
            desk, question = self._desks[slot], self._display.slot(slot).question
            if desk.process is None or question is None or question.prompt != answer.prompt:
                return False
            self._display.change_slot(slot, moves.answered)
            desk.process.send(answer)
            return True

    def take_out(self, slot: str) -> bool:
        """The finished unit is out; False where there is none."""
        with self._lock:
            if self._display.slot(slot).phase != "done":
                return False
            warm = self._desks[slot].process is not None and self._desks[slot].ready_by is None
            self._display.change_slot(slot, lambda view: moves.cleared(view, ready=warm))
            return True

    def mend(self, slot: str) -> None:
        """A person has looked at the broken slot: it starts anew."""
        with self._lock:
            desk = self._desks[slot]
            desk.deaths, desk.failure = 0, None
            self._display.change_slot(slot, lambda view: moves.mended(view, alive=desk.process is not None))
            if desk.process is None:
                self._start(desk)
        self._wake()

    def close(self, timeout_s: float) -> None:
        """Asks all to end after their step; kills what has not ended after `timeout_s`.  Waits for all."""
        with self._lock:
            first = self._close_by is None
            self._close_by = time.monotonic() + timeout_s
            for desk in self._desks.values() if first else ():
                if desk.process is not None:
                    desk.process.send(Cancel(reason=N_("the line was closed")))
                    desk.process.let_end()
                if desk.unit is not None:
                    self._display.change_slot(desk.slot.name, moves.stopping)
        if self._thread.is_alive():  # after it, the pipe is closed
            self._wake()
        self._thread.join()

    def _deadlines(self, desk: Desk, now: float) -> Deadlines:
        return Deadlines(desk.slot.name, self._unit_s, self._grace_s, now)

    def _wake(self) -> None:
        """Has the crew's thread look around; after its end there is nobody to wake."""
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._wake_write >= 0:
                os.write(self._wake_write, b".")

    def _run(self) -> None:
        while not self._is_over():
            try:
                self._turn()
            except Exception:
                self._defect(traceback.format_exc())
        with self._lock:
            self._selector.close()
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._wake_write = -1

    def _is_over(self) -> bool:
        with self._lock:
            return self._close_by is not None and all(d.process is None for d in self._desks.values())

    def _turn(self) -> None:
        """Waits until something happens or is due, and sees to it."""
        with self._lock:
            self._start_next()
            patience_s = self._patience_s()
        ready = self._selector.select(patience_s)
        with self._lock:
            for key, _events in ready:
                if key.data is None:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wake_read, 4096)
                else:
                    self._hear(key.data)
            now = time.monotonic()
            for desk in self._desks.values():
                self._enforce(desk, now)

    def _patience_s(self) -> float | None:
        due = [when for desk in self._desks.values() if (when := desk.due()) is not None]
        due += [self._close_by] if self._close_by is not None else []
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _defect(self, text: str) -> None:
        """A defect of the line costs a remark, not the line."""
        with contextlib.suppress(OSError), self._log.open("a", encoding="utf-8") as file:
            file.write(text)
        self._display.note(_("the line had a defect, see {path}").format(path=self._log))
        threading.Event().wait(_DEFECT_PAUSE_S)

    def _start_next(self) -> None:
        """One process at a time."""
        desks = self._desks.values()
        if self._close_by is None and not any(d.process is not None and not d.warm for d in desks):
            for desk in desks:
                if desk.process is None and self._display.slot(desk.slot.name).phase != "broken":
                    self._start(desk)
                    return

    def _start(self, desk: Desk) -> None:
        """A process for the slot; its slot is broken where there is none to be had."""
        try:
            desk.process = SlotProcess(desk.place)
        except OSError as exc:
            desk.failure = None
            self._dead(desk, what=str(exc.strerror or exc))
            return
        desk.starts += 1
        desk.warm, desk.killed, desk.failure = False, None, None
        desk.ready_by = time.monotonic() + START_S
        for fd in desk.process.filenos():
            self._selector.register(fd, selectors.EVENT_READ, desk)
        if desk.starts > 1:
            self._display.change_slot(desk.slot.name, moves.restarted)

    def _hear(self, desk: Desk) -> None:
        if desk.process is None:
            return
        reports = desk.process.read()
        if reports is None:
            for fd in desk.process.filenos():
                self._selector.unregister(fd)
            process, desk.process = desk.process, None
            self._dead(desk, process.reap())
            return
        for report in reports:
            self._take(desk, report)

    def _take(self, desk: Desk, report: Report) -> None:
        name = desk.slot.name
        match report:
            case Report(kind="ready"):
                desk.ready_by = None
                if desk.unit is not None:
                    desk.unit.deadlines = self._deadlines(desk, time.monotonic())
                self._display.change_slot(name, moves.ready)
            case Report(kind="waiting"):
                desk.ready_by, desk.warm = None, True
                self._display.note(_("slot {slot}: an earlier run is still ending").format(slot=name))
            case Report(kind="idle"):
                desk.warm = True
            case Report(kind="broken", error=dict() as error):
                desk.failure = error
            case Report(kind="refused", error=dict() as error) if desk.unit is None:
                self._display.note(f"{name}: {error.get('code')}: {error.get('what')}")
            case Report(kind="refused", error=dict() as error):
                self._unit_ended(desk, None, error)
            case Report(kind="event", event=dict() as event):
                self._event(desk, event)

    def _event(self, desk: Desk, event: Data) -> None:
        now, unit = time.monotonic(), desk.unit
        if unit is None:
            return
        unit.deadlines.hear(event, now)
        unit.seq = int(event.get("seq", unit.seq))
        if event.get("event") == "run-started":
            unit.run_id = str(event.get("run_id"))
        self._heard(desk.slot.name, event)
        if event.get("event") == "run-finished":
            desk.deaths = 0
            self._unit_ended(desk, event, None)
        else:
            self._display.change_slot(desk.slot.name, lambda view: reduce_slot(view, event, now))

    def _unit_ended(self, desk: Desk, event: Data | None, error: Data | None) -> None:
        """By its run's last event, or by an `error` of a run that did not begin or did not end."""
        now, unit, name = time.monotonic(), desk.unit, desk.slot.name
        if unit is None:
            return
        desk.unit = None

        def end(view: SlotView) -> SlotView:
            told = error_view(error)
            if event is not None or told is None:
                return reduce_slot(view, event or {}, now)
            return moves.ended(view, told, now)

        last = end(self._display.slot(name))
        broken = after_death(last, desk) if event is None and desk.process is None else after_run(last)
        self._end(desk, end, broken)
        view = self._display.slot(name)
        for word in last_words(view, unit) if event is None else ():
            self._heard(name, word)
        self._ended(Ending(view, unit, died=event is None))

    def _end(self, desk: Desk, end: Callable[[SlotView], SlotView], broken: WorkbenchError | None) -> None:
        """Shows the end; that the slot is broken is on the disk before anybody sees it."""
        name = desk.slot.name
        if broken is None:
            self._display.change_slot(name, end)
            return
        told = moves.view_of(broken)
        kept = isinstance(broken, SlotCannotStart)  # the next start finds out by itself
        kept = kept or latch(desk.slot.state_dir, told, self._display.slot(name).serial)
        self._display.change_slot(name, lambda view: moves.broken(end(view), told))
        if not kept:
            text = _("slot {slot} is broken, and the disk does not keep that")
            self._display.note(text.format(slot=name))

    def _dead(self, desk: Desk, status: int | None = None, what: str | None = None) -> None:
        """The slot's process is gone; says so, ends its unit, and lets another one start where that is
        right.
        """
        name, closing = desk.slot.name, self._close_by is not None
        desk.ready_by, desk.warm = None, False
        if closing and desk.unit is None:
            self._display.change_slot(name, lambda view: replace(view, phase="off"))
            return
        desk.deaths += 1
        error = death_of(desk, status, what)
        if desk.unit is not None:
            self._unit_ended(desk, None, error.as_dict())
        elif (desk.failure is not None or what is not None or desk.deaths >= MAX_DEATHS) and not closing:
            self._end(desk, lambda view: view, after_death(self._display.slot(name), desk) or error)
        if not closing:
            self._display.note(error.what)

    def _enforce(self, desk: Desk, now: float) -> None:
        """Kills a process that takes too long."""
        if desk.process is None or desk.killed is not None:
            return
        over = desk.unit.deadlines.over(now) if desk.unit is not None and desk.ready_by is None else None
        if over is None and desk.ready_by is not None and now >= desk.ready_by:
            over = too_slow(desk, N_("it was not ready {limit:g} s after its start").format(limit=START_S))
        if over is None and self._close_by is not None and now >= self._close_by:
            over = not_closed(desk)
        if over is not None:
            desk.killed = over
            desk.process.kill()
