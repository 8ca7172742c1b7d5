"""Read-back protection: writing the lock word, and the ways in which reading past it is tried.

Locking cannot be undone but by erasing everything, so it needs a permission by name.  What an attempt means
is decided elsewhere: here it is only carried out, and what came back is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from workbench.errors import Blame, InputError, WorkbenchError
from workbench.probes.algorithm import Algorithms
from workbench.probes.chip import LockState
from workbench.probes.limits import Limits, Reporter
from workbench.probes.memory import bytes_of
from workbench.probes.plan import WORD
from workbench.probes.session import STALL_S, TOTAL_S, Debug

LOAD_FROM_R1: Final = bytes.fromhex("0868 00be")
"""Thumb: LDR r0, [r1]; BKPT #0 (Armv6-M Architecture Reference Manual, A6.7)."""
THUMB: Final = 1 << 24
LOW_REGISTERS: Final = tuple(f"r{number}" for number in range(8))
MAX_STEPS: Final = 600
"""How many instructions from the reset vector on are tried as a gadget; the first loads come much earlier."""
RUN_S: Final = 1.0


class LockNotPermitted(InputError):
    """Locking was not permitted."""

    code = "chip-lock-not-permitted"
    default_cause = "a lock cannot be taken back but by erasing the unit, so it must be permitted by name"
    default_action = "run the command again with --permit-lock, or set permit_lock in the recipe"


class LockUnsupported(InputError):
    """The target does not say how a chip of its kind is locked."""

    code = "chip-lock-unsupported"
    default_cause = "its target file has no [lock] section"
    default_action = "add one, see docs/adding-a-board.md, or enrol without locking"


class LockNotHeld(WorkbenchError):
    """The lock word does not read back."""

    code = "chip-lock-not-written"
    blame = Blame.UNIT
    default_cause = "the chip's configuration memory is damaged, or is written already"
    default_action = "take the unit out of the line"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one attempt: the bytes that were had, None where the chip refused, and in words how."""

    data: bytes | None
    words: str


@dataclass(frozen=True, slots=True)
class Gadget:
    """A load instruction in the unit's own flash that copies a word from [source] into `destination`."""

    pc: int
    source: str
    destination: str


def set_lock(debug: Debug, *, permit_lock: bool = False) -> LockState:
    """Writes the target's lock word; it takes hold at the next reset or power cycle.  The core stays halted.

    A chip that is locked already is left as it is.  Raises LockNotPermitted, LockUnsupported, LockNotHeld.
    """
    if not permit_lock:
        raise LockNotPermitted(f"slot {debug.slot.name}: the chip is not locked: that was not permitted")
    lock = debug.target.lock
    if lock is None:
        raise LockUnsupported(f"target {debug.target.name} has no read-back protection that is known")
    state = debug.lock_state()
    if state.is_locked:
        return state
    debug.reset(halt=True)

    def write(soc: Any, reporter: Reporter) -> None:
        reporter.beat()
        algorithms = Algorithms(soc)
        algorithms.at(lock.register_).program_words({lock.register_: lock.locking_word})
        algorithms.finish()

    debug.run("writing the lock word", write, limits=Limits(TOTAL_S, STALL_S))
    state = debug.lock_state()
    if not state.configured:
        raise LockNotHeld(f"slot {debug.slot.name}: the lock word does not read back")
    return state


