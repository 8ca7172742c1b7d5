"""A slot's process: takes one unit after another from the line and runs the recipe's plan on it.

    python -m workbench.station.line.worker FD PLACE

FD is its end of the line's socket, PLACE what `process.Place` holds.  The main thread does the work,
because time limits are signals; another one reads the orders.  When the line is gone it ends after its
current step.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from workbench.boards.bench import StateFolderUnusable
from workbench.errors import WorkbenchError
from workbench.station.line.inbox import Inbox
from workbench.station.line.process import Place
from workbench.station.line.protocol import Report, encode_report
from workbench.station.verdicts import judge

PRELOAD: Final = (
    "workbench.station.filing",
    "workbench.station.records",
    "workbench.station.orphans",
)
"""Loaded before the first unit comes: what every unit needs."""
PRELOAD_PROBE: Final = ("workbench.probes.preload", "workbench.probes.flash")
"""The same, in a slot that has a debug probe."""
LOCK: Final = "line-worker.lock"
"""In the slot's state folder, locked as long as its process lives."""


class Reporter:
    """The way to the line; nothing is said any more once nobody listens."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._lock = threading.Lock()

    def __call__(self, report: Report) -> None:
        """Says it."""
        with self._lock, suppress(OSError):
            self._line.sendall(encode_report(report))

    def is_heard(self) -> bool:
        """Whether the line's end of the socket is open."""
        poll = select.poll()
        poll.register(self._line, 0)
        return not any(event & select.POLLHUP for _fd, event in poll.poll(0))


def main() -> None:
    """The process."""
    fd, place = int(sys.argv[1]), Place.from_json(sys.argv[2])
    os.set_inheritable(fd, False)
    line = socket.socket(fileno=fd)
    say = Reporter(line)
    inbox = Inbox(line)
    signal.signal(signal.SIGTERM, lambda *_: inbox.stop("SIGTERM"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _work(place, inbox, say)
        sys.stderr.flush()
        os._exit(0)  # libraries' tidying up would take longer than anything above
    except Exception as exc:
        judged = judge(exc)
        if judged.traceback:
            sys.stderr.write(judged.traceback)
        say(Report(kind="broken", error=judged.error.as_dict()))
        sys.exit(judged.error.exit_code)


def _work(place: Place, inbox: Inbox, say: Reporter) -> None:
    from workbench.station.line.unit import Workplace

    lock = _only_one(Path(place.state_dir), say)
    workplace = Workplace.open(place)
    say(Report(kind="ready"))
    for name in (*PRELOAD, *(PRELOAD_PROBE if workplace.slot.probe is not None else ())):
        if not inbox.is_over:
            importlib.import_module(name)
    say(Report(kind="idle"))
    while (order := inbox.next_unit(workplace.owes)) is not None:
        answers = inbox.begin(attended=order.attended)
        try:
            workplace.carry_out(
                order,
                answers,
                lambda event: say(Report(kind="event", event=event)),
                lambda verdict: say.is_heard() and not (inbox.is_over and verdict == "STOPPED"),
            )
        except WorkbenchError as error:  # no run could begin, and so none has told it
            say(Report(kind="refused", error=error.as_dict()))
        say(Report(kind="idle"))
    workplace.office.close()
    os.close(lock)


def _only_one(folder: Path, say: Reporter) -> int:
    """Waits until an earlier process of this slot has ended, which may be finishing its step."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(Report(kind="waiting"))
            fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError as error:
        raise StateFolderUnusable(f"cannot use {folder}: {error.strerror or error}") from error
    return fd


if __name__ == "__main__":
    main()
