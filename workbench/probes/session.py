"""Debug sessions: `open_debug` connects to the chip in a slot, `Debug` is what can be done with it.

pyOCD runs in the session's own thread, see `limits`; every call here waits for it with a time limit.  A
session that hung is broken: its calls raise DebugTimeout at once, and the probe is free again when the
process ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from workbench.boards.bench import Slot
from workbench.boards.target import Target
from workbench.errors import WorkbenchError
from workbench.events import Emit, Notice, ignore
from workbench.probes import chip, faults, memory
from workbench.probes.chip import LockState
from workbench.probes.connect import Connect, close_session, open_session
from workbench.probes.errors import DebugTimeout, ProbeLost
from workbench.probes.ledger import Ledger
from workbench.probes.limits import Limits, Reporter, Worker
from workbench.probes.plan import blocks
from workbench.probes.quiet import keep_quiet

T = TypeVar("T")

CONNECT_TIMEOUT_S: Final = 15.0
CALL_TIMEOUT_S: Final = 10.0
STALL_S: Final = 20.0
"""Longest time without a sign of life while memory is moved; pyOCD itself gives one page or sector 10 s."""
TOTAL_S: Final = 1800.0
"""Longest time for moving memory as a whole."""


class Debug:
    """An open session with one chip.  One caller at a time."""

    def __init__(self, slot: Slot, worker: Worker, session: Any, emit: Emit) -> None:
        """Made by `open_debug`."""
        self.slot = slot
        self.emit = emit
        self._worker = worker
        self._session = session
        self._leave_halted = False
        self._is_lost = False

    @property
    def target(self) -> Target:
        """The kind of board, as its target file describes it."""
        return self.slot.target

    def run(
        self,
        doing: str,
        task: Callable[[Any, Reporter], T],
        *,
        limits: Limits | None = None,
        ledger: Ledger | None = None,
        emit: Emit | None = None,
        check: Callable[[], object] | None = None,
    ) -> T:
        """Run `task` with pyOCD's target in the session's thread; for modules of this room.

        `doing` is said in errors.  Raises this room's errors, and what `check` and `emit` raise.
        """
        where = f"slot {self.slot.name}: {doing}"

        def translated(reporter: Reporter) -> T:
            with faults.translated(where, ledger):
                return task(self._session.target, reporter)

        try:
            with faults.time_told(where, ledger):
                return self._worker.run(
                    translated, limits or Limits(CALL_TIMEOUT_S), emit=emit or self.emit, check=check
                )
        except (ProbeLost, DebugTimeout):
            self._is_lost = True
            raise

    def probe_name(self) -> str:
        """What the probe says that it is: its vendor and product."""
        found = self.run(
            "asking the probe what it is",
            lambda _soc, _: f"{self._session.probe.vendor_name} {self._session.probe.product_name}",
        )
        return found.strip()[:100]

    def chip_id(self) -> str | None:
        """The chip's own ID in lower-case hexadecimal; None where the target file names no words for it."""
        return self.run("reading the chip's ID", lambda soc, _: chip.chip_id(soc, self.target))

    def lock_state(self) -> LockState:
        """Read-back protection as configured and as observed."""
        return self.run("looking for read-back protection", lambda soc, _: chip.lock_state(soc, self.target))

    def is_locked(self) -> bool:
        """Whether the chip is protected against reading, or will be after its next reset."""
        return self.lock_state().is_locked

    def read_memory(
        self, address: int, size: int, *, step: str = "read", check: Callable[[], object] | None = None
    ) -> bytes:
        """`size` bytes from `address`, in blocks, with Progress events named `step`.

        Raises ProbeLost, DebugFault (nothing there, or protected), DebugTimeout.
        """

        def read(soc: Any, reporter: Reporter) -> bytes:
            held = bytearray()
            for start, length in blocks([(address, size)], memory.BLOCK):
                reporter.beat()
                held += memory.read_bytes(soc, start, length)
                reporter.progress(step, len(held), size)
            return bytes(held)

        doing = f"reading {size} bytes from {address:#010x}"
        return self.run(doing, read, limits=Limits(TOTAL_S, STALL_S), check=check)

    def write_memory(self, address: int, data: bytes) -> None:
        """Write to RAM or registers; flash ignores it.  Raises as `read_memory` does."""

        def write(soc: Any, reporter: Reporter) -> None:
            for start, length in blocks([(address, len(data))], memory.BLOCK):
                reporter.beat()
                memory.write_bytes(soc, start, data[start - address : start - address + length])

        self.run(f"writing {len(data)} bytes to {address:#010x}", write, limits=Limits(TOTAL_S, STALL_S))

    def read_word(self, address: int) -> int:
        """The 32-bit word at `address`, a multiple of 4."""
        return self.run(f"reading the word at {address:#010x}", lambda soc, _: int(soc.read32(address)))

    def write_word(self, address: int, value: int) -> None:
        """Write the 32-bit word at `address`, a multiple of 4."""
        self.run(f"writing the word at {address:#010x}", lambda soc, _: soc.write32(address, value))

    def read_register(self, name: str) -> int:
        """A core register such as "pc", "sp" or "r0"; the core must be halted."""
        return self.run(f"reading register {name}", lambda soc, _: int(soc.read_core_register_raw(name)))

    def write_register(self, name: str, value: int) -> None:
        """Write a core register; the core must be halted."""
        self.run(f"writing register {name}", lambda soc, _: soc.write_core_register_raw(name, value))

    def is_halted(self) -> bool:
        """Whether the core is stopped by the debugger."""
        return self.run("reading the core's state", lambda soc, _: chip.is_halted(soc))

    def halt(self) -> None:
        """Stop the core; it stays stopped after the session."""
        self.run("halting the core", lambda soc, _: soc.halt())
        self._leave_halted = True

    def resume(self) -> None:
        """Let the core go on."""
        self.run("resuming the core", lambda soc, _: soc.resume())
        self._leave_halted = False

    def reset(self, halt: bool = False) -> None:
        """Reset the chip and let it run; with `halt` it stops before its first instruction, also after the
        session.
        """
        self.run("resetting the chip", lambda soc, _: soc.reset_and_halt() if halt else soc.reset())
        self._leave_halted = halt

    def leave_halted(self, yes: bool) -> None:
        """Whether the core stays stopped after the session, as it must where its flash is half written."""
        self._leave_halted = yes

    def close(self) -> None:
        """End the session; problems with that are told as a Notice, for the work is done."""
        was_lost = self._is_lost
        if not self._worker.is_broken:
            try:
                self.run("ending the session", self._end)
            except WorkbenchError as error:
                if not was_lost:
                    self.emit(Notice(level="warning", text=error.what))
        self._worker.close()

    def _end(self, _soc: Any, _reporter: Reporter) -> None:
        self._session.options["resume_on_disconnect"] = not self._leave_halted
        close_session(self._session)


