"""One verb in several slots at once: a process for each slot, whose events come back over a pipe.

A process that hangs, crashes or is killed is an ERROR of its own slot and of no other.  The processes are
forked, so that what the parent has imported already is shared; the parent must have no second thread then.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn, Self

from workbench.errors import Blame, Stopped, WorkbenchError
from workbench.events import RunFinished, Verdict
from workbench.station.journal import utc_now
from workbench.station.throttle import Stamped
from workbench.station.verdicts import VERDICT_OF

GRACE_S: Final = 45.0
"""How long the processes may take to end once they were asked to."""
MAX_LINE_BYTES: Final = 1 << 20
_READ_BYTES: Final = 1 << 16
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Data = dict[str, Any]
Tell = Callable[[Stamped], None]
Work = Callable[[str, Tell], int]
"""The verb in one slot, in a process of its own: tells its events and returns the exit code."""


class SlotProcessDied(WorkbenchError):
    """The process that worked in a slot ended without a verdict."""

    code = "slot-process-died"
    blame = Blame.STATION
    default_cause = "it was killed, ran out of memory, or a driver crashed"
    default_action = "look at the slot with `workbench slot list`, then run the command again for this slot"


@dataclass(frozen=True, slots=True)
class Ending:
    """How one slot's process ended.  `error` is WorkbenchError.as_dict() or None."""

    verdict: Verdict
    elapsed_s: float
    result: Data
    error: dict[str, str] | None


@dataclass(slots=True)
class _Child:
    name: str
    pid: int
    fd: int
    began_s: float
    buffer: bytearray = field(default_factory=bytearray)
    run_id: str = ""
    seq: int = -1
    last: Data | None = None
    kill_reason: str | None = None


def side_by_side(
    names: Iterable[str], work: Work, on_event: Callable[[str, Data], None], *, log_dir: Callable[[str], Path]
) -> dict[str, Ending]:
    """Does `work` for each name in a process of its own; returns how each ended, in the order of `names`.

    `on_event` hears every event, in its public form, with the name it belongs to.  `log_dir` names the folder
    for `process.log`, where a process's stray output goes.  On Ctrl-C all processes are asked to stop, and
    their verdicts awaited; a second one, or the end of a grace period, kills them.
    """
    with _children(list(names), work, log_dir) as children, selectors.DefaultSelector() as selector:
        for child in children:
            selector.register(child.fd, selectors.EVENT_READ, child)
        with _Asked() as asked:
            selector.register(asked.fd, selectors.EVENT_READ)
            while len(selector.get_map()) > 1:
                _pump(selector, on_event, asked.left_s())
                asked.pass_on(children)
        return {child.name: _ending(child, on_event) for child in children}


