"""A locked chip, or another chip than the target file names, is told before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flash_bench import bench_of, image_of, random_bytes
from workbench.boards.bench import ProbeRef, Slot
from workbench.boards.target import load_target
from workbench.errors import Blame
from workbench.probes.erase import erase_chip, erase_range, recover
from workbench.probes.errors import (
    ChipLocked,
    ChipWrong,
    FlashVerifyFailed,
    ImageNeedsErase,
    ProbeMissing,
    RecoverUnsupported,
)
from workbench.probes.flash import flash
from workbench.probes.read import read_range
from workbench.probes.session import open_debug
from workbench.probes.verify import verify_image

RBPCONF = 0x1000_1004
LOCKING = b"\xff\x00\xff\xff"


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[Slot]:
    with bench_of(tmp_path, v1="microbit-v1") as bench:
        yield bench.slots["v1"]


def test_a_locked_chip_is_reported_and_only_recovered_by_name(slot: Slot, tmp_path: Path) -> None:
    secret = random_bytes(3000, seed=1)
    locking = image_of(slot, tmp_path, {0: secret, RBPCONF: LOCKING})
    other = image_of(slot, tmp_path, {0: b"other"})
    with open_debug(slot) as debug:
        chip = debug.chip_id()
        assert not debug.is_locked()
        assert flash(debug, locking).verification.sha256 == locking.sha256
        state = debug.lock_state()
        assert (state.configured, state.observed) == (True, False)
        debug.reset()
        state = debug.lock_state()
        assert (state.configured, state.observed) == (True, True)
    with open_debug(slot) as debug:
        for act in (
            lambda: flash(debug, other),
            lambda: flash(debug, other, erase="chip", permit_identity=True),
            lambda: erase_chip(debug, permit_identity=True),
            lambda: erase_range(debug, 0, 0x400),
            lambda: read_range(debug, 0, 16),
        ):
            with pytest.raises(ChipLocked) as locked:
                act()
            assert locked.value.blame is Blame.UNIT
        assert debug.chip_id() == chip
    slot.need_power().cycle(0)
    with open_debug(slot) as debug:
        assert debug.is_locked()
        recover(debug)
        assert not debug.is_locked()
        assert set(read_range(debug, 0, 0x4_0000)) == {0xFF}
        assert debug.chip_id() == chip
        flash(debug, other)


def test_another_core_than_the_targets_is_a_wrong_chip(slot: Slot) -> None:
    wrong = replace(slot, target=load_target("mps2-an385"))
    with pytest.raises(ChipWrong, match="cortex-m0"), open_debug(wrong):
        pass
    with open_debug(slot) as debug:
        assert not debug.is_locked()


def test_a_board_without_power_is_missing(slot: Slot) -> None:
    slot.need_power().off()
    with pytest.raises(ProbeMissing) as missing, open_debug(slot):
        pass
    assert missing.value.blame is Blame.STATION
    part = replace(slot, probe=ProbeRef(slot.need_probe().unique_id[:-1]))
    slot.need_power().on()
    with pytest.raises(ProbeMissing), open_debug(part):
        pass


def test_configuration_bits_that_would_rise_are_refused_before_writing(slot: Slot, tmp_path: Path) -> None:
    with open_debug(slot) as debug:
        flash(debug, image_of(slot, tmp_path, {0: b"old", 0x1000_1080: b"\x0f\xff\xff\xff"}))
        with pytest.raises(ImageNeedsErase):
            flash(debug, image_of(slot, tmp_path, {0: b"new", 0x1000_1080: b"\xff\xff\xff\xff"}))
        assert read_range(debug, 0, 3) == b"old"


def test_the_first_difference_is_shown(slot: Slot, tmp_path: Path) -> None:
    held = random_bytes(9000, seed=2)
    wanted = bytearray(held)
    wanted[5000] ^= 0xFF
    wanted[8000] ^= 0x01
    with open_debug(slot) as debug:
        flash(debug, image_of(slot, tmp_path, {0x100: held}))
        assert verify_image(debug, image_of(slot, tmp_path, {0x100: held})).bytes_read == 9000
        with pytest.raises(FlashVerifyFailed) as failed:
            verify_image(debug, image_of(slot, tmp_path, {0x100: bytes(wanted)}))
    assert failed.value.address == 0x100 + 5000
    assert failed.value.expected == bytes(wanted[5000:5016])
    assert failed.value.found == held[5000:5016]
    assert failed.value.differing == 2
    assert failed.value.blame is Blame.UNIT


def test_a_chip_without_flash_runs_its_image_from_ram(tmp_path: Path) -> None:
    from tests.flash_bench import COUNTER, counting_program
    from workbench.probes.start import start_image

    with bench_of(tmp_path, m1="mps2-an385") as bench:
        slot = bench.slots["m1"]
        with open_debug(slot) as debug:
            image = image_of(slot, tmp_path, {0: counting_program(), 0x1000: random_bytes(50_000, seed=3)})
            result = flash(debug, image)
            assert result.verification.sha256 == image.sha256
            assert result.sectors_erased == 0
            start_image(debug, image)
            first = debug.read_word(COUNTER)
            assert any(debug.read_word(COUNTER) != first for _ in range(1000))
            with pytest.raises(RecoverUnsupported):
                recover(debug)
