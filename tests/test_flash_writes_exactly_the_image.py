"""After flashing the chip holds the image, and elsewhere what it held; the result says what was done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flash_bench import COUNTER, bench_of, counting_program, image_of, random_bytes
from workbench.boards.bench import Slot
from workbench.events import Event, Progress
from workbench.probes.erase import erase_chip, erase_range
from workbench.probes.errors import ImageOverIdentity, RangeInvalid
from workbench.probes.flash import flash
from workbench.probes.read import read_range
from workbench.probes.session import Debug, open_debug
from workbench.probes.start import start_image

SECTOR = 0x400
IDENTITY = 0x3_F800
CERTIFICATES = 0x3_E000


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slot]:
    with bench_of(tmp_path_factory.mktemp("bench"), v1="microbit-v1") as bench:
        yield bench.slots["v1"]


@pytest.fixture
def debug(slot: Slot) -> Iterator[Debug]:
    with open_debug(slot) as session:
        yield session


def test_every_byte_is_written_and_read_back(debug: Debug, tmp_path: Path) -> None:
    events: list[Event] = []
    image = image_of(debug.slot, tmp_path, {0: random_bytes(40_000, seed=1)})
    result = flash(debug, image, emit=events.append)
    assert result.bytes_programmed == result.image_bytes == 40_000
    assert result.sectors_erased == 40
    assert result.verification.method == "read-back"
    assert result.verification.sha256 == result.image_sha256 == image.sha256
    assert read_range(debug, 0, 40_000) == image.segments[0].data
    for step in ("erase", "program", "verify"):
        seen = [event for event in events if isinstance(event, Progress) and event.step == step]
        assert seen[-1].done == seen[-1].total >= 40_000
        assert [event.done for event in seen] == sorted(event.done for event in seen)


def test_an_unchanged_image_writes_nothing_and_is_still_verified(debug: Debug, tmp_path: Path) -> None:
    image = image_of(debug.slot, tmp_path, {0: random_bytes(20_000, seed=2)})
    flash(debug, image)
    again = flash(debug, image)
    assert (again.bytes_programmed, again.sectors_erased) == (0, 0)
    assert again.bytes_skipped == 20_000
    assert again.verification.sha256 == image.sha256
    forced = flash(debug, image, skip_unchanged=False)
    assert forced.bytes_programmed == 20_000


def test_only_sectors_that_change_are_erased(debug: Debug, tmp_path: Path) -> None:
    first = random_bytes(16 * SECTOR, seed=3)
    flash(debug, image_of(debug.slot, tmp_path, {0: first}))
    changed = bytearray(first)
    changed[5 * SECTOR + 17] ^= 1
    changed[15 * SECTOR + 1023] ^= 0x80
    result = flash(debug, image_of(debug.slot, tmp_path, {0: bytes(changed)}))
    assert (result.sectors_erased, result.sectors_skipped) == (2, 14)
    assert read_range(debug, 0, len(changed)) == changed


def test_bytes_beside_the_image_are_kept(debug: Debug, tmp_path: Path) -> None:
    before = random_bytes(8 * SECTOR, seed=4)
    flash(debug, image_of(debug.slot, tmp_path, {0x8000: before}))
    parts = {0x8000 + 10: b"ten", 0x8000 + 1500: random_bytes(1000, seed=5)}
    result = flash(debug, image_of(debug.slot, tmp_path, parts))
    wanted = bytearray(before)
    for address, data in parts.items():
        wanted[address - 0x8000 : address - 0x8000 + len(data)] = data
    assert read_range(debug, 0x8000, len(before)) == wanted
    assert result.bytes_programmed == 1003
    assert result.bytes_kept == 3 * SECTOR - 1003


def test_a_chip_erase_keeps_nothing(debug: Debug, tmp_path: Path) -> None:
    flash(debug, image_of(debug.slot, tmp_path, {0x8000: random_bytes(SECTOR, seed=6)}))
    result = flash(debug, image_of(debug.slot, tmp_path, {10: b"ten"}), erase="chip")
    held = read_range(debug, 0, 0x4_0000)
    assert held[10:13] == b"ten"
    assert set(held[:10] + held[13:]) == {0xFF}
    assert result.verification.method == "read-back"


def test_without_verification_the_result_says_so(debug: Debug, tmp_path: Path) -> None:
    image = image_of(debug.slot, tmp_path, {0: random_bytes(5000, seed=7)})
    result = flash(debug, image, verify=False)
    assert (result.verification.method, result.verification.sha256) == ("none", None)
    assert read_range(debug, 0, 5000) == image.segments[0].data


def test_configuration_words_are_written_without_an_erase(debug: Debug, tmp_path: Path) -> None:
    customer = 0x1000_1080
    flash(debug, image_of(debug.slot, tmp_path, {0: random_bytes(100, seed=8)}), erase="chip")
    for data in (b"\xf0\xff\xff\xff", b"\xf0\xff\x0f\xff", b"\xf0\xff\x0f\xff"):
        result = flash(debug, image_of(debug.slot, tmp_path, {customer: data}))
        assert read_range(debug, customer, 4) == data
        assert result.sectors_erased == 0
    assert read_range(debug, 0, 100) == random_bytes(100, seed=8)


def test_ranges_are_erased_by_whole_sectors(debug: Debug, tmp_path: Path) -> None:
    before = random_bytes(4 * SECTOR, seed=9)
    flash(debug, image_of(debug.slot, tmp_path, {0: before}))
    with pytest.raises(RangeInvalid, match="0x00000400–0x00000bff"):
        erase_range(debug, SECTOR + 4, SECTOR)
    for start, size in ((0x4_0000 - SECTOR, 2 * SECTOR), (0x2000_0000, SECTOR), (0, 0), (0x1000_1000, 0x100)):
        with pytest.raises(RangeInvalid):
            erase_range(debug, start, size)
    assert read_range(debug, 0, len(before)) == before
    assert erase_range(debug, SECTOR, 2 * SECTOR).bytes_erased == 2 * SECTOR
    wanted = before[:SECTOR] + b"\xff" * 2 * SECTOR + before[3 * SECTOR :]
    assert read_range(debug, 0, len(before)) == wanted


@pytest.mark.parametrize("held_at", [IDENTITY, IDENTITY + SECTOR, CERTIFICATES, CERTIFICATES + SECTOR])
def test_an_identity_is_not_erased_in_passing(debug: Debug, tmp_path: Path, held_at: int) -> None:
    identity = image_of(debug.slot, tmp_path, {held_at: b"who I am"}, permit_identity=True)
    flash(debug, identity)
    with pytest.raises(ImageOverIdentity):
        erase_chip(debug)
    with pytest.raises(ImageOverIdentity):
        erase_range(debug, held_at, SECTOR)
    with pytest.raises(ImageOverIdentity):
        flash(debug, image_of(debug.slot, tmp_path, {0: b"app"}), erase="chip")
    assert read_range(debug, held_at, 8) == b"who I am"
    assert erase_range(debug, IDENTITY - SECTOR, SECTOR).bytes_erased == SECTOR
    erase_chip(debug, permit_identity=True)
    assert set(read_range(debug, 0, 0x4_0000)) == {0xFF}
    assert erase_chip(debug).bytes_erased == 0x4_0000


def test_what_was_flashed_runs_also_after_the_session(slot: Slot, tmp_path: Path) -> None:
    with open_debug(slot) as debug:
        image = image_of(slot, tmp_path, {0: counting_program()})
        flash(debug, image)
        assert debug.is_halted()
        start_image(debug, image)
        assert not debug.is_halted()
    with open_debug(slot, connect="attach") as debug:
        assert not debug.is_halted()
        first = debug.read_word(COUNTER)
        assert wait_for_other(debug, first) != first


def test_a_chip_that_was_not_changed_runs_on(slot: Slot, tmp_path: Path) -> None:
    with open_debug(slot) as debug:
        image = image_of(slot, tmp_path, {0: counting_program()})
        flash(debug, image)
        start_image(debug, image)
    with open_debug(slot) as debug:
        assert debug.is_halted()
        assert debug.chip_id() is not None
    with open_debug(slot, connect="attach") as debug:
        assert not debug.is_halted()


def wait_for_other(debug: Debug, value: int) -> int:
    """The counter's word once it is another; the deadline is the test's own."""
    for _ in range(1000):
        if (now := debug.read_word(COUNTER)) != value:
            return now
    return value


def test_ranges_outside_memory_are_not_read(debug: Debug) -> None:
    for start, size in ((0x3_FFFF, 2), (0x5000_0000, 4), (0, 0), (-4, 8)):
        with pytest.raises(RangeInvalid, match="flash"):
            read_range(debug, start, size)
    assert len(read_range(debug, 1, 4094)) == 4094
