"""The line of the demo: Ctrl-C is its screen's, and another day begins with new boards."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.boards.bench import load_bench
from workbench.boards.bench_write import write_virtual_bench
from workbench.boards.exchange import boards_taken_out
from workbench.cli.demo_line import _new_boards, _screen
from workbench.station.demo_line import DemoLine
from workbench.station.lots.local import LocalStore, local_path, process_name
from workbench.station.lots.local_unit import LocalUnit


@pytest.fixture
def made() -> Iterator[DemoLine]:
    folder = Path(tempfile.mkdtemp(prefix="wb-", dir="/tmp"))
    bench = load_bench(write_virtual_bench(folder, 2))
    yield DemoLine(bench)
    shutil.rmtree(folder)


def test_the_screen_of_the_demo_hears_ctrl_c(
    made: DemoLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, told = tmp_path / "screen", tmp_path / "told"
    program.write_text(f"#!/bin/sh\nexec grep SigIgn /proc/self/status >{told}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    before = signal.getsignal(signal.SIGINT)
    assert _screen(made, plain=False) == 0
    assert signal.getsignal(signal.SIGINT) is before
    ignored = int(told.read_text().split()[1], 16)
    assert not ignored >> (signal.SIGINT - 1) & 1


def test_only_a_board_that_was_left_in_the_middle_is_still_there(made: DemoLine) -> None:
    _new_boards(made)
    assert boards_taken_out(made.bench, "v1") == (), "nothing was worked on yet"
    store = LocalStore.open(local_path(made.bench.folder))
    store.claim(LocalUnit(serial="A", lot="L", run_id="r", slot="v2", process=process_name()))
    store.close()
    _new_boards(made)
    assert len(boards_taken_out(made.bench, "v1")) == 1
    assert boards_taken_out(made.bench, "v2") == ()
