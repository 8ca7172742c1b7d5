"""A test gets a board that can do what its markers say; without one it is skipped, mistakes are errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pytest_in_pytest import properties, run_pytest
from workbench.boards.bench import Bench, SlotUnknown, load_bench
from workbench.boards.target import TargetUnknown
from workbench.pytest_plugin.selection import (
    MarkerInvalid,
    Wanted,
    arranged,
    suitable,
    wanted_by,
    why_none,
)

MIXED = """
[slots.real]
target = "microbit-v1"
serial = "socket://localhost:9"
[slots.small]
virtual = "microbit-v1"
[slots.large]
virtual = "mps2-an385"
"""


@pytest.fixture
def mixed(tmp_path: Path) -> Bench:
    """A real board without probe and power switch, and two virtual ones of two kinds."""
    (tmp_path / "bench.toml").write_text(MIXED)
    return load_bench(tmp_path / "bench.toml")


def names(bench: Bench, *capabilities: str, target: str | None = None, only: tuple[str, ...] = ()) -> str:
    return " ".join(s.name for s in suitable(bench, Wanted(frozenset(capabilities), target), only))


def test_slots_are_chosen_by_capability_target_and_name(mixed: Bench) -> None:
    assert names(mixed) == "real small large"
    assert names(mixed, "console") == "real small large"
    assert names(mixed, "power-cut", "flash") == "small"
    assert names(mixed, "tpm") == ""
    assert names(mixed, target="mps2-an385") == "large"
    assert names(mixed, "debug", target="microbit-v1") == "small"
    assert names(mixed, only=("large", "real")) == "large real"
    assert names(mixed, "debug", only=("real",)) == ""


def test_mistyped_names_are_errors_and_not_skips(mixed: Bench) -> None:
    with pytest.raises(SlotUnknown, match="did you mean 'small'"):
        suitable(mixed, Wanted(), ["smal"])
    with pytest.raises(TargetUnknown, match="did you mean 'microbit-v1'"):
        suitable(mixed, Wanted(target="microbit-v"))


def test_the_reason_says_what_was_needed_and_where_it_was_looked_for(mixed: Bench) -> None:
    reason = why_none(mixed, Wanted(frozenset({"tpm", "debug"}), "microbit-v1"), ["real"])
    assert reason.startswith("hardware: no slot: the test needs a microbit-v1 with debug, tpm, and slot real")


def test_the_slot_used_last_comes_first_and_processes_begin_at_different_ones(mixed: Bench) -> None:
    slots = suitable(mixed, Wanted())
    firsts = [arranged(slots, None, worker)[0].name for worker in range(4)]
    assert firsts == ["real", "small", "large", "real"]
    assert [s.name for s in arranged(slots, "large", 1)] == ["large", "small", "real"]
    assert arranged((), "large", 1) == []


def test_markers_of_test_and_module_add_up_and_the_nearest_target_and_image_count() -> None:
    near = pytest.mark.workbench(capabilities=["power-cut"], target="a").mark
    far = pytest.mark.workbench(capabilities=["console", "x-motor"], target="b").mark
    flash = [pytest.mark.workbench_flash("one.hex", Path("/two.hex"), erase="chip").mark]
    other = pytest.mark.workbench_flash("three.hex").mark
    wanted = wanted_by([near, *flash, far, other, pytest.mark.usefixtures("board").mark], Path("/lab"))
    assert wanted.capabilities == {"power-cut", "console", "x-motor", "debug"}
    assert (wanted.target, wanted.erase) == ("a", "chip")
    assert wanted.images == (Path("/lab/one.hex"), Path("/two.hex"))


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        (pytest.mark.workbench("power-cut"), "write capabilities="),
        (pytest.mark.workbench(capabilities="debug"), "must be a list"),
        (pytest.mark.workbench(capabilities=["powercut"]), "did you mean 'power-cut'"),
        (pytest.mark.workbench(capability=["debug"]), "did you mean 'capabilities'"),
        (pytest.mark.workbench(target=3), "must be the name of a target"),
        (pytest.mark.workbench_flash(), "must name image files"),
        (pytest.mark.workbench_flash(7), "must name image files"),
        (pytest.mark.workbench_flash("a.hex", erase="all"), "must be 'sector' or 'chip'"),
        (pytest.mark.workbench_flash("a.hex", verify=False), "has no 'verify'"),
    ],
)
def test_a_wrong_marker_says_what_would_be_right(mark: pytest.MarkDecorator, words: str) -> None:
    with pytest.raises(MarkerInvalid, match=words):
        wanted_by([mark.mark], Path())


NEEDS_A_BOARD = """
import pytest

def test_board(board): ...

def test_other(): ...

@pytest.mark.workbench(capabilities=["tpm"])
def test_rare(board): ...
"""


def test_without_a_bench_tests_with_a_board_are_skipped_and_say_so(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, NEEDS_A_BOARD)
    assert done.status == 0
    assert "1 passed, 2 skipped" in done.output
    assert "hardware: no bench: there is no bench.toml in" in done.output


@pytest.mark.usefixtures("samples")
def test_a_bench_nearby_is_found_and_what_no_slot_can_do_is_skipped(
    tmp_path: Path, bench_of_twins: Callable[[int], Bench]
) -> None:
    folder = bench_of_twins(1).folder
    done = run_pytest(folder, NEEDS_A_BOARD)
    assert done.status == 0
    assert "2 passed, 1 skipped" in done.output
    assert "hardware: no slot: the test needs a board with tpm" in done.output
    assert properties(folder)["test_board"]["slot"] == "v1"


def test_a_bench_that_was_named_and_is_missing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run_pytest(tmp_path, NEEDS_A_BOARD, "--workbench-bench=gone.toml")
    assert done.status == pytest.ExitCode.USAGE_ERROR
    assert f"there is no bench file {tmp_path / 'gone.toml'}" in done.output
