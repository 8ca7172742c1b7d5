"""The PIN of the engineer mode: argon2id, its attempts counted on disk.

An attempt is counted before it is judged, and the count is on the disk by then: who kills the process in
between, or starts ten of them, gains no attempt.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Final

from workbench.errors import Blame, InputError, WorkbenchError
from workbench.images import files
from workbench.settings import STATE_FOLDER
from workbench.station.operators import load_operators, save_operators
from workbench.station.operators_throttle import FREE_FAILURES, Attempts, failed, rebased, remaining

ATTEMPTS_FILE: Final = "pin-attempts.json"
MIN_DIGITS: Final = 6
MAX_DIGITS: Final = 12
MAX_MEMORY_KIB: Final = 1 << 20
MAX_PASSES: Final = 100
"""Costs of a hash beyond which it is not computed: the station would stand still."""

_MANY_FAILURES: Final = 99


class PinTooSimple(InputError):
    """A PIN is too short, too long, or easy to guess."""

    code = "pin-too-simple"
    default_cause = f"a PIN has {MIN_DIGITS} to {MAX_DIGITS} digits, not all the same and not in a row"
    default_action = "choose another PIN"


class PinNotSet(InputError):
    """The engineer mode has no PIN yet, and stays closed until it has one."""

    code = "pin-not-set"
    default_cause = "`workbench operator pin` was not run at this station"
    default_action = "set a PIN with `workbench operator pin`"


class PinWrong(WorkbenchError):
    """The PIN is not the one of this station."""

    code = "pin-wrong"
    blame = Blame.TRUST
    default_cause = "a slip, or the PIN was changed"
    default_action = "type the PIN again, slowly"


class PinLocked(WorkbenchError):
    """Too many wrong PINs; the next attempt must wait."""

    code = "pin-locked"
    blame = Blame.TRUST
    default_cause = "somebody typed wrong PINs"
    default_action = "wait, then type the PIN again; production goes on meanwhile"


class PinUnusable(WorkbenchError):
    """The kept PIN or the count of its attempts cannot be used."""

    code = "pin-unusable"
    blame = Blame.STATION
    default_cause = "a file was changed by hand, or the disk is full"
    default_action = "free the disk, or set the PIN anew with `workbench operator pin`"


def set_pin(bench_folder: Path, pin: str) -> None:
    """Makes `pin` the PIN of the station, and forgets failed attempts.

    Raises PinTooSimple, OperatorsFileInvalid, OperatorsUnwritable.
    """
    from argon2 import PasswordHasher

    verify_strength(pin)
    made = PasswordHasher().hash(pin)
    with _attempts(bench_folder) as (_, keep):
        save_operators(bench_folder, load_operators(bench_folder).with_pin(made))
        keep(Attempts())


def check_pin(bench_folder: Path, pin: str, clock: Callable[[], float] = time.time) -> None:
    """Returns where it is the PIN of the station.  Takes about a tenth of a second: not in a screen's thread.

    Raises PinNotSet, PinLocked, PinWrong, PinUnusable, OperatorsFileInvalid.
    """
    known = load_operators(bench_folder).pin
    if known is None:
        raise PinNotSet("no PIN is set at this station")
    with _attempts(bench_folder) as (before, keep):
        now = clock()
        if wait := remaining(before, now):
            if now < before.last:
                keep(rebased(before, now))
            raise PinLocked(f"the PIN is locked for {_duration(wait)}")
        after = failed(before, now)
        keep(after)
        if not _is_pin(known.hash, pin):
            raise PinWrong(_wrong_words(after, now))
        keep(Attempts())


def verify_strength(pin: str) -> None:
    """Raises PinTooSimple unless `pin` is fit to be one."""
    if not (MIN_DIGITS <= len(pin) <= MAX_DIGITS) or not (pin.isascii() and pin.isdigit()):
        raise PinTooSimple("that is no PIN")
    steps = {(ord(b) - ord(a)) % 10 for a, b in pairwise(pin)}
    if len(steps) == 1 and steps <= {0, 1, 9}:
        raise PinTooSimple("that PIN is easy to guess")


def _is_pin(known: str, pin: str) -> bool:
    from argon2 import PasswordHasher, extract_parameters
    from argon2.exceptions import Argon2Error, InvalidHash, VerifyMismatchError

    try:
        cost = extract_parameters(known)
        if cost.memory_cost > MAX_MEMORY_KIB or cost.time_cost > MAX_PASSES or cost.parallelism > 64:
            raise PinUnusable("the kept hash of the PIN costs too much to compute")
        return PasswordHasher().verify(known, pin)
    except VerifyMismatchError:
        return False
    except (Argon2Error, InvalidHash) as error:
        raise PinUnusable("the kept hash of the PIN cannot be read") from error


@contextmanager
def _attempts(bench_folder: Path) -> Iterator[tuple[Attempts, Callable[[Attempts], None]]]:
    """The attempts so far, and how to keep the new count; one process at a time."""
    folder = bench_folder / STATE_FOLDER
    path = folder / ATTEMPTS_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / f"{ATTEMPTS_FILE}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PinUnusable(f"cannot count attempts in {folder}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _read(path), lambda attempts: _write(path, attempts)
    finally:
        os.close(lock)


def _read(path: Path) -> Attempts:
    """What is kept; many failures where it cannot be understood, so that damage opens nothing."""
    try:
        kept = Attempts(**json.loads(path.read_bytes()[:4096]))
        valid = type(kept.failures) is int and kept.failures >= 0 and isinstance(kept.last, int | float)
    except FileNotFoundError:
        return Attempts()
    except (OSError, ValueError, TypeError, RecursionError):
        valid = False
    return kept if valid else Attempts(_MANY_FAILURES, path.stat().st_mtime if path.exists() else 0.0)


def _write(path: Path, attempts: Attempts) -> None:
    try:
        files.write(path, json.dumps(asdict(attempts)).encode(), mode=0o600)
    except files.ImageFileUnwritable as error:
        raise PinUnusable(f"cannot count attempts: {error.what}") from error


def _wrong_words(after: Attempts, now: float) -> str:
    if wait := remaining(after, now):
        return f"that is not the PIN; the next attempt is possible in {_duration(wait)}"
    left = FREE_FAILURES - after.failures
    if left == 1:
        return "that is not the PIN; one more attempt before it is locked"
    return f"that is not the PIN; {left} more attempts before it is locked"


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 120 else f"{round(seconds / 60)} min"
