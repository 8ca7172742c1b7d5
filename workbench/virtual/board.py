"""A twin with its power on: chip, debug port, serial line and non-volatile memory put together."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

from workbench.virtual import nvm, process
from workbench.virtual.chips import MODELS
from workbench.virtual.core import Core
from workbench.virtual.dap import DebugPort
from workbench.virtual.gdb import MachineGone
from workbench.virtual.memory import ChipMemory
from workbench.virtual.nvm import Nvm, Reason, replace_file
from workbench.virtual.process import Wires
from workbench.virtual.protocol import CHIP_FILE, CUT_FILE, LOG_FILE, NVM_FILE, TTY_LINK
from workbench.virtual.uart import Uart


def remark(saved: Nvm) -> str | None:
    """What a person should know about how the memory comes back; None after an ordinary switch-off."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(saved.saved_at))
    if saved.reason == "lost":
        return f"the power was lost at {when}; flash and UICR are as they were at that moment"
    if saved.reason == "cut":
        return f"the power was cut on purpose at {when}; flash and UICR are as they were at that operation"
    if saved.reason == "checkpoint":
        return f"the power was lost unseen; flash and UICR are as last saved, at {when}"
    return None


class Board:
    """Owns QEMU and everything around it.  Raises OSError, MachineGone, NvmDamaged."""

    def __init__(self, folder: Path, lock_fd: int) -> None:
        self.folder = folder
        self._lock_fd = lock_fd
        self._chip_file = (folder / CHIP_FILE).read_bytes()
        chip = json.loads(self._chip_file)
        self.model = MODELS[chip["machine"]]
        self.remark: str | None = None
        controller = self.model.nvm
        self._saved = Nvm(b"", b"")
        if controller:
            for left_over in folder.glob(f".{NVM_FILE}.*"):  # of a save that was killed
                left_over.unlink(missing_ok=True)
            self._saved = nvm.load(folder / NVM_FILE, controller.flash.size, controller.uicr.size)
            self.remark = remark(self._saved)
        self.wires = self._start()
        self.core = Core(self.model, self.wires, self.checkpoint)
        chip_id = bytes.fromhex(chip["chip_id"])
        self.memory = ChipMemory(self.model, self.core, chip_id, lambda line: self.wires.say(line))
        self.port = DebugPort(self.model, self.core, self.memory)
        self._fill()
        self.core.held_in_reset = True
        self.uart = Uart(self.wires.uart, folder / TTY_LINK)
        self.core.assert_reset(False)

    def _start(self) -> Wires:
        nvm_path = self.folder / NVM_FILE if self.model.nvm else None
        return process.start(self.model, nvm_path, self.folder / LOG_FILE, self._lock_fd)

    def _fill(self) -> None:
        if self.model.nvm:
            self.memory.load(self._saved.flash, self._saved.uicr)
            self._save("checkpoint", self._saved.flash, self._saved.uicr)
            self.wires.say("live")

    def in_place(self) -> bool:
        """Whether the folder is still there and holds the same chip."""
        try:
            return (self.folder / CHIP_FILE).read_bytes() == self._chip_file
        except OSError:
            return False

    def locked_up(self) -> bool:
        """Whether QEMU gave up because the core locked up, which a real core survives."""
        return self.wires.ended_with(signal.SIGABRT)

    def revive(self) -> None:
        """Go on after a lockup: flash and UICR as when the fault began, RAM lost, core locked up."""
        self.uart.detach()
        self.wires.end()
        self.wires = self._start()
        self.core.adopt(self.wires)
        self._fill()
        self.uart.rewire(self.wires.uart)

    def checkpoint(self) -> None:
        """Save the memories if they have changed, in case everything dies at once."""
        if self.model.nvm:
            flash, uicr = self.memory.contents()
            if (flash, uicr) != (self._saved.flash, self._saved.uicr):
                self._save("checkpoint", flash, uicr)

    def _save(self, reason: Reason, flash: bytes | None = None, uicr: bytes | None = None) -> None:
        if flash is None or uicr is None:
            flash, uicr = self.memory.contents()
        self._saved = Nvm(flash, uicr, reason)
        nvm.save(self.folder / NVM_FILE, self._saved)

    def power_off(self, reason: Reason = "off") -> None:
        """Take the power away; what the memories hold is kept.  An armed cut comes too late."""
        self.memory.cut.armed = False
        try:
            self.core.stop()
            if self.model.nvm:
                self._save(reason)
        except MachineGone:
            if not self.locked_up():
                raise
            if self.model.nvm:
                self._save(reason, self._saved.flash, self._saved.uicr)
        finally:
            self.end()

    def cut(self) -> None:
        """The armed cut has come: keep memories and report, end QEMU."""
        if self.model.nvm:
            self._save("cut")
        replace_file(self.folder / CUT_FILE, json.dumps(self.memory.cut.as_dict()).encode("ascii"))
        self.end()

    def end(self) -> None:
        """End QEMU and the serial line without saving."""
        self.uart.close()
        self.wires.end()

    def status(self) -> dict[str, Any]:
        """For `slot list` and `pyocd list`."""
        return {
            "machine": self.model.machine,
            "chip": self.memory.chip_id.hex(),
            "vendor": self.model.vendor,
            "product": self.model.product,
            "target": self.model.pyocd_target,
            "test_binary": self.model.test_binary,
            "running": self.core.running,
            "lockup": self.core.lockup,
            "operations": self.memory.cut.operations,
            "remark": self.remark,
        }
