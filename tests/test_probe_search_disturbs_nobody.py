"""USB probes are found by reading files that the kernel offers, and only the named one counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.boards import usb as kernel
from workbench.boards.bench import ProbeRef
from workbench.boards.usb import ProbeMoved
from workbench.probes import usb
from workbench.probes.find import list_probes, usb_kinds_of

MICROBIT = "9900000031864e45003f0010000000310000000097969901"


def plug(sysfs: Path, place: str, interface: str = "", **texts: str) -> None:
    """A folder as the kernel makes one for a USB device."""
    folder = sysfs / place
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text + "\n")
    if interface:
        (folder / f"{place}:1.4").mkdir()
        (folder / f"{place}:1.4" / "interface").write_text(interface + "\n")


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    plug(tmp_path, "usb1", idVendor="1d6b", product="xHCI Host Controller", serial="0000:00:14.0")
    plug(tmp_path, "1-1.2", idVendor="0d28", product="BBC micro:bit", serial=MICROBIT, interface="CMSIS-DAP")
    plug(tmp_path, "1-3", idVendor="1366", product="J-Link", serial="000260101234")
    plug(tmp_path, "1-4", idVendor="0483", product="STM32 STLink", serial="0668FF3")
    plug(tmp_path, "1-5", idVendor="0483", product="Virtual COM Port", serial="99")
    plug(tmp_path, "1-6", idVendor="046d", product="USB Receiver")
    monkeypatch.setattr(kernel, "SYSFS", tmp_path)
    return tmp_path


def test_probes_are_told_from_other_devices(sysfs: Path) -> None:
    found = usb.usb_probes(sysfs)
    assert found is not None
    assert [(kind, device.path) for kind, device in found] == [
        ("cmsisdap", "1-1.2"),
        ("jlink", "1-3"),
        ("stlink", "1-4"),
    ]


def test_a_unique_id_is_matched_as_a_whole(sysfs: Path) -> None:
    (microbit, jlink, _) = usb.usb_probes(sysfs) or ()
    assert usb.is_named(*microbit, MICROBIT.upper())
    assert not usb.is_named(*microbit, MICROBIT[:-1])
    assert not usb.is_named(*microbit, "")
    assert usb.is_named(*jlink, "260101234")


@pytest.mark.usefixtures("sysfs")
def test_only_the_driver_of_the_named_probe_is_asked() -> None:
    assert usb_kinds_of(ProbeRef(MICROBIT), MICROBIT) == ["cmsisdap"]
    assert usb_kinds_of(ProbeRef("260101234"), "260101234") == ["jlink"]
    assert usb_kinds_of(ProbeRef("12345"), "12345") == []


@pytest.mark.usefixtures("sysfs")
def test_a_probe_in_the_wrong_socket_is_not_taken() -> None:
    assert usb_kinds_of(ProbeRef(MICROBIT, "1-1.2"), MICROBIT) == ["cmsisdap"]
    with pytest.raises(ProbeMoved, match=r"1-1\.2, not 1-1\.3"):
        usb_kinds_of(ProbeRef(MICROBIT, "1-1.3"), MICROBIT)


def test_without_a_list_from_the_kernel_nothing_is_known(tmp_path: Path) -> None:
    assert usb.usb_probes(tmp_path / "missing") is None


@pytest.mark.usefixtures("sysfs")
def test_all_probes_are_listed_with_the_target_of_their_board() -> None:
    listed = {probe.unique_id: probe for probe in list_probes()}
    assert listed[MICROBIT].description == "BBC micro:bit"
    assert listed[MICROBIT].target == "nrf51"
    assert listed["000260101234"].target is None
