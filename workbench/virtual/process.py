"""Start QEMU under its guard and hand out the wires: gdb stub, bus, monitor, UART.

All wires are socket pairs passed as descriptors: no path, no port, nothing left behind on disk.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from workbench.virtual.bus import Bus
from workbench.virtual.chips import ChipModel
from workbench.virtual.gdb import GdbStub, MachineGone
from workbench.virtual.guard import Job
from workbench.virtual.monitor import Monitor


@dataclass
class Wires:
    """A running QEMU, halted before its first instruction."""

    guard: subprocess.Popen[bytes]
    lifeline: socket.socket
    gdb: GdbStub
    bus: Bus
    monitor: Monitor
    uart: socket.socket

    def say(self, line: str) -> None:
        """Tell the guard something.  Raises MachineGone when it has ended."""
        try:
            self.lifeline.sendall(line.encode("ascii") + b"\n")
        except OSError as error:
            raise MachineGone(f"the guard: {error}") from error

    def ended_with(self, number: int) -> bool:
        """Whether QEMU was ended by this signal."""
        try:
            return self.guard.wait(5) == -number & 0xFF
        except subprocess.TimeoutExpired:
            return False

    def end(self) -> None:
        """End QEMU without saving anything, and close all wires."""
        try:
            self.say("bye")
            self.lifeline.close()
            self.guard.wait(10)
        except (MachineGone, subprocess.TimeoutExpired):
            self.guard.kill()
            self.guard.wait()
        for wire in (self.lifeline, self.gdb, self.bus, self.monitor, self.uart):
            wire.close()


def qemu_command(model: ChipModel, gdb: int, bus: int, qmp: int, guard_qmp: int, uart: int) -> list[str]:
    """Command line of QEMU for the descriptors given.  A reset by the guest only stops the machine."""
    wires = {"gdb0": gdb, "bus0": bus, "qmp0": qmp, "qmp1": guard_qmp, "uart0": uart}
    command = [shutil.which("qemu-system-arm") or "qemu-system-arm", "-M", model.machine, "-S", "-nodefaults"]
    command += ["-no-user-config", "-display", "none", "-action", "reboot=shutdown,shutdown=pause"]
    for name, fd in wires.items():
        command += ["-chardev", f"socket,id={name},fd={fd}"]
    command += ["-gdb", "chardev:gdb0", "-object", "qtest,id=qtest0,chardev=bus0,log=/dev/null"]
    command += ["-mon", "chardev=qmp0,mode=control", "-mon", "chardev=qmp1,mode=control"]
    return [*command, "-serial", "chardev:uart0"]


def start(model: ChipModel, nvm_path: Path | None, log: Path, lock_fd: int) -> Wires:
    """Start QEMU and connect.  Raises OSError (no QEMU), MachineGone (it ended; see the log).

    The guard inherits `lock_fd`, so that the twin stays locked until its memories are saved.
    """
    gdb, bus, qmp, uart, lifeline, guard_qmp = pairs = [socket.socketpair() for _ in range(6)]
    # what QEMU inherits; of the guard's own monitor it is the guard's end that stays with the guard
    fds = [theirs.fileno() for _, theirs in (gdb, bus, qmp, guard_qmp, uart)]
    nvm = model.nvm
    job = Job(
        command=qemu_command(model, *fds),
        pass_fds=fds,
        qmp_fd=guard_qmp[0].fileno(),
        lifeline_fd=lifeline[1].fileno(),
        nvm_path=str(nvm_path) if nvm_path and nvm else None,
        flash=(nvm.flash.start, nvm.flash.size) if nvm else (0, 0),
        uicr=(nvm.uicr.start, nvm.uicr.size) if nvm else (0, 0),
    )
    with log.open("ab") as stderr:
        guard = subprocess.Popen(
            [sys.executable, "-m", "workbench.virtual.guard", json.dumps(asdict(job))],
            pass_fds=[*fds, job.qmp_fd, job.lifeline_fd, lock_fd],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    for _, theirs in pairs:
        theirs.close()
    guard_qmp[0].close()
    stub = GdbStub(gdb[0])
    return Wires(guard, lifeline[0], stub, Bus(bus[0]), Monitor(qmp[0]), uart[0])
