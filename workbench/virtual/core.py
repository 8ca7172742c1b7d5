"""Run control of a twin's core: halt, step, resume, reset, and what happens when it stops by itself.

The core stops by itself at the traps it was given.  A trap's handler says whether the core goes on (None) or
stays halted (a DFSR bit).  Everything runs in the supervisor's one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from workbench.virtual import inject, thumb
from workbench.virtual.chips import PPB, ChipModel
from workbench.virtual.debugregs import (
    DFSR_BKPT,
    DFSR_DWTTRAP,
    DFSR_HALTED,
    DFSR_VCATCH,
    VC_CORERESET,
    VC_HARDERR,
    DebugRegisters,
    Trap,
)
from workbench.virtual.gdb import BREAK_HARDWARE, REG_PC, REG_XPSR, MachineGone
from workbench.virtual.process import Wires
from workbench.virtual.thumb import Transfer

Handler = Callable[[Trap, int], int | None]
"""Called with the trap and the program counter, before the instruction ran; must step over it itself."""

ERASED_CODE: Final = 0xFFFF
LOCKUP_PC: Final = 0xFFFFFFFE
HARDFAULT: Final = 3
MAX_VECTOR_HITS: Final = 16
"""How often code that shares its address with the HardFault handler is stopped at before it runs freely."""
SLEEPS: Final = (0xBF30, 0xBF20)
"""Encodings of WFI and WFE."""
VTOR: Final = 0xE000ED08
EXCEPTION: Final = 0x1FF
"""Bits of xPSR with the number of the exception that the core is in."""
SPECIAL: Final = (inject.MSP, inject.PSP, inject.PRIMASK, inject.CONTROL)
SPECIAL_V7: Final = (*SPECIAL, inject.BASEPRI, inject.FAULTMASK)
WATCH_WORDS: Final = {b"watch": 2, b"rwatch": 3, b"awatch": 4}


class Core:
    """The processor of one powered twin."""

    def __init__(self, model: ChipModel, wires: Wires, checkpoint: Callable[[], None]) -> None:
        self.model = model
        self.gdb = wires.gdb
        self.bus = wires.bus
        self._monitor = wires.monitor
        self._checkpoint = checkpoint
        self.debug = DebugRegisters(model)
        self.running = False
        self.lockup = False
        self.held_in_reset = False
        self.extra_traps: Callable[[], dict[Trap, Handler]] = dict
        """Further traps wanted at each resume, with their handlers."""
        self.before_reset: Callable[[], None] = lambda: None
        self.after_reset: Callable[[], None] = lambda: None
        self._handlers: dict[Trap, Handler] = {}
        self._inserted: set[Trap] = set()
        self._special: dict[int, int] = {}
        self._vector_hits = 0
        self._in_known_fault = False
        self._vector: int | None = None
        self.bkpts: set[int] = set()
        """RAM addresses where a debugger wrote a BKPT instruction."""

    def adopt(self, wires: Wires) -> None:
        """Go on with another emulator after the first one gave up; the core is in lockup until a reset."""
        self.gdb, self.bus, self._monitor = wires.gdb, wires.bus, wires.monitor
        self._inserted, self._special = set(), {}
        self.running, self.lockup = False, True

    # -- traps

    def _hardfault_vector(self) -> int:
        """The vector as of the last reset or debugger's resume: firmware that moves it is not followed."""
        if self._vector is None:
            table = 0 if self.model.armv6m else self.bus.read(VTOR)
            self._vector = self.bus.read(table + 4 * HARDFAULT)
        return self._vector

    def _wanted(self) -> set[Trap]:
        self._handlers = dict(self.extra_traps())
        vector = self._hardfault_vector()
        if self._in_known_fault and self.gdb.read_register(REG_XPSR) & EXCEPTION != HARDFAULT:
            self._in_known_fault = False
        if self._vector_hits < MAX_VECTOR_HITS and not self._in_known_fault:
            self._handlers.setdefault((BREAK_HARDWARE, vector & ~1, 2), self._at_hardfault)
            self._handlers.setdefault((BREAK_HARDWARE, LOCKUP_PC, 2), self._at_hardfault)
        user = self.debug.breakpoints() | self.debug.watchpoints()
        if self.debug.debug_enabled:
            user |= {(BREAK_HARDWARE, address, 2) for address in self.bkpts}
        return user | set(self._handlers)

    def _sync_traps(self) -> None:
        wanted = self._wanted()
        for trap in self._inserted - wanted:
            self.gdb.remove(*trap)
        for trap in wanted - self._inserted:
            self.gdb.insert(*trap)
        self._inserted = wanted

    def lift(self, trap: Trap) -> None:
        """Remove a trap until the core resumes."""
        if trap in self._inserted:
            self.gdb.remove(*trap)
            self._inserted.discard(trap)

    def step_over(self, trap: Trap) -> None:
        """Run the one trapped instruction without its trap and without a breakpoint on it."""
        self.lift((BREAK_HARDWARE, self.gdb.read_register(REG_PC), 2))
        self.lift(trap)
        if trap[0] == BREAK_HARDWARE and self._skip_sleep():
            return
        if b"watch" in self.gdb.step():
            # the instruction touches further watched places
            for other in [t for t in self._inserted if t[0] != BREAK_HARDWARE]:
                self.lift(other)
            self.gdb.step()

    def transfers(self, pc: int) -> tuple[Transfer, ...]:
        """What the load or store at `pc`, which has not run yet, is going to move."""
        first = self.gdb.instruction(pc)
        if thumb.is_wide(first):
            return thumb.decode_wide(first, self.bus.read(pc + 2, 16), pc, self.gdb.read_register)
        return thumb.decode(first, pc, self.gdb.read_register)

    def skip(self, pc: int) -> None:
        """Do not run the 16-bit instruction at `pc`: its work has been done, or is not to be."""
        self.gdb.write_register(REG_PC, pc + 2)

    # -- run control

    @property
    def halted(self) -> bool:
        """Whether the core is in debug state."""
        return not self.running and not self.held_in_reset and not self.lockup

    def resume(self) -> None:
        """Leave debug state."""
        if self.running or self.held_in_reset or self.lockup:
            return
        self._special = {}
        self._vector_hits = 0
        self._vector = None
        self._go()

    def _go(self) -> None:
        self._sync_traps()
        self.running = True
        self.debug.retired = True
        self.gdb.resume()

    def halt(self) -> None:
        """Enter debug state because the debugger asked."""
        if self.held_in_reset:
            return
        if self.stop():
            self.debug.dfsr |= DFSR_HALTED
        self.lockup = False

    def stop(self) -> bool:
        """Stop the machine; False when it had already stopped, for a reason that has then been dealt with."""
        if not self.running:
            return False
        self.gdb.interrupt()
        deadline = time.monotonic() + 10
        while True:
            packet = self.gdb.receive(max(0.0, deadline - time.monotonic()))
            if packet is None:
                raise MachineGone("the core did not stop within 10 s")
            asked = packet.startswith(b"T02")
            if asked or (packet.startswith(b"T05") and b"watch" not in packet and not self._trap_at_pc()):
                self.running = False
                self._wake()
                return True
            if not self._on_stop(packet):
                return False
            self.gdb.interrupt()

    def _wake(self) -> None:
        """Halting ends a WFI or WFE; QEMU does not do that: its core would sleep on at whatever runs next."""
        pc = self.gdb.read_register(REG_PC)
        if self.model.answers(pc - 2, 2) and self.bus.read(pc - 2, 16) in SLEEPS:
            self._lift_scratch()
            inject.wake(self.gdb, self.bus, self.model.scratch)

    def _trap_at_pc(self) -> bool:
        return (BREAK_HARDWARE, self.gdb.read_register(REG_PC), 2) in self._inserted

    def step(self) -> None:
        """One instruction in debug state, interrupts as C_MASKINTS says."""
        if not self.halted:
            return
        self._special = {}
        if self._locks_up() or self._skip_sleep():
            self.debug.dfsr |= DFSR_HALTED
            return
        self._sync_traps()
        packet = self.gdb.step(interrupts=not self.debug.mask_interrupts)
        self.debug.retired = True
        cause = self._cause(packet)
        self.debug.dfsr |= DFSR_HALTED if cause is None else cause
        self.lockup = False  # a step that ends in lockup is still debug state

    def _locks_up(self) -> bool:
        """Whether a fault in the HardFault handler comes next, which would end QEMU: the core stays there."""
        pc = self.gdb.read_register(REG_PC)
        if self.gdb.read_register(REG_XPSR) & EXCEPTION != HARDFAULT:
            return False
        return not self.model.answers(pc, 2) or self.bus.read(pc, 16) == ERASED_CODE

    def _skip_sleep(self) -> bool:
        """Pass a WFI or WFE that would be stepped over: a debugged core does not sleep there, QEMU does."""
        pc = self.gdb.read_register(REG_PC)
        if not self.model.answers(pc, 2) or self.bus.read(pc, 16) not in SLEEPS:
            return False
        self.gdb.write_register(REG_PC, pc + 2)
        self.debug.retired = True
        return True

    def pump(self) -> None:
        """Deal with a stop that QEMU reported, if there is one."""
        while self.running and (packet := self.gdb.receive(0)) is not None:
            self._on_stop(packet)
        self._monitor.drain()

    def linger(self, wait_s: float) -> None:
        """Give a running core a moment to stop, and deal with its stops meanwhile."""
        deadline = time.monotonic() + wait_s
        while self.running and (left := deadline - time.monotonic()) > 0:
            packet = self.gdb.receive(left)
            if packet is not None:
                self._on_stop(packet)

    def _on_stop(self, packet: bytes) -> bool:
        """Deal with a stop packet; whether the core runs on."""
        self.running = False
        if packet.startswith(b"T03"):
            self.reset()
            return self.running
        if not packet.startswith(b"T"):
            raise MachineGone(f"QEMU reported {packet[:40]!r}")
        cause = self._cause(packet)
        if cause is not None:
            self.debug.dfsr |= cause
        elif not self.lockup:
            self._go()
        return self.running

    def _cause(self, packet: bytes) -> int | None:
        """Why the machine stopped, as a DFSR bit, after internal traps were dealt with; None: go on."""
        pc = self.gdb.read_register(REG_PC)
        for part in packet.split(b";"):
            name, _, where = part.partition(b":")
            if name in WATCH_WORDS:
                return self._at_watch(WATCH_WORDS[name], int(where, 16), pc)
        trap: Trap = (BREAK_HARDWARE, pc, 2)
        if trap in self.debug.breakpoints() or pc in self.bkpts:
            return DFSR_BKPT
        handler = self._handlers.get(trap)
        return handler(trap, pc) if handler else None

    def _at_watch(self, kind: int, address: int, pc: int) -> int | None:
        for trap in self._inserted:
            if trap[0] == kind and trap[1] == address:
                handler = self._handlers.get(trap)
                if handler:
                    return handler(trap, pc)
                self.step_over(trap)
                return DFSR_DWTTRAP
        return None

    def _at_hardfault(self, trap: Trap, pc: int) -> int | None:
        self._vector_hits += 1
        in_fault = self.gdb.read_register(REG_XPSR) & EXCEPTION == HARDFAULT
        vector = self._hardfault_vector()
        no_code = pc == LOCKUP_PC or not vector & 1 or not self.model.answers(pc, 2)
        if no_code or (in_fault and self.bus.read(pc, 16) == ERASED_CODE):
            self._checkpoint()
            self.lockup = True
            return None
        if in_fault:
            self._in_known_fault = True
            self._checkpoint()
            if self.debug.debug_enabled and self._unwind_bkpt():
                return DFSR_BKPT
            if self.debug.debug_enabled and self.debug.demcr & VC_HARDERR:
                return DFSR_VCATCH
        self.step_over(trap)
        return None

    def _unwind_bkpt(self) -> bool:
        """Undo the fault of a BKPT, which halts instead while a debugger is attached (Armv6-M C1.5.1)."""
        stack = self.gdb.read_register(13)
        if self.gdb.read_register(14) & 4:
            stack = self.special(inject.PSP)
        where = int.from_bytes(self.bus.read_block(stack + 24, 4), "little")
        if not self.model.answers(where, 2) or self.bus.read(where, 16) >> 8 != 0xBE:
            return False
        return inject.leave_exception(self.gdb, self.bus, self.model.scratch) == where

    # -- registers

    def special(self, number: int) -> int:
        """MSP, PSP, PRIMASK, CONTROL, on Armv7-M BASEPRI and FAULTMASK of the halted core, by SYSm."""
        if not self._special:
            self._lift_scratch()
            numbers = SPECIAL if self.model.armv6m else SPECIAL_V7
            self._special = inject.read_special(self.gdb, self.bus, self.model.scratch, numbers)
        return self._special.get(number, 0)

    def set_special(self, number: int, value: int) -> None:
        """Set a special register of the halted core."""
        self._lift_scratch()
        self._special = {}
        inject.write_special(self.gdb, self.bus, self.model.scratch, number, value)

    def _lift_scratch(self) -> None:
        for offset in range(0, 32, 2):
            self.lift((BREAK_HARDWARE, self.model.scratch + offset, 2))

    def read_register(self, selector: int) -> int:
        """Core register by DCRSR's REGSEL; 0 while the core runs."""
        if self.running:
            return 0
        if selector <= 15:
            return self.gdb.read_register(selector)
        if selector == 16:
            return self.gdb.read_register(REG_XPSR)
        if selector in (17, 18):
            return self.special(inject.MSP if selector == 17 else inject.PSP)
        if selector == 20:
            parts = (inject.PRIMASK, inject.BASEPRI, inject.FAULTMASK, inject.CONTROL)
            return sum((self.special(n) & 0xFF) << 8 * i for i, n in enumerate(parts))
        return 0

    def write_register(self, selector: int, value: int) -> None:
        """Set a core register by DCRSR's REGSEL; ignored while the core runs."""
        if self.running:
            return
        if selector <= 15:
            self._special = {} if selector == 13 else self._special
            self.gdb.write_register(selector, value & ~1 if selector == 15 else value)
        elif selector == 16:
            self.gdb.write_register(REG_XPSR, value)
        elif selector in (17, 18):
            self.set_special(inject.MSP if selector == 17 else inject.PSP, value)
        elif selector == 20:
            self.set_special(inject.PRIMASK, value & 1)
            self.set_special(inject.CONTROL, value >> 24)
            if not self.model.armv6m:
                self.set_special(inject.BASEPRI, value >> 8 & 0xFF)
                self.set_special(inject.FAULTMASK, value >> 16 & 1)

    # -- reset

    def assert_reset(self, asserted: bool) -> None:
        """Drive the reset pin."""
        if asserted and not self.held_in_reset:
            self.stop()
            self.held_in_reset = True
            self.debug.reset_seen = True
        elif not asserted and self.held_in_reset:
            self.held_in_reset = False
            self.reset()

    def reset(self) -> None:
        """Reset the chip as SYSRESETREQ does: everything but debug registers, flash and UICR."""
        self.stop()
        self.before_reset()
        self.gdb.settle()
        self._monitor.command("set-action", reboot="reset")
        self._monitor.command("system_reset")
        self._monitor.await_event("RESET")
        self._monitor.command("set-action", reboot="shutdown")
        self.after_reset()
        self.lockup = self._in_known_fault = False
        self._vector = None
        self._special = {}
        self._vector_hits = 0
        self.debug.reset_seen = True
        self.debug.retired = False
        if self.debug.debug_enabled and self.debug.demcr & VC_CORERESET:
            self.debug.dfsr |= DFSR_VCATCH
        else:
            self._go()

    def note_written(self, address: int, data: bytes) -> None:
        """Remember BKPT instructions that a debugger puts into RAM, and forget overwritten ones."""
        if not any(r.touches(address, len(data)) for r in self.model.ram) or address in PPB:
            return
        self.bkpts = thumb.bkpts_after(self.bkpts, address, data)
