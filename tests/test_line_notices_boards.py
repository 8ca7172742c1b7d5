"""Boards put in and taken out are noticed where USB or a port's file tells, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from workbench.boards.bench import ProbeRef, Slot, load_bench
from workbench.station.line.presence import Presence


@pytest.fixture
def slot(tmp_path: Path) -> Slot:
    (tmp_path / "bench.toml").write_text('[slots.v1]\ntarget = "microbit-v1"\nserial = "/dev/ttyX"\n')
    return load_bench(tmp_path / "bench.toml").slot("v1")


def plug(sysfs: Path, serial: str) -> Path:
    """A USB device as the kernel lists it."""
    folder = sysfs / "1-1"
    folder.mkdir(parents=True)
    (folder / "idVendor").write_text("0d28\n")
    (folder / "serial").write_text(f"{serial}\n")
    return folder


def unplug(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def test_a_probe_tells_once_it_was_seen(slot: Slot, tmp_path: Path) -> None:
    sysfs = tmp_path / "usb"
    presence = Presence([replace(slot, serial=None, probe=ProbeRef("AB12"))], sysfs)
    assert presence.look() == {"v1": None}, "a probe that is no USB device never tells"
    folder = plug(sysfs, "ab12")
    assert presence.look() == {"v1": True}
    unplug(folder)
    assert presence.look() == {"v1": False}


def test_a_port_that_is_a_file_tells(slot: Slot, tmp_path: Path) -> None:
    dev = tmp_path / "dev"
    dev.mkdir()
    port = dev / "ttyACM0"
    presence = Presence([replace(slot, serial=str(port))], tmp_path / "usb", dev)
    assert presence.look() == {"v1": False}
    port.touch()
    assert presence.look() == {"v1": True}


@pytest.mark.parametrize("serial", [None, "socket://127.0.0.1:5", "/dev/pts/7"])
def test_nothing_else_tells(slot: Slot, tmp_path: Path, serial: str | None) -> None:
    assert Presence([replace(slot, serial=serial)], tmp_path).look() == {"v1": None}
