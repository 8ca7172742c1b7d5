"""USB probes are found by reading files that the kernel offers, and only the named one counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.boards.bench import ProbeRef
from workbench.probes import find, usb
from workbench.probes.errors import ProbeMissing

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
    plug(
        tmp_path,
        "1-1.2",
        idVendor="0d28",
        manufacturer="ARM",
        product="BBC micro:bit",
        serial=MICROBIT,
        interface="CMSIS-DAP",
    )
    plug(tmp_path, "1-3", idVendor="1366", manufacturer="SEGGER", product="J-Link", serial="000260101234")
    plug(tmp_path, "1-4", idVendor="0483", product="STM32 STLink", serial="0668FF3")
    plug(tmp_path, "1-5", idVendor="0483", product="Virtual COM Port", serial="99")
    plug(tmp_path, "1-6", idVendor="046d", product="USB Receiver")
    monkeypatch.setattr(usb, "SYSFS", tmp_path)
    return tmp_path


def test_probes_are_told_from_other_devices(sysfs: Path) -> None:
    found = usb.usb_probes(sysfs)
    assert found is not None
    assert [(probe.kind, probe.usb_path) for probe in found] == [
        ("cmsisdap", "1-1.2"),
        ("jlink", "1-3"),
        ("stlink", "1-4"),
    ]


def test_a_unique_id_is_matched_as_a_whole(sysfs: Path) -> None:
    found = {probe.usb_path: probe for probe in usb.usb_probes(sysfs) or ()}
    assert found["1-1.2"].is_named(MICROBIT.upper())
    assert not found["1-1.2"].is_named(MICROBIT[:-1])
    assert not found["1-1.2"].is_named("")
    assert found["1-3"].is_named("260101234")


def test_only_the_driver_of_the_named_probe_is_asked(sysfs: Path) -> None:
    assert find._usb_kinds_of(ProbeRef(MICROBIT), MICROBIT) == ["cmsisdap"]
    assert find._usb_kinds_of(ProbeRef("260101234"), "260101234") == ["jlink"]
    assert find._usb_kinds_of(ProbeRef("12345"), "12345") == []


def test_a_probe_in_the_wrong_socket_is_not_taken(sysfs: Path) -> None:
    with pytest.raises(ProbeMissing, match=r"1-1\.2, not at 1-1\.3"):
        find._usb_kinds_of(ProbeRef(MICROBIT, "1-1.3"), MICROBIT)


def test_without_sysfs_nothing_is_known(tmp_path: Path) -> None:
    assert usb.usb_probes(tmp_path / "missing") is None


def test_all_probes_are_listed_with_their_place(sysfs: Path) -> None:
    listed = {probe.unique_id: probe for probe in find.list_probes()}
    assert listed[MICROBIT].usb_path == "1-1.2"
    assert listed[MICROBIT].description == "ARM BBC micro:bit"
