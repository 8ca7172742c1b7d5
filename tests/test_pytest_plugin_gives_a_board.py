"""The `board` fixture gives a powered, flashed and freshly reset board; used here as its users use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firmware_emulator import SOURCES
from workbench.boards.bench import Bench
from workbench.boards.power import CuttingSwitch
from workbench.events import Observed
from workbench.probes.errors import ImageOutsideMemory
from workbench.probes.flash import flash as write_flash
from workbench.probes.images import load_images
from workbench.probes.session import open_debug
from workbench.pytest_plugin.board import Board

HELLO = SOURCES / "build/hello-microbit/hello-microbit.hex"
LARGE = SOURCES / "build/hello-microbit-200k/hello-microbit-200k.hex"

pytestmark = [pytest.mark.usefixtures("samples"), pytest.mark.workbench(target="microbit-v1")]
flashed = pytest.mark.workbench_flash(HELLO)


@pytest.fixture
def ready(samples: Path, board: Board) -> Iterator[Board]:
    """Another fixture that uses the board, before the test does."""
    board.console.expect("chip ", 5)
    yield board
    board.console.send_line("bye")
    board.console.expect("echo: bye", 5)


@flashed
def test_the_console_hears_the_first_word_after_the_reset(board: Board) -> None:
    banner = board.console.expect(b"hello-microbit ", 5)
    assert banner.before == b""
    board.console.expect(f"chip {board.chip_id}\r\n", 5)


@flashed
def test_a_line_is_answered(board: Board) -> None:
    board.console.send_line("ping")
    board.console.expect("echo: ping\r\n", 5)


@flashed
def test_other_fixtures_can_use_the_board_before_and_after(ready: Board) -> None:
    ready.console.send_line("between")
    ready.console.expect("echo: between", 5)


@flashed
def test_a_reset_starts_again_and_forgets_what_was_not_read(board: Board) -> None:
    board.console.send_line("before")
    board.console.expect("before\r\n", 5)
    board.reset()
    assert b"before" not in board.console.expect("hello-microbit", 5).before


@flashed
def test_another_image_replaces_the_one_of_the_marker(board: Board) -> None:
    result = board.flash(LARGE)
    assert result.bytes_programmed > 150_000
    assert result.verification.sha256 == result.image_sha256
    board.console.expect("1.1.0-200k", 5)


@flashed
def test_debug_access_tells_what_the_console_says(board: Board) -> None:
    with board.debug("attach") as debug:
        assert debug.chip_id() == board.chip_id
        assert not debug.is_halted()
    board.console.send_line("still alive")
    board.console.expect("echo: still alive", 5)


@flashed
def test_the_console_survives_a_power_cycle(board: Board) -> None:
    board.console.expect("chip ", 5)
    board.power_cycle(0)
    board.reset()
    board.console.expect(f"chip {board.chip_id}", 10)
    assert {"lost", "back"} <= {line.kind for line in board.console.lines()}


@pytest.mark.workbench(capabilities=["power-cut"])
@flashed
def test_a_board_cut_in_the_middle_of_a_write_is_whole_again_after_the_next(board: Board) -> None:
    assert isinstance(board.power, CuttingSwitch)
    board.power.arm_cut(500)
    with pytest.raises(Exception, match=r"State of the chip|probe|power"):
        board.flash(LARGE)
    assert board.power.cut_report() is not None
    board.power.on()
    board.console.wait_connected(10)
    board.flash(HELLO)
    board.console.expect("hello-microbit 1.0.0", 5)


@pytest.fixture
def flashed_before(samples: Path, workbench_bench: Bench) -> None:
    """The chip has its image before the test asks for a board, whichever tests came first."""
    slot = next(slot for slot in workbench_bench.slots.values() if slot.target.name == "microbit-v1")
    slot.need_power().on()
    with open_debug(slot) as debug:
        write_flash(debug, load_images([HELLO], slot.target))


@flashed
def test_a_board_left_without_power_is_powered_for_the_next_test(board: Board) -> None:
    board.console.expect("hello-microbit", 5)


@pytest.mark.usefixtures("flashed_before")
def test_without_a_marker_the_board_keeps_what_it_has(board: Board) -> None:
    board.console.expect("hello-microbit", 5)


@pytest.mark.usefixtures("flashed_before")
def test_an_image_for_another_board_is_refused(board: Board, tmp_path: Path) -> None:
    (tmp_path / "large.bin").write_bytes(bytes(300_000))
    with pytest.raises(ImageOutsideMemory):
        board.flash(tmp_path / "large.bin")
    board.reset()
    board.console.expect("hello-microbit", 5)


def test_steps_and_events_of_a_test_are_in_its_journal(board: Board) -> None:
    with board.run.step("measure", "Measuring"):
        board.emit(Observed(what="supply-mv", value=3300))
    board.run.commit()
    journal = board.run.journal_path.read_text()
    assert '"measure"' in journal
    assert "supply-mv" in journal
    assert journal.count("test_steps_and_events_of_a_test_are_in_its_journal") == 1
