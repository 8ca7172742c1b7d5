"""A probe that is plugged in somewhere else than the bench file says is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.boards.bench import load_bench
from workbench.boards.usb import ProbeMoved, check_place

BENCH = '[slots.a1]\ntarget = "microbit-v1"\nprobe = { unique_id = "9900AA", usb_path = "1-1.2" }\n'


def plug(sysfs: Path, path: str, serial: str) -> None:
    (sysfs / path).mkdir(parents=True)
    (sysfs / path / "idVendor").write_text("0d28\n")
    (sysfs / path / "serial").write_text(f"{serial}\n")


def test_the_place_must_be_the_one_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text(BENCH)
    slot = load_bench(tmp_path / "bench.toml").slot("a1")
    check_place(slot, tmp_path / "one")  # not plugged in at all: that is another error's business
    plug(tmp_path / "two", "1-1.2", "9900aa")
    check_place(slot, tmp_path / "two")
    plug(tmp_path / "three", "1-1.2", "9900BB")
    plug(tmp_path / "three", "1-1.3", "9900AA")
    with pytest.raises(ProbeMoved, match=r"slot a1: probe 9900AA is at USB path 1-1\.3, not 1-1\.2"):
        check_place(slot, tmp_path / "three")
