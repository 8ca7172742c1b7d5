"""Lease files of one folder: the critical section around them, and whether an owner lives.

`lease.lock` is held (flock) for the moment of each look or change; `lease.json` is the record;
`lease-TOKEN` is a FIFO that the owner keeps open and locked (flock) as long as it lives: the kernel drops
the lock when the process ends, however it ends, and a byte written into the FIFO wakes the owner.  Nothing
here waits longer than MUTEX_TIMEOUT_S.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from workbench.boards.lease_record import Now, Process, Record, decode, encode
from workbench.errors import Blame, WorkbenchError

MUTEX_TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.02
_MAX_RECORD_BYTES: Final = 1 << 16


class LeaseFolderUnusable(WorkbenchError):
    """Leases cannot be kept in a slot's folder."""

    code = "lease-folder"
    blame = Blame.STATION
    default_cause = (
        "the disk is full or read-only, or the folder belongs to somebody else or cannot hold FIFOs"
    )
    default_action = "make the folder writable, or move the bench to a local disk"


def this_process() -> Process:
    """The process that runs this."""
    pid = os.getpid()
    return Process(pid, _start_ticks(pid) or 0, pid_space(), boot_id(), socket.gethostname())


def boot_id() -> str:
    """Random ID of this boot of this machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def pid_space() -> str:
    """Name of the PID namespace, such as "pid:[4026531836]"."""
    return os.readlink("/proc/self/ns/pid")


def now() -> Now:
    """The clocks, read at this moment."""
    return Now(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), boot_id())


def fifo_path(folder: Path, token: str) -> Path:
    """The FIFO of the lease with this token."""
    return folder / f"lease-{token}"


@contextlib.contextmanager
def critical(folder: Path) -> Iterator[None]:
    """Alone in the folder, which is made if it is not there.  Raises LeaseFolderUnusable, also for errors
    of the body.
    """
    try:
        fd = _lock(folder)
        try:
            yield
        finally:
            os.close(fd)
    except OSError as error:
        raise LeaseFolderUnusable(f"cannot keep leases in {folder}: {error.strerror or error}") from error


def read_record(folder: Path) -> Record | None:
    """The record, None where there is none or it is torn."""
    try:
        fd = os.open(f"{folder}/lease.json", os.O_RDONLY | os.O_CLOEXEC)  # each command of a TPM asks
    except FileNotFoundError:
        return None
    try:
        return decode(os.read(fd, _MAX_RECORD_BYTES))
    finally:
        os.close(fd)


def write_record(folder: Path, record: Record) -> None:
    """Replaces the record at once: a reader sees the old or the new one.  Only within `critical`."""
    temporary = folder / "lease.json.new"
    temporary.write_bytes(encode(record))
    temporary.replace(folder / "lease.json")


def remove_record(folder: Path, token: str) -> None:
    """Removes the record and the FIFO of that lease, if they are still its own.  Only within `critical`."""
    record = read_record(folder)
    if record is not None and record.token == token:
        (folder / "lease.json").unlink(missing_ok=True)
    fifo_path(folder, token).unlink(missing_ok=True)


def make_fifo(folder: Path, token: str) -> int:
    """Makes, opens and locks the FIFO of a new lease; the descriptor is the sign of life."""
    path = fifo_path(folder, token)
    os.mkfifo(path, 0o600)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return fd


def wake(folder: Path, token: str) -> None:
    """Wakes the owner of that lease, so that it looks at the record."""
    with contextlib.suppress(OSError):
        fd = os.open(fifo_path(folder, token), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.write(fd, b"!")
        finally:
            os.close(fd)


def is_alive(folder: Path, record: Record) -> bool:
    """Whether the process that took the lease lives.  Only within `critical`: it tries the lock for a
    moment.

    A free lock says that it is dead.  A held one may also be held by a child that inherited it: where
    process numbers can be compared, the process itself must be there, started at the same tick.
    """
    locked = _is_locked(fifo_path(folder, record.token))
    process = record.process
    comparable = process.boot_id == boot_id() and process.pid_space == pid_space()
    if comparable:
        return locked is not False and is_there(process)
    return locked is True


def clear_leftovers(folder: Path) -> None:
    """Removes FIFOs that nobody holds.  Only within `critical`."""
    for path in folder.glob("lease-*"):
        if _is_locked(path) is False:
            path.unlink(missing_ok=True)


def has_unreadable_record(folder: Path) -> bool:
    """Whether there is a lease file that `read_record` does not understand."""
    return (folder / "lease.json").exists() and read_record(folder) is None


def has_some_owner(folder: Path) -> bool:
    """Whether anybody holds a lease's FIFO.  Only within `critical`."""
    return any(_is_locked(path) for path in folder.glob("lease-*"))


def _is_locked(path: Path) -> bool | None:
    """Whether somebody holds the lock on `path`; None where it does not exist."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return not _try_lock(fd)
    finally:
        os.close(fd)


def is_there(process: Process) -> bool:
    """Whether that very process runs.  One whose entry under /proc is hidden from us (hidepid) counts as
    running.
    """
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        return _start_ticks(process.pid) == process.pid_start
    except OSError:
        return True


def _start_ticks(pid: int) -> int | None:
    """Clock ticks since boot at which the process started (proc(5), /proc/PID/stat field 22); None for a
    dead one.
    """
    stat = Path(f"/proc/{pid}/stat").read_bytes()
    state, *rest = stat[stat.rindex(b")") + 2 :].split()
    return None if state in (b"Z", b"X") else int(rest[18])


def _lock(folder: Path) -> int:
    """Descriptor of the locked `lease.lock`; it is the file that the path still names once the lock is
    held.
    """
    deadline = time.monotonic() + MUTEX_TIMEOUT_S
    path = folder / "lease.lock"
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock_until(fd, path, deadline)
            if _is_same_file(fd, path):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _lock_until(fd: int, path: Path, deadline: float) -> None:
    pause = threading.Event()
    while not _try_lock(fd):
        if time.monotonic() > deadline:
            what = f"{path} has been locked by another process for {MUTEX_TIMEOUT_S:g} s"
            raise LeaseFolderUnusable(
                what, cause="a stopped process", action=f"see `fuser {path}` and end that process"
            )
        pause.wait(POLL_S / 4)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN):
            return False
        raise
    return True


def _is_same_file(fd: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