@contextmanager
def open_debug(
    slot: Slot,
    *,
    emit: Emit = ignore,
    timeout_s: float = CONNECT_TIMEOUT_S,
    connect: Connect = "halt",
) -> Iterator[Debug]:
    """Connect to the chip in `slot` and check that its core is the one that the target file names.

    A core that was stopped before stays so after the session, one that ran goes on, unless told otherwise.
    Opens the slot's probe and no other.  Raises SlotLacks, ProbeMissing, ProbeBusy, ProbeLost, ChipSilent,
    ChipWrong, TargetUnsupported, DebugTimeout; all of them within `timeout_s` and a grace period.
    """
    keep_quiet()
    wanted, target = slot.need_probe(), slot.target
    worker = Worker(f"debug {slot.name}")

    where = f"slot {slot.name}: connecting to probe {wanted.unique_id}"

    def connect_to(reporter: Reporter) -> tuple[Any, bool]:
        with faults.translated(where):
            session = open_session(wanted, target, connect)
            try:
                chip.verify_core(session.target, target)
                was_halted = connect != "under-reset" and chip.is_halted(session.target)
                if connect == "halt" and not was_halted:
                    session.target.halt()
                reporter.beat()
            except BaseException:
                close_session(session)
                raise
            return session, was_halted

    try:
        with faults.time_told(where):
            session, was_halted = worker.run(connect_to, Limits(timeout_s), emit=emit)
    except WorkbenchError as error:
        worker.close()
        raise faults.connecting(error) from error.__cause__
    except BaseException:
        worker.close()
        raise
    debug = Debug(slot, worker, session, emit)
    debug.leave_halted(was_halted)
    try:
        yield debug
    finally:
        debug.close()