class _Asked:
    """Whether this process was asked to end; signals are noted here, and interrupt nothing."""

    def __init__(self) -> None:
        self.fd, self._wake_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._times = 0
        self._passed_on = 0
        self._kill_at: float | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _ENDING}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self.fd)
        os.close(self._wake_fd)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._times += 1
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_fd, b".")

    def left_s(self) -> float | None:
        """Seconds until the processes are killed, None where nobody asked for the end."""
        return None if self._kill_at is None else max(0.0, self._kill_at - time.monotonic())

    def pass_on(self, children: list[_Child]) -> None:
        """Asks the processes to end once, kills them the second time or when the time is over."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, _READ_BYTES)
        again = self._times > self._passed_on
        if again and self._kill_at is None:
            self._kill_at = time.monotonic() + GRACE_S
            _signal(children, signal.SIGINT)
        elif again or self.left_s() == 0.0:
            for child in children:
                child.kill_reason = "a second Ctrl-C" if again else f"it did not stop within {GRACE_S:g} s"
            _signal(children, signal.SIGKILL)
        self._passed_on = self._times


@contextlib.contextmanager
def _children(names: list[str], work: Work, log_dir: Callable[[str], Path]) -> Iterator[list[_Child]]:
    """The processes; whatever happens, none outlives this."""
    children: list[_Child] = []
    try:
        for name in names:
            children.append(_fork(name, work, log_dir(name), [child.fd for child in children]))
        yield children
    finally:
        _signal(children, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(OSError):
                os.close(child.fd)
            _reap(child)


def _fork(name: str, work: Work, folder: Path, others: list[int]) -> _Child:
    sys.stdout.flush()
    sys.stderr.flush()
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    # A signal must not be handled in the child before it has handlers of its own.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        pid = os.fork()
        if pid == 0:
            for fd in (read_fd, *others):
                os.close(fd)
            _child_main(name, work, write_fd, folder)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    os.close(write_fd)
    return _Child(name, pid, read_fd, time.monotonic())


def _child_main(name: str, work: Work, fd: int, folder: Path) -> NoReturn:
    """In a session of its own, so that the terminal's Ctrl-C reaches the parent alone, which passes it on."""
    code = 70
    try:
        os.setsid()
        _redirect(folder)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        code = work(name, lambda stamped: _send(fd, stamped))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def _redirect(folder: Path) -> None:
    """Standard input is empty; standard output and error go to the slot's `process.log`, else nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = os.open(folder / "process.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError:
        log = null
    os.dup2(log, 1)
    os.dup2(log, 2)


def _send(fd: int, stamped: Stamped) -> None:
    """One event to the parent; where nobody listens any more, the run is to end."""
    data = memoryview(json.dumps(stamped.as_json()).encode("ascii") + b"\n")
    try:
        while data:
            data = data[os.write(fd, data) :]
    except BrokenPipeError:
        raise Stopped("the process that had started this one is gone") from None


def _pump(
    selector: selectors.BaseSelector, on_event: Callable[[str, Data], None], patience_s: float | None
) -> None:
    """Takes what has come; ends a process's part at the end of its pipe."""
    for key, _ in selector.select(patience_s):
        child: _Child | None = key.data
        if child is None:
            continue
        got = os.read(child.fd, _READ_BYTES)
        if not got:
            selector.unregister(child.fd)
            continue
        child.buffer += got
        *lines, rest = bytes(child.buffer).split(b"\n")
        child.buffer = bytearray(rest[:MAX_LINE_BYTES])
        for line in lines:
            _hear(child, line, on_event)


def _hear(child: _Child, line: bytes, on_event: Callable[[str, Data], None]) -> None:
    try:
        data: Data = json.loads(line)
    except ValueError:
        return  # a line cut short by the death of its process, or too long
    child.seq = data["seq"]
    if data["event"] == "run-started":
        child.run_id = data["run_id"]
    if data["event"] == "run-finished":
        child.last = data
    on_event(child.name, data)


def _signal(children: Iterable[_Child], number: signal.Signals) -> None:
    """To processes that were not reaped yet, so that their numbers are still theirs."""
    for child in children:
        if child.pid > 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, number)


def _ending(child: _Child, on_event: Callable[[str, Data], None]) -> Ending:
    """How it ended; for a process that could not say so, its last event is made here."""
    status = _reap(child)
    if child.last is None:
        _hear(child, json.dumps(_last_word(child, status)).encode("ascii"), on_event)
    last = child.last
    assert last is not None
    return Ending(last["verdict"], last["elapsed_s"], last["result"], last["error"])


def _last_word(child: _Child, status: int) -> Data:
    how = f"was ended by signal {-status}" if status < 0 else f"ended with {status}"
    what = f"slot {child.name}: its process {how}, without a verdict"
    error = SlotProcessDied(what, cause=child.kill_reason)
    event = RunFinished(
        run_id=child.run_id,
        verdict=VERDICT_OF[error.blame],
        elapsed_s=round(time.monotonic() - child.began_s, 6),
        result={},
        error=error.as_dict(),
    )
    return Stamped(event, child.seq + 1, utc_now()).as_json()


def _reap(child: _Child) -> int:
    """Exit status, negative for a signal; 0 where it is known already."""
    if child.pid <= 0:
        return 0
    _, status = os.waitpid(child.pid, 0)
    child.pid = 0
    return os.waitstatus_to_exitcode(status)