def read_block(debug: Debug, address: int, size: int) -> Tried:
    """A block, as a debugger dumps memory."""
    return _try(debug, lambda soc: bytes_of(soc.read_memory_block32(address, size // WORD)))


def read_words(debug: Debug, address: int, size: int) -> Tried:
    """The same word by word."""
    return _try(
        debug, lambda soc: bytes_of([int(soc.read32(a)) for a in range(address, address + size, WORD)])
    )


def read_halfwords(debug: Debug, address: int, size: int) -> Tried:
    """The same in 16-bit transfers."""
    return _try(
        debug,
        lambda soc: b"".join(
            int(soc.read16(a)).to_bytes(2, "little") for a in range(address, address + size, 2)
        ),
    )


def read_single_bytes(debug: Debug, address: int, size: int) -> Tried:
    """The same in 8-bit transfers."""
    return _try(debug, lambda soc: bytes(int(soc.read8(a)) for a in range(address, address + size)))


def read_by_ram_code(debug: Debug, address: int, size: int) -> Tried:
    """By a program of our own in RAM."""
    ram = next(m for m in debug.target.memory if m.kind == "ram")

    def work(soc: Any) -> bytes:
        soc.reset_and_halt()
        soc.write_memory_block8(ram.start, list(LOAD_FROM_R1))
        words = []
        for at in range(address, address + size, WORD):
            _set(soc, {"r0": 0, "r1": at, "primask": 1, "xpsr": THUMB, "pc": ram.start})
            soc.step(disable_interrupts=True)
            words.append(int(soc.read_core_register_raw("r0")))
        return bytes_of(words)

    return _try(debug, work)


def find_gadget(debug: Debug, known_at: int, known: int) -> Gadget | None:
    """A load instruction near the reset vector, found blindly: every low register points to `known_at`, where
    the word `known` can be read by anybody, and each instruction is stepped until the word shows up.

    Published for the nRF51 in 2015 (Include Security, "Firmware dumping technique for an ARM Cortex-M0 SoC").
    """

    def work(soc: Any, reporter: Reporter) -> Gadget | None:
        soc.reset_and_halt()
        start = int(soc.read_core_register_raw("pc")) & ~1
        for pc in range(start, start + 2 * MAX_STEPS, 2):
            reporter.beat()
            destination = _shows(soc, pc, dict.fromkeys(LOW_REGISTERS, known_at), known)
            for source in LOW_REGISTERS if destination else ():
                alone = dict.fromkeys(LOW_REGISTERS, 0x2000_0000) | {source: known_at}
                if _shows(soc, pc, alone, known) == destination:
                    return Gadget(pc, source, str(destination))
        return None

    return debug.run("looking for a load instruction", work, limits=Limits(TOTAL_S, STALL_S))


def read_by_gadget(debug: Debug, gadget: Gadget, address: int, size: int) -> Tried:
    """By a load instruction of the unit's own flash, stepped with registers that the debugger sets."""

    def work(soc: Any) -> bytes:
        words = []
        for at in range(address, address + size, WORD):
            _set(soc, dict.fromkeys(LOW_REGISTERS, 0x2000_0000) | {gadget.source: at})
            _set(soc, {"primask": 1, "xpsr": THUMB, "pc": gadget.pc})
            soc.step(disable_interrupts=True)
            words.append(int(soc.read_core_register_raw(gadget.destination)))
        return bytes_of(words)

    return _try(debug, work)


def read_ram(debug: Debug) -> Tried:
    """All RAM, which this kind of protection leaves open."""
    ram = next(m for m in debug.target.memory if m.kind == "ram")
    return _try(debug, lambda soc: bytes_of(soc.read_memory_block32(ram.start, ram.size // WORD)))


def _shows(soc: Any, pc: int, registers: dict[str, int], known: int) -> str | None:
    """The register in which `known` shows up after one instruction."""
    _set(soc, registers)
    _set(soc, {"primask": 1, "xpsr": THUMB, "pc": pc})
    soc.step(disable_interrupts=True)
    return next((n for n in LOW_REGISTERS if int(soc.read_core_register_raw(n)) == known), None)


def _set(soc: Any, registers: dict[str, int]) -> None:
    for name, value in registers.items():
        soc.write_core_register_raw(name, value)


def _try(debug: Debug, work: Any) -> Tried:
    from pyocd.core import exceptions

    def attempt(soc: Any, reporter: Reporter) -> Tried:
        reporter.beat()
        try:
            return Tried(work(soc), "the chip answered")
        except exceptions.TransferFaultError as fault:
            return Tried(None, f"the chip refused: {fault}"[:100])

    return debug.run("trying to read past the lock", attempt, limits=Limits(TOTAL_S, STALL_S))


@contextmanager
def left_running(debug: Debug) -> Iterator[None]:
    """Whatever was tried in the body, the unit starts anew from its reset vector afterwards."""
    try:
        yield
    finally:
        debug.reset()
