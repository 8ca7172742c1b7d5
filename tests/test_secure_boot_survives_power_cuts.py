"""Whenever the power goes, even in the middle of a word, the board comes back with an allowed image.

A sample; the trials enumerate all cuts.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from pyocd.core.exceptions import Error as PyocdError

from tests.secure_lab import (
    COUNTER,
    IDLE,
    REQUEST_TEST,
    SLOT0,
    SLOT1,
    STATE,
    TRIAL,
    Board,
    BootState,
    bench,
    maker,
    newest_state,
    plain,
)
from tests.twin_lab import Line, attached, twin_in, wait_until
from workbench.images.format import parse
from workbench.virtual.cut import CutMode
from workbench.virtual.twins import Twin

RELAY: Final = 0x20000000
RELAY_ON: Final = 0x52454C59
OLD, NEW = "1.0.0", "1.1.0"


@dataclass
class Bench:
    """A twin, its factory contents, and two releases as they lie in slot 1 and in slot 0."""

    twin: Twin
    base: dict[int, bytes]
    slot1: dict[str, bytes]
    slot0: dict[str, bytes]

    def start(self, contents: dict[int, bytes], cut: tuple[int, CutMode, int] | None) -> None:
        """Fill the memories and let the board boot, until the power goes if there is a cut."""
        with contextlib.suppress(PyocdError), attached(self.twin) as target:
            board = Board(self.twin, target, Line.__new__(Line))
            board.fill({**self.base, **contents})
            target.reset_and_halt()
            if cut is None:
                self.twin.power.count_operations()
            else:
                self.twin.power.arm_cut(*cut)
            target.resume()

    def end(self) -> tuple[bytes, int]:
        """Flash, and the highest counter, once the application was started."""
        with attached(self.twin, connect="attach") as target:
            wait_until(lambda: target.read32(RELAY) == RELAY_ON, "the application was started")
            target.halt()
            words = target.read_memory_block32(COUNTER, 32)
            counter = max([w & 0xFFFF for w in words if w >> 16 == ~w & 0xFFFF], default=0)
            return bytes(target.read_memory_block8(0, 0x40000)), counter

    def versions(self, flash: bytes) -> tuple[str, str]:
        """Which release is in which slot, to the last byte."""
        first = [v for v, image in self.slot0.items() if flash[SLOT0:].startswith(image)]
        second = [v for v, image in self.slot1.items() if flash[SLOT1:].startswith(image)]
        return (*first, "damaged")[0], (*second, "damaged")[0]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Encrypted images, so that a page is not the same in both slots."""
    folder = tmp_path_factory.mktemp("cuts")
    made = maker("tier-1-plus", folder / "keys")
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        runtime = stack.enter_context(tempfile.TemporaryDirectory(prefix="wb-", dir="/tmp"))
        patch.setenv("WORKBENCH_RUNTIME", runtime)
        twin = stack.enter_context(twin_in(folder))
        with attached(twin) as target:
            factory = Board(twin, target, Line.__new__(Line))
            chip, base = factory.chip_id, bench("tier-1-plus", factory, made)
        images = {
            OLD: made.image(OLD, size=2500, chip_id=chip),
            NEW: made.image(NEW, size=3500, seed=2, counter=2, chip_id=chip),
        }
        assert parse(images[OLD]).header.flags, "encrypted"
        yield Bench(twin, base, images, {v: plain(i, made, chip) for v, i in images.items()})


def survives(
    board: Bench, contents: dict[int, bytes], seed: int, cuts: int
) -> list[tuple[str, str, BootState, int]]:
    """Boot with the power going at sampled operations; how each ended."""
    board.start(contents, None)
    board.end()
    total = board.twin.power.operations()
    chosen, found = random.Random(seed), []
    for _ in range(cuts):
        mode: CutMode = chosen.choice(("clean", "torn"))
        board.start(contents, (chosen.randrange(1, total + 1), mode, chosen.randrange(1 << 30)))
        wait_until(lambda: board.twin.power.state() == "off", "the power went")
        assert board.twin.power.cut_report() is not None
        board.twin.power.on()
        flash, counter = board.end()
        found.append((*board.versions(flash), newest_state(flash), counter))
    return found


def test_install(board: Bench) -> None:
    request = BootState(phase=REQUEST_TEST).encode()
    contents = {SLOT0: board.slot0[OLD], SLOT1: board.slot1[NEW], STATE: request}
    for slot0, slot1, state, counter in survives(board, contents, 1, 8):
        if state.phase == TRIAL:
            assert (slot0, slot1, counter) == (NEW, OLD, 1)
        else:  # the last operations: it was on trial when the power went
            assert (slot0, slot1, counter, state.phase) == (OLD, NEW, 1, IDLE)


def test_revert(board: Bench) -> None:
    trial = BootState(phase=TRIAL).encode()
    contents = {SLOT0: board.slot0[NEW], SLOT1: board.slot1[OLD], STATE: trial}
    for slot0, slot1, state, counter in survives(board, contents, 2, 5):
        assert (slot0, slot1, counter, state.phase, state.last_result) == (OLD, NEW, 1, IDLE, 2)


def test_recovery_into_an_empty_slot(board: Bench) -> None:
    for slot0, _, state, counter in survives(board, {SLOT1: board.slot1[NEW]}, 3, 4):
        assert (slot0, counter, state.phase, state.last_result) == (NEW, 2, IDLE, 3)


def test_each_operation_of_a_counter_update(board: Bench) -> None:
    """A boot that does nothing but raise the counter: one word."""
    for mode in ("clean", "torn"):
        for seed in range(3):
            contents = {SLOT0: board.slot0[NEW], STATE: BootState(phase=IDLE).encode()}
            board.start(contents, (1, mode, seed))
            wait_until(lambda: board.twin.power.state() == "off", "the power went")
            board.twin.power.on()
            flash, counter = board.end()
            assert board.versions(flash)[0] == NEW
            assert counter == 2
