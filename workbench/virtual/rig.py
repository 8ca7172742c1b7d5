"""A chip that can be set back: memories are loaded, the board boots from them, again and again in one QEMU.

It is to a twin what a crash-test rig is to a car: the same processor, flash controller and firmware, but no
debug port, no tty, and nothing on disk.  Used to try what happens after a power cut at each of many points.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import select
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from workbench.virtual import process
from workbench.virtual.chips import ChipModel
from workbench.virtual.core import Core
from workbench.virtual.cut import Operation
from workbench.virtual.gdb import MachineGone
from workbench.virtual.memory import ChipMemory

PAGE: Final = 0x400
"""Bytes in one packet to the gdb stub, which takes 2 KiB."""
POLL_S: Final = 0.5

End = Literal["said", "silent", "crashed"]
"""The board printed what was waited for; it printed nothing of the kind in time; its core locked up."""


class _GuestReset(Exception):
    """The firmware asked for a reset: all that happens next follows from the memories alone."""


@dataclass(frozen=True)
class Boot:
    """What a board did from power-on: what it printed, and how the wait ended.

    `known`: it reset itself, and that reset found memories from which a boot had been run already.  What
    follows a reset is decided by the memories, so the rest was not run again.
    """

    console: bytes
    end: End
    known: bool = False


class Rig:
    """One QEMU.  Raises OSError, MachineGone from its constructor only."""

    def __init__(self, model: ChipModel, chip_id: bytes, log: Path) -> None:
        if model.nvm is None:
            raise ValueError(f"{model.machine} has no flash")
        self.model = model
        self._nvm = model.nvm
        self._chip_id = chip_id
        self._log = log
        self._seen: dict[bytes, Boot] = {}
        self._start()

    def _start(self) -> None:
        descriptor = os.open(os.devnull, os.O_RDONLY)
        try:
            self._wires = process.start(self.model, None, self._log, descriptor)
        finally:
            os.close(descriptor)
        self._core = Core(self.model, self._wires, lambda: None)
        self._memory = ChipMemory(self.model, self._core, self._chip_id, lambda _line: None)
        self._note_reset = self._core.before_reset
        self._memory.load(b"\xff" * self._nvm.flash.size, b"\xff" * self._nvm.uicr.size)

    def close(self) -> None:
        """End QEMU."""
        self._wires.end()

    def boot(
        self,
        flash: bytes,
        uicr: bytes,
        until: re.Pattern[bytes],
        limit_s: float,
        log: list[Operation] | None = None,
    ) -> Boot:
        """Power the board on with these memories and let it run until it prints `until`.

        RAM holds noise, as it does after a power cut.  With `log` every flash operation is recorded there.
        """
        said = bytearray()
        try:
            self._load(flash, uicr)
            if log is not None:
                self._memory.count(log)
            boot = self._until(said, until, time.monotonic() + limit_s, memorize=log is None)
            self._stop()
        except MachineGone:
            self._wires.end()
            self._start()
            boot = Boot(bytes(said), "crashed")
        return boot

    def _until(self, said: bytearray, until: re.Pattern[bytes], deadline: float, *, memorize: bool) -> Boot:
        key, mark = b"", 0
        while True:
            self._reset()
            try:
                end = self._run(said, until, deadline)
            except _GuestReset:
                key, mark = self._memories() if memorize else b"", len(said)
                if known := self._seen.get(key):
                    return Boot(bytes(said) + known.console, known.end, known=True)
                continue
            if key:
                self._seen[key] = Boot(bytes(said[mark:]), end)
            return Boot(bytes(said), end)

    # -- memories

    def _load(self, flash: bytes, uicr: bytes) -> None:
        self._stop()
        while select.select([self._wires.uart], [], [], 0)[0]:
            self._wires.uart.recv(1 << 16)
        there, _ = self._memory.contents()
        for at in range(0, len(flash), PAGE):
            if flash[at : at + PAGE] != there[at : at + PAGE]:
                self._poke(self._nvm.flash.start + at, flash[at : at + PAGE])
        noise = random.Random(hashlib.sha256(flash).digest())
        for ram in self.model.ram:
            for at in range(ram.start, ram.end, PAGE):
                self._poke(at, noise.randbytes(PAGE))
        self._core.gdb.settle()
        self._memory.write_uicr(uicr)

    def _poke(self, address: int, data: bytes) -> None:
        """Behind the flash controller's back: any byte, no erase."""
        self._core.gdb.post(f"M{address:x},{len(data):x}:{data.hex()}")

    def _memories(self) -> bytes:
        flash, uicr = self._memory.contents()
        return hashlib.sha256(flash + uicr).digest()

    # -- running

    def _stop(self) -> None:
        self._core.before_reset = self._note_reset
        self._core.stop()
        self._memory.cut.armed = False
        self._core.lockup = False

    def _reset(self) -> None:
        self._core.before_reset = self._note_reset
        self._core.reset()
        self._core.before_reset = self._at_guest_reset

    def _at_guest_reset(self) -> None:
        raise _GuestReset

    def _run(self, said: bytearray, until: re.Pattern[bytes], deadline: float) -> End:
        while (left := deadline - time.monotonic()) > 0:
            if self._core.lockup:
                return "crashed"
            uart = self._wires.uart.fileno()
            ready, _, _ = select.select([self._core.gdb.fileno(), uart], [], [], min(left, POLL_S))
            if uart in ready:
                said += self._wires.uart.recv(1 << 16)
                if until.search(said):
                    return "said"
            self._core.pump()
        return "silent"
