"""Two boards swapped between two slots are noticed, and only an explicit word accepts the new chip."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.boards.bench import Slot, load_bench
from workbench.boards.sightings import ChipSwapped, SightingUnreadable, accept_chip, check_chip, last_sighting
from workbench.errors import Blame

BENCH = "".join(
    f'[slots.{n}]\ntarget = "microbit-v1"\nprobe = {{ unique_id = "{n}" }}\n' for n in ("a1", "a2", "a3")
)


@pytest.fixture
def slots(tmp_path: Path) -> dict[str, Slot]:
    (tmp_path / "bench.toml").write_text(BENCH)
    return load_bench(tmp_path / "bench.toml").slots


def test_a_new_chip_is_remembered_and_known_again(slots: dict[str, Slot]) -> None:
    assert last_sighting(slots["a1"]) is None
    first = check_chip(slots["a1"], "0011")
    assert last_sighting(slots["a1"]) == first
    again = check_chip(slots["a1"], "0011")
    assert again.first_seen == first.first_seen


def test_swapped_boards_are_refused_in_both_slots_and_the_other_is_named(slots: dict[str, Slot]) -> None:
    check_chip(slots["a1"], "0011")
    check_chip(slots["a2"], "0022")
    with pytest.raises(
        ChipSwapped, match="slot a1 holds chip 0022, and saw 0011 last; slot a2 saw it last"
    ) as swapped:
        check_chip(slots["a1"], "0022")
    assert swapped.value.blame is Blame.STATION
    assert "--accept-chip" in swapped.value.action
    with pytest.raises(ChipSwapped, match="slot a1 saw it last"):
        check_chip(slots["a2"], "0011")
    check_chip(slots["a1"], "0011")
    check_chip(slots["a2"], "0022")


def test_a_strange_chip_is_refused_until_accepted(slots: dict[str, Slot]) -> None:
    check_chip(slots["a1"], "0011")
    for _ in range(2):
        with pytest.raises(ChipSwapped):
            check_chip(slots["a1"], "0033")
    accept_chip(slots["a1"], "0033")
    check_chip(slots["a1"], "0033")
    with pytest.raises(ChipSwapped):
        check_chip(slots["a1"], "0011")


def test_a_board_moved_into_a_new_slot_is_noticed(slots: dict[str, Slot]) -> None:
    check_chip(slots["a1"], "0011")
    with pytest.raises(ChipSwapped, match="new to it; slot a1 saw it last"):
        check_chip(slots["a3"], "0011")
    assert last_sighting(slots["a3"]) is None


def test_accepting_a_swap_settles_it_for_both(slots: dict[str, Slot]) -> None:
    check_chip(slots["a1"], "0011")
    check_chip(slots["a2"], "0022")
    accept_chip(slots["a1"], "0022")
    accept_chip(slots["a2"], "0011")
    check_chip(slots["a1"], "0022")
    check_chip(slots["a2"], "0011")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"chip_id": 1, "first_seen": "", "last_seen": ""}', '{"x": 1}']
)
def test_a_record_that_cannot_be_read_is_no_permission(slots: dict[str, Slot], content: str) -> None:
    check_chip(slots["a1"], "0011")
    (slots["a1"].state_dir / "chip.json").write_text(content)
    with pytest.raises(SightingUnreadable):
        check_chip(slots["a1"], "0011")
    accept_chip(slots["a1"], "0011")
    check_chip(slots["a1"], "0011")
