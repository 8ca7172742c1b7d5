"""A new bench file loads as it was meant, and one that is there stays as it is."""

from __future__ import annotations

import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.boards.bench_write import (
    BenchExists,
    BenchUnwritable,
    quoted,
    virtual_bench_text,
    write_new,
    write_virtual_bench,
)
from workbench.boards.target import TargetUnknown
from workbench.errors import InputError


def test_a_virtual_bench_has_its_slots(tmp_path: Path) -> None:
    path = write_virtual_bench(tmp_path, 4, "microbit-v1")
    slots = tomllib.loads(path.read_text())["slots"]
    assert slots == {f"v{n}": {"virtual": "microbit-v1"} for n in (1, 2, 3, 4)}
    assert [p.name for p in tmp_path.iterdir()] == ["bench.toml"]


def test_a_bench_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    path.write_text("mine")
    with pytest.raises(BenchExists, match="exists already"):
        write_virtual_bench(tmp_path, 1)
    assert path.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["bench.toml"]


def test_of_several_at_once_one_wins_wholly(tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    gate = threading.Barrier(8)
    outcomes: list[str] = []

    def write(number: int) -> None:
        gate.wait()
        try:
            write_new(path, virtual_bench_text(number + 1, "microbit-v1"))
            outcomes.append(f"{number + 1}")
        except BenchExists:
            outcomes.append("refused")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [o for o in outcomes if o != "refused"]
    assert len(winners) == 1
    assert path.read_text() == virtual_bench_text(int(winners[0]), "microbit-v1")


@pytest.mark.parametrize("count", [0, -1, 65])
def test_a_senseless_count_is_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(InputError, match=f"{count} virtual boards"):
        write_virtual_bench(tmp_path, count)


def test_an_unknown_target_or_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetUnknown):
        write_virtual_bench(tmp_path, 1, "microbt")
    with pytest.raises(BenchUnwritable):
        write_virtual_bench(tmp_path / "no" / "bench.toml", 1)
    assert not list(tmp_path.iterdir())


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_quoted_right(text: str) -> None:
    assert tomllib.loads(f"x = {quoted(text)}") == {"x": text}
