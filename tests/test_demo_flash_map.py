"""The map of a flash after a power cut tells written, torn and erased sectors apart, and what was known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.station.flashmap import BLANK, NEW, TORN, FlashMap, agrees, flash_map

SECTOR = 16
WANTED = bytes(range(3 * SECTOR))


def test_each_kind_is_seen() -> None:
    held = WANTED[:SECTOR] + WANTED[SECTOR : SECTOR + 4] + b"\xff" * (2 * SECTOR - 4)
    assert flash_map(0x400, SECTOR, WANTED, held) == FlashMap(0x400, SECTOR, NEW + TORN + BLANK)


def test_a_blank_sector_that_was_to_be_blank_is_done() -> None:
    assert flash_map(0, SECTOR, b"\xff" * SECTOR, b"\xff" * SECTOR).kinds == NEW


def test_unlike_lengths_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="16 bytes wanted, 15 held"):
        flash_map(0, SECTOR, bytes(16), bytes(15))


@given(st.binary(max_size=200), st.data())
def test_every_sector_gets_one_letter_and_new_means_equal(wanted: bytes, data: st.DataObject) -> None:
    held = data.draw(st.binary(min_size=len(wanted), max_size=len(wanted)))
    found = flash_map(0, SECTOR, wanted, held)
    assert len(found.kinds) == -(-len(wanted) // SECTOR)
    for number, kind in enumerate(found.kinds):
        part = slice(number * SECTOR, (number + 1) * SECTOR)
        assert (kind == NEW) == (wanted[part] == held[part])


@pytest.mark.parametrize(
    ("written", "erased", "right"),
    [
        ([[0, 16]], [[32, 48]], True),
        ([], [], True),
        ([[0, 32]], [], False),
        ([], [[16, 48]], False),
    ],
)
def test_what_was_known_is_held_against_what_is_found(
    written: list[list[int]], erased: list[list[int]], right: bool
) -> None:
    assert agrees(FlashMap(0, SECTOR, NEW + TORN + BLANK), written, erased) is right
