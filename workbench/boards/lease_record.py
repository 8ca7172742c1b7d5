"""What is written down about a lease, and what follows from it.  Pure: no files, no processes, no clocks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Final, Literal, get_args

MAX_TEXT: Final = 200
"""Longest owner or purpose that is kept, in characters."""

MAX_TIME_S: Final = 1e11

Reason = Literal["kicked", "expired"]
State = Literal["free", "leased", "expired", "stopping", "abandoned"]
"""abandoned: its owner is dead; stopping: its owner was told to stop and has not ended yet."""

Decision = Literal["take", "tell", "wait", "refuse"]


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told apart from a later one with the same number by the ticks since boot at which it
    started.

    `pid_space` names the PID namespace: a number means nothing in another container, nor after a reboot.
    """

    pid: int
    pid_start: int
    pid_space: str
    boot_id: str
    host: str


@dataclass(frozen=True, slots=True)
class Record:
    """A lease as it stands in its file.

    `since` and `expires` are seconds of Unix time, for people; `expires_boot_s` is seconds of
    CLOCK_BOOTTIME, by which expiry is judged on the machine it was taken on: setting the clock neither ends
    nor prolongs a lease.
    """

    token: str
    owner: str
    purpose: str
    process: Process
    since: float
    expires: float
    expires_boot_s: float
    stop_reason: Reason | None = None
    stop_by: str | None = None


@dataclass(frozen=True, slots=True)
class Now:
    """The two clocks, and the boot that the second counts from."""

    unix_s: float
    boot_s: float
    boot_id: str


def is_expired(record: Record, now: Now) -> bool:
    """Whether its time is over."""
    if record.process.boot_id == now.boot_id:
        return now.boot_s >= record.expires_boot_s
    return now.unix_s >= record.expires


def state_of(record: Record | None, *, alive: bool, now: Now) -> State:
    """State of a slot whose lease file says `record`; `alive` is whether that owner's process was observed
    alive.
    """
    if record is None:
        return "free"
    if not alive:
        return "abandoned"
    if record.stop_reason is not None:
        return "stopping"
    return "expired" if is_expired(record, now) else "leased"


def decide(state: State, *, kick: bool) -> Decision:
    """What somebody who wants the slot does next; `tell` the holder to stop, and come again."""
    if state in ("free", "abandoned"):
        return "take"
    if state == "expired":
        return "tell"
    if state == "stopping":
        return "wait" if kick else "refuse"
    return "tell" if kick else "refuse"


def encode(record: Record) -> bytes:
    """As the content of a lease file."""
    return json.dumps(asdict(record), ensure_ascii=True, indent=1).encode()


@lru_cache(maxsize=16)
def decode(content: bytes) -> Record | None:
    """The record in a lease file, None where the content is none: torn, or not ours.

    A lease is looked at before each command of a TPM, and mostly says what it said before.
    """
    try:
        data = json.loads(content)
        process = Process(**data.pop("process"))
        record = Record(process=process, **data)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    return record if _has_right_types(record) else None


def _has_right_types(record: Record) -> bool:
    numbers = (record.since, record.expires, record.expires_boot_s)
    texts = [record.token, record.owner, record.purpose]
    for field in fields(Process):
        value = getattr(record.process, field.name)
        if field.name in ("pid", "pid_start"):
            if type(value) is not int or not 0 <= value < 1 << 63:
                return False
        else:
            texts.append(value)
    return (
        all(type(n) in (int, float) and 0 <= n < MAX_TIME_S for n in numbers)
        and all(isinstance(t, str) for t in texts)
        and record.token.isalnum()
        and record.stop_reason in (None, *get_args(Reason))
        and (record.stop_by is None or isinstance(record.stop_by, str))
    )
