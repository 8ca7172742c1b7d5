"""The guard: parent of QEMU, so that no QEMU outlives its supervisor and a killed supervisor is a power cut.

It does nothing while all is well.  When the supervisor's end of the lifeline closes, it stops the machine,
saves flash and UICR as they are, and ends QEMU.  When the guard itself is killed the kernel ends QEMU
(PR_SET_PDEATHSIG).  It holds the twin's lock as long as it runs: nobody switches the twin on before the
memories are saved.

Lifeline messages, one a line: `live` (the memories are filled; before that the file is the truth and nothing
is saved), `uicr HEX` (use this instead of what the machine holds: it is in the middle of a reset), `uicr -`
(read the machine again), `bye` (the supervisor has saved; do not save).
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench.virtual.monitor import Monitor
from workbench.virtual.nvm import Nvm, save

PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True)
class Job:
    """What the guard was told: command line, memories as (address, size), file, descriptors."""

    command: list[str]
    pass_fds: list[int]
    qmp_fd: int
    lifeline_fd: int
    nvm_path: str | None
    flash: tuple[int, int]
    uicr: tuple[int, int]


def start_qemu(job: Job) -> subprocess.Popen[bytes]:
    """Start QEMU so that the kernel kills it when this process ends."""
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def die_with_parent() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    process = subprocess.Popen(
        job.command,
        pass_fds=job.pass_fds,
        preexec_fn=die_with_parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    for fd in job.pass_fds:
        os.close(fd)
    return process


def wait_for_end(job: Job, process: subprocess.Popen[bytes]) -> tuple[bool, bytes | None]:
    """Wait until the supervisor or QEMU ends: (whether memories are to be saved, UICR to use instead)."""
    pidfd = os.pidfd_open(process.pid)
    pending, override, to_save = b"", None, False
    while True:
        readable, _, _ = select.select([pidfd, job.lifeline_fd], [], [])
        if pidfd in readable:
            return False, None
        data = os.read(job.lifeline_fd, 65536)
        if not data:
            return to_save, override
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            if line in (b"live", b"bye"):
                to_save = line == b"live"
            elif line.startswith(b"uicr "):
                override = None if line == b"uicr -" else bytes.fromhex(line[5:].decode("ascii"))


def save_memories(job: Job, monitor: socket.socket, uicr: bytes | None) -> None:
    """Stop the machine and save what its chip holds.  Raises MachineGone when QEMU does not answer."""
    if job.nvm_path is None:
        return
    qmp = Monitor(monitor)
    qmp.command("stop")
    with tempfile.TemporaryDirectory() as folder:
        parts = []
        for name, (address, size) in (("flash", job.flash), ("uicr", job.uicr)):
            file = Path(folder) / name
            qmp.command("memsave", val=address, size=size, filename=str(file))
            parts.append(file.read_bytes())
    save(Path(job.nvm_path), Nvm(parts[0], uicr or parts[1], "lost"))


def main() -> int:
    """Run QEMU until it or the supervisor ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raw = json.loads(sys.argv[1])
    job = Job(**{**raw, "flash": tuple(raw["flash"]), "uicr": tuple(raw["uicr"])})
    monitor = socket.socket(fileno=job.qmp_fd)
    process = start_qemu(job)
    try:
        wanted, uicr = wait_for_end(job, process)
        if wanted:
            save_memories(job, monitor, uicr)
    finally:
        process.kill()
    return process.wait() & 0xFF


if __name__ == "__main__":
    sys.exit(main())
