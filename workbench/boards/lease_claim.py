"""Taking and giving back one folder: who may have it, who is told to stop, what is said to those who must
wait.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from workbench.boards import lease_files as files
from workbench.boards.lease_record import MAX_TEXT, Reason, Record, State, decide, state_of
from workbench.errors import Blame, InputError, WorkbenchError
from workbench.toml_file import shown_text

DEFAULT_TTL_S: Final = 3600.0
DEFAULT_GRACE_S: Final = 15.0
"""How long one who was told to stop may take, before the one who told gives up."""

MAX_TTL_S: Final = 30 * 24 * 3600.0


class SlotLeased(WorkbenchError):
    """Somebody else is using the slot."""

    code = "slot-leased"
    blame = Blame.STATION
    default_cause = "another run, console or test session has the slot"
    default_action = "wait until it is free, use another slot, or take it with --kick"

    def __init__(
        self, what: str, status: LeaseStatus, *, cause: str | None = None, action: str | None = None
    ) -> None:
        super().__init__(what, cause=cause, action=action)
        self.status = status


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """A slot's lease as observed.  Everything but `state` is None where it is free."""

    state: State
    owner: str | None = None
    purpose: str | None = None
    pid: int | None = None
    host: str | None = None
    since: datetime | None = None
    expires: datetime | None = None
    stop_by: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for: `kick` to stop a live owner, `grace_s` how long that may take, `wait_s` for a
    free slot.
    """

    owner: str
    purpose: str
    ttl_s: float = DEFAULT_TTL_S
    kick: bool = False
    wait_s: float = 0.0
    grace_s: float = DEFAULT_GRACE_S

    def __post_init__(self) -> None:
        if not 0 < self.ttl_s <= MAX_TTL_S:
            raise InputError(
                f"a lease of {self.ttl_s:g} s", cause=f"a lease lasts up to {MAX_TTL_S:g} s, and more than 0"
            )


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that stands for something only one process may use, and words for it."""

    folder: Path
    words: str


class Claim:
    """One folder held by this process."""

    def __init__(self, folder: Path, token: str, fd: int) -> None:
        self.folder = folder
        self.token = token
        self.fd = fd
        self._pid = os.getpid()
        _live.add(self)

    def release(self) -> None:
        """Gives the folder back.  In a forked child there is nothing to give back."""
        if self._pid == os.getpid() and self.fd >= 0:
            with suppress(files.LeaseFolderUnusable, OSError):
                if self.folder.is_dir():
                    with files.critical(self.folder):
                        files.remove_record(self.folder, self.token)
        self.close()

    def close(self) -> None:
        """Closes the descriptor without a word: what the kernel does for a dead process."""
        _live.discard(self)
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


_live: weakref.WeakSet[Claim] = weakref.WeakSet()


def _close_in_child() -> None:
    """A forked child must not keep its parent's leases alive."""
    for claim in list(_live):
        claim.close()


os.register_at_fork(after_in_child=_close_in_child)


def claim(place: Place, wish: Wish) -> Claim:
    """Takes the folder, telling its holder to stop where that is right.  Raises SlotLeased,
    LeaseFolderUnusable.
    """
    started = time.monotonic()
    told: str | None = None
    pause = threading.Event()
    while True:
        with files.critical(place.folder):
            got = _attempt(place, wish, told)
        if isinstance(got, Claim):
            return got
        waited = time.monotonic() - started
        if isinstance(got, SlotLeased):
            if waited >= wish.wait_s:
                raise got
        elif waited >= max(wish.grace_s, wish.wait_s):
            raise _does_not_stop(place, waited)
        else:
            told = got
        pause.wait(files.POLL_S)


def _attempt(place: Place, wish: Wish, told: str | None) -> Claim | SlotLeased | str:
    """One try within `critical`: the folder, a refusal, or the token of the holder that was told to stop.

    Only the holder that is there at first is told with `kick`: whoever gets the slot in between keeps it.
    """
    folder = place.folder
    record = files.read_record(folder)
    if record is None and files.has_unreadable_record(folder) and files.has_some_owner(folder):
        return _unreadable(place)
    alive = record is not None and files.is_alive(folder, record)
    state = state_of(record, alive=alive, now=files.now())
    if record is None or state in ("free", "abandoned"):
        return _take(folder, wish)
    if record.token == told:
        return told
    decision = decide(state, kick=wish.kick and told is None)
    if decision == "refuse":
        return _refusal(place, record)
    if decision == "tell":
        reason: Reason = "kicked" if wish.kick else "expired"
        files.write_record(
            folder, replace(record, stop_reason=reason, stop_by=f"{wish.owner} ({wish.purpose})")
        )
        files.wake(folder, record.token)
    return record.token


def _take(folder: Path, wish: Wish) -> Claim:
    files.clear_leftovers(folder)
    clocks = files.now()
    record = Record(
        token=secrets.token_hex(8),
        owner=shown_text(wish.owner, MAX_TEXT),
        purpose=shown_text(wish.purpose, MAX_TEXT),
        process=files.this_process(),
        since=clocks.unix_s,
        expires=clocks.unix_s + wish.ttl_s,
        expires_boot_s=clocks.boot_s + wish.ttl_s,
    )
    fd = files.make_fifo(folder, record.token)
    claim = Claim(folder, record.token, fd)
    try:
        files.write_record(folder, record)
    except BaseException:
        claim.close()
        raise
    return claim


def lease_status(folder: Path) -> LeaseStatus:
    """How the lease of that folder stands; writes nothing where it was never leased."""
    if not (folder / "lease.lock").exists():
        return LeaseStatus("free")
    with files.critical(folder):
        return _status(folder, files.read_record(folder))


def _status(folder: Path, record: Record | None) -> LeaseStatus:
    if record is None:
        return LeaseStatus("free")
    return LeaseStatus(
        state=state_of(record, alive=files.is_alive(folder, record), now=files.now()),
        owner=record.owner,
        purpose=record.purpose,
        pid=record.process.pid,
        host=record.process.host,
        since=datetime.fromtimestamp(record.since, UTC),
        expires=datetime.fromtimestamp(record.expires, UTC),
        stop_by=record.stop_by,
    )


def _refusal(place: Place, record: Record) -> SlotLeased:
    status = _status(place.folder, record)
    until = f"{datetime.fromtimestamp(record.expires).astimezone():%Y-%m-%d %H:%M:%S %Z}"
    who = f"{record.owner} (process {record.process.pid} on {record.process.host})"
    return SlotLeased(f"{place.words} is leased by {who} until {until} for: {record.purpose}", status)


def _unreadable(place: Place) -> SlotLeased:
    return SlotLeased(
        f"{place.words} is leased by somebody whose record cannot be read",
        LeaseStatus("leased"),
        cause="another version of the workbench has it, or the record was changed by hand",
        action=f"end the process that has {place.folder} open: `fuser {place.folder}/lease-*`",
    )


def _does_not_stop(place: Place, waited: float) -> SlotLeased:
    status = lease_status(place.folder)
    return SlotLeased(
        f"{place.words}: {status.owner} (process {status.pid}) was told to stop, "
        f"and has not in {waited:.0f} s",
        status,
        cause="it hangs, or is in the middle of something that must not be cut short",
        action=f"look at it; ending it (`kill {status.pid}`) frees the slot at once",
    )
