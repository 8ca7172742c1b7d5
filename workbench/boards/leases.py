"""Leases: a slot is used by one process at a time, with owner, purpose and expiry.

A dead owner's lease is taken over at once.  A live one's is taken only by telling it to stop (`kick`, or
because its time is over) and waiting until it has ended: two processes never believe at once that they may
use the slot.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from workbench import settings
from workbench.boards import lease_files as files
from workbench.boards import lease_interrupt as interrupt
from workbench.boards.bench import Bench, Slot
from workbench.boards.bench_file import same_port
from workbench.boards.lease_claim import (
    DEFAULT_GRACE_S,
    DEFAULT_TTL_S,
    Claim,
    LeaseStatus,
    Place,
    SlotLeased,
    Wish,
    claim,
    lease_status,
)
from workbench.boards.lease_record import Record
from workbench.boards.lease_watch import Watch
from workbench.errors import Blame, InputError, Stopped, WorkbenchError

__all__ = [
    "DEFAULT_GRACE_S",
    "DEFAULT_TTL_S",
    "Lease",
    "LeaseLost",
    "LeaseStatus",
    "SlotLeased",
    "default_owner",
    "lease",
    "lease_any",
    "lease_slot",
    "lease_status",
    "lease_statuses",
]


class LeaseLost(Stopped):
    """The slot was taken by somebody else."""

    code = "lease-lost"
    default_cause = "somebody used --kick, or the lease's time was over and somebody else wanted the slot"
    default_action = "see who has it with `workbench slot list`, and run the command again when it is free"


OnLost = Callable[[LeaseLost], None]


def lease(
    slot_dir: Path,
    owner: str,
    purpose: str,
    ttl_s: float = DEFAULT_TTL_S,
    kick: bool = False,
    *,
    wait_s: float = 0.0,
    grace_s: float = DEFAULT_GRACE_S,
    interrupt_main: bool = False,
    on_lost: OnLost | None = None,
) -> Lease:
    """`with lease(…) as held:` holds the slot of that folder for the body.

    Raises SlotLeased where a live process has it, after waiting up to `wait_s`; with `kick` tells that
    process to stop and waits up to `grace_s` for it.  When this lease is taken away, `on_lost` is called in
    another thread, and with `interrupt_main` the body, if it runs in the main thread, gets a
    KeyboardInterrupt as from Ctrl-C, which the `with` turns into LeaseLost.
    """
    wish = Wish(owner, purpose, ttl_s, kick, wait_s, grace_s)
    return Lease([Place(slot_dir, f"slot {slot_dir.name}")], wish, interrupt_main, on_lost)


def lease_slot(
    slot: Slot,
    owner: str,
    purpose: str,
    ttl_s: float = DEFAULT_TTL_S,
    kick: bool = False,
    *,
    wait_s: float = 0.0,
    grace_s: float = DEFAULT_GRACE_S,
    interrupt_main: bool = False,
    on_lost: OnLost | None = None,
) -> Lease:
    """As `lease`, and also against slots of this user's other benches that name the same probe or serial
    port.
    """
    wish = Wish(owner, purpose, ttl_s, kick, wait_s, grace_s)
    return Lease(_places(slot), wish, interrupt_main, on_lost)


@contextmanager
def lease_any(
    slots: Sequence[Slot],
    owner: str,
    purpose: str,
    ttl_s: float = DEFAULT_TTL_S,
    *,
    wait_s: float = 0.0,
    on_lost: OnLost | None = None,
) -> Iterator[tuple[Slot, Lease]]:
    """Holds the first of `slots` that is free, waiting up to `wait_s` for one; raises SlotLeased,
    InputError for none.
    """
    if not slots:
        raise InputError(
            "there is no slot to choose from", cause="no slot of the bench can do what is needed"
        )
    deadline = time.monotonic() + wait_s
    pause = threading.Event()
    while True:
        for slot in slots:
            held = lease_slot(slot, owner, purpose, ttl_s, on_lost=on_lost)
            try:
                held.take()
            except SlotLeased:
                if slot is slots[-1] and time.monotonic() >= deadline:
                    raise
                continue
            with held:
                yield slot, held
            return
        pause.wait(files.POLL_S)


def lease_statuses(bench: Bench) -> dict[str, LeaseStatus]:
    """Lease of every slot of the bench."""
    return {name: lease_status(slot.state_dir) for name, slot in bench.slots.items()}


def default_owner() -> str:
    """The user, as USER@HOST where the user has a name."""
    host = os.uname().nodename
    with suppress(OSError, KeyError):
        return f"{getpass.getuser()}@{host}"
    return f"uid-{os.getuid()}@{host}"


class Lease:
    """A held lease; made by `lease` and `lease_slot`, taken when its `with` begins, given back when that
    ends.
    """

    def __init__(
        self, places: Sequence[Place], wish: Wish, interrupt_main: bool, on_lost: OnLost | None
    ) -> None:
        self._places = tuple(places)
        self._wish = wish
        self._on_lost = on_lost
        self._wants_interrupt = interrupt_main
        self._claims: list[Claim] = []
        self._watch: Watch | None = None
        self._gate = threading.Lock()
        self._lost: LeaseLost | None = None

    def take(self) -> None:
        """Takes the lease, for callers that enter the `with` later.  Raises SlotLeased,
        LeaseFolderUnusable.
        """
        try:
            for place in self._places:
                self._claims.append(claim(place, self._wish))
            self._watch = Watch([c.fd for c in self._claims], self._look)
        except BaseException:
            self._give_back()
            raise

    def __enter__(self) -> Self:
        if not self._claims:
            self.take()
        if self._wants_interrupt and threading.current_thread() is threading.main_thread():
            interrupt.arm(self._is_lost)
            if self._lost is not None:  # told before an interrupt could reach this thread
                self.__exit__(None, None, None)
                raise self._lost
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        interrupt.disarm(self._is_lost)
        self._give_back()
        lost = self._lost
        if lost is None or error is lost:
            return
        if isinstance(error, KeyboardInterrupt):
            raise lost from error
        if isinstance(error, WorkbenchError) and error.blame is Blame.STOPPED:
            error.cause = lost.what

    @property
    def lost(self) -> LeaseLost | None:
        """Why the slot must not be used any more; None while it may be."""
        return self._lost

    def check(self) -> None:
        """Raises LeaseLost once the slot must not be used any more.  Cheap (one small file): call it at
        every event.
        """
        self._look()
        if (lost := self.lost) is not None:
            raise lost

    def renew(self, ttl_s: float | None = None) -> None:
        """Lets the lease last `ttl_s` from now (default: as when it was taken).  Raises LeaseLost."""
        wish = self._wish if ttl_s is None else replace(self._wish, ttl_s=ttl_s)
        for held in self._claims:
            with files.critical(held.folder):
                self.check()
                record = files.read_record(held.folder)
                if record is not None:
                    files.write_record(held.folder, _prolonged(record, wish.ttl_s))

    def _look(self) -> None:
        """Looks whether the lease is still ours; the first time it is not, says so."""
        if self._lost is not None:
            return
        losses = (_loss(c.folder, c.token) for c in self._claims)
        found = next((loss for loss in losses if loss is not None), None)
        if found is not None and self._lose(found) and self._on_lost is not None:
            self._on_lost(found)

    def _lose(self, lost: LeaseLost) -> bool:
        """Whether this call was the first to notice; interrupts the main thread if that is wanted."""
        with self._gate:
            if self.lost is not None:
                return False
            self._lost = lost
        if threading.current_thread() is not threading.main_thread():
            interrupt.send()
        return True

    def _is_lost(self) -> bool:
        return self._lost is not None

    def _give_back(self) -> None:
        if self._watch is not None:
            self._watch.end()
            self._watch = None
        while self._claims:
            self._claims.pop().release()


interrupt.never_within(Lease.__enter__, Lease.__exit__)


def _prolonged(record: Record, seconds: float) -> Record:
    clocks = files.now()
    return replace(record, expires=clocks.unix_s + seconds, expires_boot_s=clocks.boot_s + seconds)


def _loss(folder: Path, token: str) -> LeaseLost | None:
    """Why the lease with this token does not hold any more, None where it does."""
    record = files.read_record(folder)
    if record is None:
        return LeaseLost(f"the lease in {folder} is gone", cause="somebody removed the bench's state folder")
    if record.token != token:
        return LeaseLost(f"the slot was taken by {record.owner} ({record.purpose})")
    if record.stop_reason == "kicked":
        return LeaseLost(f"{record.stop_by} took the slot with --kick", cause="somebody needed the slot")
    if record.stop_reason == "expired":
        what = f"the lease's time was over, and {record.stop_by} wanted the slot"
        return LeaseLost(what, cause="the work took longer than the lease")
    return None


def _places(slot: Slot) -> list[Place]:
    """The slot's own folder, and those that stand for its probe and port, the same for all benches of this
    user.
    """
    places = [Place(slot.state_dir, f"slot {slot.name}")]
    if slot.probe is not None:
        uid = slot.probe.unique_id
        places.append(
            _shared(f"probe-{uid.casefold()}", f"slot {slot.name}'s probe {uid} (through another bench)")
        )
    if slot.serial is not None:
        words = f"slot {slot.name}'s serial port {slot.serial} (through another bench)"
        port = same_port(slot.serial)
        if port.startswith("/dev/pts/"):  # numbers of pseudo-terminals are given to another one soon
            port = slot.serial
        places.append(_shared(f"port-{port}", words))
    return places


def _shared(thing: str, words: str) -> Place:
    try:
        folder = settings.runtime_dir() / "leases"
    except OSError as error:
        raise files.LeaseFolderUnusable(f"there is no folder for leases: {error}") from error
    return Place(folder / hashlib.sha256(thing.encode("utf-8", "surrogateescape")).hexdigest()[:16], words)
