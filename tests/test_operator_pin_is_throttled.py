"""The engineers' PIN opens to nobody who guesses: attempts are counted on disk before they are judged."""

from __future__ import annotations

import concurrent.futures
import fcntl
import json
import os
import threading
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from workbench.settings import STATE_FOLDER
from workbench.station import operators_pin as pins
from workbench.station.operators import OPERATORS_FILE, Operators, load_operators, save_operators
from workbench.station.operators_throttle import (
    FREE_FAILURES,
    LONGEST_WAIT_S,
    Attempts,
    failed,
    rebased,
    remaining,
    wait_of,
)

PIN = "482915"
WRONG = "482916"
NOON = 1_700_000_000.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A station with a PIN, hashed at little cost so that many attempts take little time."""
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    save_operators(tmp_path, Operators().with_pin(cheap.hash(PIN)))
    (tmp_path / STATE_FOLDER).mkdir()
    return tmp_path


def attempt(folder: Path, pin: str, now: float = NOON) -> str:
    """How an attempt ends: "right", or the error's code."""
    try:
        pins.check_pin(folder, pin, lambda: now)
    except (pins.PinWrong, pins.PinLocked, pins.PinUnusable, pins.PinNotSet) as error:
        return error.code
    return "right"


def test_the_right_pin_opens_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    folder = tmp_path
    pins.set_pin(folder, PIN)

    assert attempt(folder, PIN) == "right"
    assert attempt(folder, WRONG) == "pin-wrong"
    kept = (folder / OPERATORS_FILE).read_text(encoding="utf-8")
    assert "$argon2id$v=19$m=65536,t=3," in kept
    assert PIN not in kept
    assert (folder / OPERATORS_FILE).stat().st_mode & 0o777 == 0o600


def test_wrong_pins_lock_it_and_waiting_opens_it(folder: Path) -> None:
    assert [attempt(folder, WRONG) for _ in range(FREE_FAILURES)] == ["pin-wrong"] * FREE_FAILURES
    assert attempt(folder, PIN) == "pin-locked"
    assert attempt(folder, PIN, NOON + 29) == "pin-locked"
    assert attempt(folder, WRONG, NOON + 30) == "pin-wrong"
    assert attempt(folder, PIN, NOON + 89) == "pin-locked"  # the wait has doubled
    assert attempt(folder, PIN, NOON + 90) == "right"
    assert attempt(folder, WRONG, NOON + 90) == "pin-wrong"
    assert attempt(folder, PIN, NOON + 90) == "right"  # counted from nought again


def test_a_clock_that_was_set_back_locks_no_longer_than_the_longest_wait(folder: Path) -> None:
    for _ in range(FREE_FAILURES):
        attempt(folder, WRONG)
    past = NOON - 10_000_000

    assert attempt(folder, PIN, past) == "pin-locked"
    assert attempt(folder, PIN, past + 29) == "pin-locked"
    assert attempt(folder, PIN, past + 30) == "right"


def test_an_attempt_counts_also_if_the_process_is_killed_in_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_known: str, _pin: str) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pins, "_is_pin", killed)
        for _ in range(FREE_FAILURES):
            with pytest.raises(KeyboardInterrupt):
                pins.check_pin(folder, WRONG, lambda: NOON)
    assert attempt(folder, PIN) == "pin-locked"


def test_two_at_once_have_no_more_attempts_than_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt that begins while another one is counted waits for that count."""
    path = folder / STATE_FOLDER / pins.ATTEMPTS_FILE
    about_to_wait = threading.Event()
    flock = fcntl.flock

    def seen(descriptor: int, operation: int) -> None:
        about_to_wait.set()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", seen)
    with (
        path.with_name(f"{path.name}.lock").open("w") as other,
        concurrent.futures.ThreadPoolExecutor() as threads,
    ):
        flock(other.fileno(), fcntl.LOCK_EX)
        end = threads.submit(attempt, folder, PIN)
        assert about_to_wait.wait(60)
        path.write_text(json.dumps({"failures": FREE_FAILURES, "last": NOON}), encoding="utf-8")
        flock(other.fileno(), fcntl.LOCK_UN)

        assert end.result(60) == "pin-locked"


@pytest.mark.parametrize(
    "content", ["", "{}x", "[]", '{"failures": -1}', '{"failures": "1"}', "[" * 4000, '{"other": 1}']
)
def test_damage_to_the_count_opens_nothing(folder: Path, content: str) -> None:
    path = folder / STATE_FOLDER / pins.ATTEMPTS_FILE
    path.write_text(content, encoding="utf-8")
    os.utime(path, (NOON, NOON))

    assert attempt(folder, PIN) == "pin-locked"
    assert attempt(folder, PIN, NOON + LONGEST_WAIT_S) == "right"
    assert json.loads(path.read_text(encoding="utf-8"))["failures"] == 0


def test_a_hash_that_costs_too_much_is_not_computed(folder: Path) -> None:
    known = load_operators(folder)
    assert known.pin is not None
    save_operators(folder, known.with_pin(known.pin.hash.replace("m=64,", "m=999999999,")))

    assert attempt(folder, PIN) == "pin-unusable"
    save_operators(folder, known.with_pin("$argon2id$garbage"))
    assert attempt(folder, PIN) == "pin-unusable"


def test_without_a_pin_the_engineer_mode_stays_closed(tmp_path: Path) -> None:
    assert attempt(tmp_path, "") == "pin-not-set"
    assert attempt(tmp_path, PIN) == "pin-not-set"


@pytest.mark.parametrize(
    "pin", ["", "1234", "000000", "123456", "987654", "890123", "12345a", "4829155555555", "٤٨٢٩١٥"]
)
def test_pins_that_are_easy_to_guess_are_refused(pin: str, tmp_path: Path) -> None:
    with pytest.raises(pins.PinTooSimple):
        pins.set_pin(tmp_path, pin)
    assert not (tmp_path / OPERATORS_FILE).exists()


def test_a_new_pin_ends_the_old_one_and_its_lock(folder: Path) -> None:
    for _ in range(FREE_FAILURES):
        attempt(folder, WRONG)
    pins.set_pin(folder, "739164")

    assert attempt(folder, PIN) == "pin-wrong"
    assert attempt(folder, "739164") == "right"


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.booleans()), max_size=60))
def test_no_order_of_attempts_and_clocks_beats_the_throttle(moves: list[tuple[float, bool]]) -> None:
    """`moves`: how the clock moved, and whether it was set rather than time passed."""
    attempts, now, guesses, passed = Attempts(), 0.0, 0, 0.0
    for seconds, was_set in moves:
        now += seconds if was_set else abs(seconds)
        passed += abs(seconds)
        wait = remaining(attempts, now)
        assert 0 <= wait <= LONGEST_WAIT_S
        if wait:
            attempts = rebased(attempts, now)
            assert remaining(attempts, now + wait) == 0
        else:
            attempts = failed(attempts, now)
            guesses += 1
    assert attempts.failures == guesses


def test_waits_grow_to_their_longest() -> None:
    waits = [wait_of(failures) for failures in range(40)]

    assert waits == sorted(waits)
    assert waits[: FREE_FAILURES + 2] == [0, 0, 0, 30, 60]
    assert waits[-1] == LONGEST_WAIT_S
    assert wait_of(10**9) == LONGEST_WAIT_S
