"""One test's use of a board: hold a free slot, power, console, image, reset; and the run that records it.

Whatever ends the test, pytest's own way, Ctrl-C or a lost lease, `close` takes the wires off the board, and
`finish` ends the run and then gives the slot back; a process that is killed leaves that to the kernel and to
the next run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench.boards import lease_interrupt
from workbench.boards.bench import Bench, Slot
from workbench.boards.leases import Lease, LeaseLost, default_owner, lease_any, lease_status
from workbench.boards.power import PowerByHand
from workbench.boards.usb import check_place
from workbench.errors import WorkbenchError
from workbench.events import Notice, Observed
from workbench.pytest_plugin import outcome
from workbench.pytest_plugin.board import Board
from workbench.pytest_plugin.outcome import PhaseReport
from workbench.pytest_plugin.selection import Wanted
from workbench.pytest_plugin.trace import Trace, console_text
from workbench.station.places import database_url, journal_dir
from workbench.station.run import Run
from workbench.station.slots import Held
from workbench.wires.console import Console

PREFIX: Final = "workbench."
"""Begins the names of all properties that go into JUnit XML."""
GIVE_WAY_S: Final = 2.0
"""How long somebody who took the slot has for it before the next test may take it back."""
_POLL_S: Final = 0.02
OFF_S: Final = 0.5
"""Power is off for so long where a board without a probe gets its fresh start from a power cycle."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the command line and pytest say for all tests of this process."""

    bench: Bench
    root: Path
    wait_s: float
    console_lines: int
    switched_on: Callable[[Path, str], None]
    """Told the bench file and the slot before a slot is switched on."""


