"""A virtual board is taken out of its slot and another one put in, as hands do it with real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.boards.bench import Bench, load_bench
from workbench.boards.bench_write import virtual_bench_text
from workbench.boards.exchange import BoardNotInDrawer, ExchangedByHand, boards_taken_out, exchange_board
from workbench.cli.main import run
from workbench.probes.session import open_debug


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    file = tmp_path / "bench.toml"
    text = virtual_bench_text(1, "microbit-v1", name="places", tpms=1)
    real = '[slots.r1]\ntarget = "microbit-v1"\nserial = "/dev/ttyACM7"\n'
    file.write_text(f"{text}\n{real}", encoding="utf-8")
    return load_bench(file)


def test_another_board_is_blank_and_the_first_one_comes_back_as_it_was(bench: Bench) -> None:
    slot = bench.slot("v1")
    slot.need_power().on()
    with open_debug(slot) as debug:
        chip = debug.chip_id()
    assert chip is not None

    was, now = exchange_board(bench, "v1")

    assert slot.need_power().state() == "off"
    assert was != now
    assert boards_taken_out(bench, "v1") == (was,)
    fresh = load_bench(bench.path).slot("v1")
    fresh.need_power().on()
    with open_debug(fresh) as debug:
        assert debug.chip_id() != chip
    assert exchange_board(bench, "v1", was) == (now, was)
    back = load_bench(bench.path).slot("v1")
    back.need_power().on()
    with open_debug(back) as debug:
        assert debug.chip_id() == chip
    back.need_power().off()


def test_a_board_with_a_tpm_is_exchanged_too(bench: Bench) -> None:
    was, now = exchange_board(bench, "t1")
    assert was != now
    assert boards_taken_out(bench, "t1") == (was,)


def test_real_boards_and_unknown_ones_are_refused(bench: Bench) -> None:
    with pytest.raises(ExchangedByHand):
        exchange_board(bench, "r1")
    with pytest.raises(BoardNotInDrawer):
        exchange_board(bench, "v1", "ffffffffffffffff")
    assert boards_taken_out(bench, "v1") == ()
    assert bench.slot("v1").need_power().state() == "off"


def test_the_command_says_what_is_where_now(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["slot", "exchange", "v1", "--bench", str(bench.folder)]) == 0
    assert "was taken out" in capsys.readouterr().out
    (board,) = boards_taken_out(bench, "v1")
    assert run(["slot", "exchange", "v1", "--list", "--bench", str(bench.folder)]) == 0
    assert board in capsys.readouterr().out
    assert run(["slot", "exchange", "r1", "--bench", str(bench.folder)]) == 2
    assert "by-hand" in capsys.readouterr().err
