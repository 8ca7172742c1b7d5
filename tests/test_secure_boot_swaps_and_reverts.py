"""Install on trial, confirm or revert, recover: what the bootloader leaves in slots, state and counter."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.secure_lab import (
    IDLE,
    REQUEST_PERM,
    REQUEST_TEST,
    SLOT0,
    SLOT1,
    STATE,
    TRIAL,
    Board,
    BootState,
    bench,
    board_on,
    maker,
    newest_state,
    plain,
)
from tests.twin_lab import twin_in

INSTALLED, CONFIRMED, REVERTED = 3, 1, 2


@dataclass
class Lab:
    """A board, and an old and a new image, as in slot 1 and as in slot 0."""

    board: Board
    base: dict[int, bytes]
    old: bytes
    new: bytes
    old0: bytes
    new0: bytes

    def assert_slots(self, first: bytes, second: bytes) -> None:
        """The slots hold these to the last byte."""
        flash = self.board.flash()
        assert flash[SLOT0 : SLOT0 + len(first)] == first
        assert flash[SLOT1 : SLOT1 + len(second)] == second

    def request(self, phase: int) -> None:
        """The old image runs, the new one is wanted."""
        state = BootState(phase=phase).encode()
        self.board.fill({**self.base, SLOT0: self.old0, SLOT1: self.new, STATE: state})

    def append(self, state: BootState) -> None:
        """A record behind the newest, as the application writes it."""
        flash = self.board.flash()
        at = next(at for at in range(STATE, STATE + 0x800, 128) if flash[at : at + 128] == b"\xff" * 128)
        self.board.target.halt()
        self.board.write({at: state.encode()})


@pytest.fixture(scope="module", params=["tier-2-rsa encrypted", "tier-2-rsa plain", "tier-1"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A board with images of unequal size, the old one the larger."""
    folder, profile = tmp_path_factory.mktemp("swap"), request.param.split()[0]
    encrypt = None if profile == "tier-1" else "encrypted" in request.param
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        runtime = stack.enter_context(tempfile.TemporaryDirectory(prefix="wb-", dir="/tmp"))
        patch.setenv("WORKBENCH_RUNTIME", runtime)
        board = stack.enter_context(board_on(stack.enter_context(twin_in(folder))))
        made = maker(profile, folder / "keys")
        old = made.image("1.0.0", size=9001, seed=1, counter=3, encrypt=encrypt)
        new = made.image("1.1.0", size=5003, seed=2, counter=4, encrypt=encrypt)
        yield Lab(board, bench(profile, board, made), old, new, plain(old, made), plain(new, made))


def test_unconfirmed_is_reverted(lab: Lab) -> None:
    lab.request(REQUEST_TEST)
    assert lab.board.boot()[1:] == ["installing", "starting 1.1.0"]
    lab.assert_slots(lab.new0, lab.old)
    state = newest_state(lab.board.flash())
    assert (state.phase, state.last_result) == (TRIAL, 0)
    assert lab.board.boot()[1:] == ["reverting", "starting 1.0.0"]
    lab.assert_slots(lab.old0, lab.new)
    state = newest_state(lab.board.flash())
    assert (state.phase, state.last_result) == (IDLE, REVERTED)
    assert lab.board.boot()[1:] == ["starting 1.0.0"]
    assert lab.board.counter() == [0xFFFC0003], "an image on trial does not raise the counter"


def test_confirmed_stays_and_closes_the_way_back(lab: Lab) -> None:
    lab.request(REQUEST_TEST)
    lab.board.boot()
    seq = newest_state(lab.board.flash()).seq
    lab.append(BootState(seq + 1, IDLE, CONFIRMED))
    assert lab.board.boot()[1:] == ["starting 1.1.0"]
    assert lab.board.counter() == [0xFFFC0003, 0xFFFB0004]
    lab.append(BootState(seq + 2, REQUEST_TEST))
    assert lab.board.boot()[1:] == ["slot 1 refused: counter", "starting 1.1.0"]
    lab.assert_slots(lab.new0, lab.old)


def test_the_counter_rises_before_the_old_image_can_be_asked_for(lab: Lab) -> None:
    """Confirmed and in the same breath asked to go back: no boot in between."""
    lab.request(REQUEST_TEST)
    lab.board.boot()
    lab.append(BootState(newest_state(lab.board.flash()).seq + 1, REQUEST_TEST))
    assert lab.board.boot()[1:] == ["slot 1 refused: counter", "starting 1.1.0"]


def test_for_good(lab: Lab) -> None:
    lab.request(REQUEST_PERM)
    assert lab.board.boot()[1:] == ["installing", "starting 1.1.0"]
    state = newest_state(lab.board.flash())
    assert (state.phase, state.last_result) == (IDLE, INSTALLED)
    assert lab.board.boot()[1:] == ["starting 1.1.0"]


def test_an_image_on_trial_stays_when_the_one_before_is_gone(lab: Lab) -> None:
    lab.board.fill({**lab.base, SLOT0: lab.new0, STATE: BootState(phase=TRIAL).encode()})
    assert lab.board.boot()[1:] == ["slot 1 refused: magic", "starting 1.1.0"]
    assert newest_state(lab.board.flash()).phase == IDLE


def test_a_damaged_image_on_trial_is_reverted(lab: Lab) -> None:
    broken = lab.new0[:2000] + bytes([lab.new0[2000] ^ 1]) + lab.new0[2001:]
    trial = BootState(phase=TRIAL).encode()
    lab.board.fill({**lab.base, SLOT0: broken, SLOT1: lab.old, STATE: trial})
    assert lab.board.boot()[1:] == ["reverting", "starting 1.0.0"]


def test_records_wander_through_both_pages(lab: Lab) -> None:
    """Many updates: the state is right across page ends, and damaged records are passed over."""
    lab.request(REQUEST_TEST)
    for number in range(8):
        lab.board.boot()
        state = newest_state(lab.board.flash())
        assert state.phase == (TRIAL if number % 2 == 0 else IDLE)
        if state.phase == IDLE:
            flash = lab.board.flash()
            free = [at for at in range(STATE, STATE + 0x800, 128) if flash[at : at + 128] == b"\xff" * 128]
            newest = max(at for at in range(STATE, STATE + 0x800, 128) if at not in free)
            if newest + 128 in free and (newest + 256) % 0x400:
                lab.board.target.halt()
                lab.board.write({newest + 128: b"WBST" + b"\x00" * 60})
            lab.append(BootState(state.seq + 1, REQUEST_TEST))
    assert newest_state(lab.board.flash()).seq > 16