class BoardUse:
    """From `open` to `finish`; the pytest hooks tell it how the test goes."""

    def __init__(self, test: str, setting: Setting, wanted: Wanted) -> None:
        self.test = test
        self._setting = setting
        self._wanted = wanted
        self._slot_held = ExitStack()
        self._wires = ExitStack()
        self._trace = Trace()
        self._slot: Slot | None = None
        self._lease: Lease | None = None
        self._run: Run | None = None
        self._console: Console | None = None
        self._board: Board | None = None
        self._reports: list[PhaseReport] = []
        self._lost_told = False

    # --- the board ---

    def open(self, slots: Sequence[Slot]) -> Board:
        """Waits for a free slot and makes its board ready.  Raises SlotLeased, and what is wrong with the
        board.
        """
        try:
            slot, lease = self._slot_held.enter_context(
                lease_any(slots, default_owner(), f"pytest {self.test}", wait_s=self._setting.wait_s)
            )
            self._slot, self._lease = slot, lease
            self._run = self._begin(slot)
            self._board = self._ready(slot, lease, self._run)
        except BaseException:
            self.close()
            raise
        return self._board

    def _begin(self, slot: Slot) -> Run:
        folder = self._setting.bench.folder
        run = Run.begin(
            "test",
            slot.name,
            slot.target.name,
            journal_dir=journal_dir(folder),
            records=database_url(folder),
            listeners=[self._trace],
        )
        run.emit(Observed(what="test", value=self.test))
        return run

    def _ready(self, slot: Slot, lease: Lease, run: Run) -> Board:
        """Power, then the console, then the image, then the reset: so the console sees the first word."""
        with run.step("power", f"Seeing that slot {slot.name} has power"):
            held = Held(slot, lease, self._switch_on(slot, run))
            check_place(slot)
        if slot.serial is not None:
            with run.step("console", "Attaching the console"):
                self._console = self._wires.enter_context(self._new_console(slot, run))
        board = Board(held, run, self._setting.root, self._console)
        if self._wanted.images:
            board.flash(*self._wanted.images, erase=self._wanted.erase)
        elif slot.probe is not None:
            board.reset()
        else:
            self._power_cycle(slot, run)
        return board

    def _switch_on(self, slot: Slot, run: Run) -> bool:
        """Whether the slot was off, and was switched on."""
        if slot.power is None or slot.power.state() != "off":
            return False
        self._setting.switched_on(self._setting.bench.path, slot.name)
        remark = slot.power.on()
        run.emit(Observed(what="power", value=slot.power.state()))
        if remark:
            run.emit(Notice(level="warning", text=f"slot {slot.name}: {remark}"))
        return True

    def _new_console(self, slot: Slot, run: Run) -> Console:
        log = self._setting.bench.state_dir / "consoles" / f"{run.journal_path.stem}.log"
        return Console(slot.need_serial(), slot.target.console.baud, log_path=log, emit=run.emit)

    def _power_cycle(self, slot: Slot, run: Run) -> None:
        """The fresh start of a board that no probe can reset."""
        if slot.power is None:
            run.emit(Notice(level="warning", text=f"slot {slot.name}: nothing here can reset the board"))
            return
        with suppress(PowerByHand):
            slot.power.cycle(OFF_S)

    def close(self) -> None:
        """Closes the console; more than once does no harm.

        Raises what the test was not told yet: LeaseLost, JournalUnwritable.
        """
        lost = self._lease.lost if self._lease is not None else None
        self._wires.close()
        if lost is not None and not self._lost_told:
            self._lost_told = True
            raise lost
        if self._run is not None:
            self._run.check()

    # --- while the test's body runs ---

    def arm(self) -> None:
        """From now on a lost lease interrupts the body as Ctrl-C would.  Only in the main thread."""
        lease_interrupt.arm(self._is_lost)
        if self._is_lost():
            raise KeyboardInterrupt

    def disarm(self) -> None:
        """No interrupt after this."""
        lease_interrupt.disarm(self._is_lost)

    def tell_lost(self) -> LeaseLost | None:
        """Why the body was interrupted, None where it was Ctrl-C."""
        lost = self._lease.lost if self._lease is not None else None
        self._lost_told = lost is not None
        return lost

    def _is_lost(self) -> bool:
        return self._lease is not None and self._lease.lost is not None

    # --- what is reported ---

    def note(self, report: PhaseReport) -> None:
        """One of pytest's reports on the test."""
        self._reports.append(report)
        if isinstance(report.error, LeaseLost):
            self._lost_told = True

    def shown(self) -> dict[str, str]:
        """What the report of a failure shows, by title: the console's last lines, the trace of events."""
        if self._slot is None:
            return {}
        shown = {"events": self._trace.text()}
        if self._console is not None:
            text = console_text(self._console.lines(), self._setting.console_lines)
            shown["console"] = text or "(the board printed nothing)"
        return shown

    def finish(self, *, complete: bool) -> list[tuple[str, str]]:
        """Ends the run, in the records too, and gives the slot back; properties of the test for JUnit XML."""
        slot, run = self._slot, self._run
        lost = self._is_lost()
        try:
            with self._slot_held:
                return self._end(slot, run, complete) if slot is not None and run is not None else []
        finally:
            if slot is not None and lost:
                _give_way(slot)

    def _end(self, slot: Slot, run: Run, complete: bool) -> list[tuple[str, str]]:
        error = outcome.error_of(self._reports, complete=complete)
        run.result |= {"test": self.test, "outcome": outcome.outcome_word(self._reports)}
        with suppress(WorkbenchError), run:  # where the journal is lost, the verdict says so
            if error is not None:
                run.fail(error)
        return self._properties(slot, run)

    def _properties(self, slot: Slot, run: Run) -> list[tuple[str, str]]:
        chip_id = self._board.chip_id if self._board is not None else None
        log = self._console.log_path if self._console is not None else None
        found: dict[str, object] = {
            "slot": slot.name,
            "target": slot.target.name,
            "probe": slot.probe.unique_id if slot.probe is not None else None,
            "chip-id": chip_id,
            "run": run.run_id,
            "verdict": run.verdict,
            "error": run.error.code if run.error is not None else None,
            "journal": run.journal_path,
            "console-log": log,
        }
        if run.verdict in ("FAIL", "ERROR"):
            found |= self.shown()
        return [(PREFIX + key, str(value)) for key, value in found.items() if value is not None]


def _give_way(slot: Slot) -> None:
    """Waits until the slot is somebody else's: the next test here would be faster than who asked for it."""
    deadline_s = time.monotonic() + GIVE_WAY_S
    pause = threading.Event()
    while lease_status(slot.state_dir).state == "free" and time.monotonic() < deadline_s:
        pause.wait(_POLL_S)
