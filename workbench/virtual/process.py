"""Start QEMU under its guard and hand out the wires: gdb stub, bus, monitor, UART.

All wires are socket pairs passed as descriptors: no path, no port, nothing left behind on disk.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from qemu.qmp.legacy import QEMUMonitorProtocol

from workbench.virtual.bus import Bus
from workbench.virtual.chips import ChipModel
from workbench.virtual.gdb import GdbStub
from workbench.virtual.guard import Job


@dataclass
class Wires:
    """A running QEMU, halted before its first instruction."""

    guard: subprocess.Popen[bytes]
    lifeline: socket.socket
    gdb: GdbStub
    bus: Bus
    qmp: QEMUMonitorProtocol
    uart: socket.socket

    def say(self, line: str) -> None:
        """Tell the guard something."""
        self.lifeline.sendall(line.encode("ascii") + b"\n")

    def ended_with(self, number: int) -> bool:
        """Whether QEMU was ended by this signal."""
        try:
            return self.guard.wait(5) == -number & 0xFF
        except subprocess.TimeoutExpired:
            return False

    def end(self, *, save: bool = False) -> None:
        """End QEMU; the guard saves the memories only when `save` is set."""
        try:
            if not save:
                self.say("bye")
            self.lifeline.close()
            self.guard.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.guard.kill()
            self.guard.wait()


def qemu_command(model: ChipModel, gdb: int, bus: int, qmp: int, guard_qmp: int, uart: int) -> list[str]:
    """Command line of QEMU for the descriptors given.

    Guest resets stop the machine and are carried out by us.
    """
    wires = {"gdb0": gdb, "bus0": bus, "qmp0": qmp, "qmp1": guard_qmp, "uart0": uart}
    command = [shutil.which("qemu-system-arm") or "qemu-system-arm", "-M", model.machine, "-S", "-nodefaults"]
    command += ["-no-user-config", "-display", "none", "-action", "reboot=shutdown,shutdown=pause"]
    for name, fd in wires.items():
        command += ["-chardev", f"socket,id={name},fd={fd}"]
    command += ["-gdb", "chardev:gdb0", "-object", "qtest,id=qtest0,chardev=bus0,log=/dev/null"]
    command += [
        "-mon",
        "chardev=qmp0,mode=control",
        "-mon",
        "chardev=qmp1,mode=control",
        "-serial",
        "chardev:uart0",
    ]
    return command


def start(model: ChipModel, nvm_path: Path | None, log: Path) -> Wires:
    """Start QEMU and connect.  Raises OSError (no QEMU), MachineGone (it ended; see the log)."""
    ours: list[socket.socket] = []
    theirs: list[socket.socket] = []
    for _ in range(6):
        a, b = socket.socketpair()
        ours.append(a)
        theirs.append(b)
    gdb, bus, qmp, uart, lifeline, guard_qmp = theirs
    fds = [s.fileno() for s in (gdb, bus, qmp, uart)]
    # the guard keeps the other end of its own monitor; QEMU gets this one
    monitor_end = ours[5]
    nvm = model.nvm
    job = Job(
        command=qemu_command(model, fds[0], fds[1], fds[2], monitor_end.fileno(), fds[3]),
        pass_fds=[*fds, monitor_end.fileno()],
        qmp_fd=guard_qmp.fileno(),
        lifeline_fd=lifeline.fileno(),
        nvm_path=str(nvm_path) if nvm_path and nvm else None,
        flash=(nvm.flash.start, nvm.flash.size) if nvm else (0, 0),
        uicr=(nvm.uicr.start, nvm.uicr.size) if nvm else (0, 0),
    )
    with log.open("ab") as stderr:
        guard = subprocess.Popen(
            [sys.executable, "-m", "workbench.virtual.guard", json.dumps(asdict(job))],
            pass_fds=[*job.pass_fds, guard_qmp.fileno(), lifeline.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    for sock in [*theirs, monitor_end]:
        sock.close()
    stub = GdbStub(ours[0])
    monitor = QEMUMonitorProtocol(ours[2])
    monitor.settimeout(10)
    monitor.connect()
    return Wires(guard, ours[4], stub, Bus(ours[1]), monitor, ours[3])
