"""Which of the USB devices that the kernel lists are debug probes, and of which kind.  Nothing is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from workbench.boards import usb
from workbench.boards.usb import UsbDevice

UsbKind = Literal["cmsisdap", "jlink", "stlink", "picoprobe"]
"""pyOCD's name for the driver of a USB probe."""

_SEGGER: Final = "1366"
_ST: Final = "0483"
_RASPBERRY_PI: Final = "2e8a"


def usb_probes(sysfs: Path | None = None) -> tuple[tuple[UsbKind, UsbDevice], ...] | None:
    """Probes that are plugged in, sorted by place; None where nothing is known, without a folder SYSFS."""
    folder = sysfs or usb.SYSFS
    if not folder.is_dir():
        return None
    devices = usb.usb_devices(folder)
    return tuple((kind, device) for device in devices if (kind := kind_of(device)) is not None)


def kind_of(device: UsbDevice) -> UsbKind | None:
    """pyOCD's driver for `device`, None where it is no probe that pyOCD knows."""
    product = device.product.lower()
    if device.is_cmsis_dap:
        return "cmsisdap"
    match device.vendor_id.lower():
        case vendor if vendor == _SEGGER:
            return "jlink"
        case vendor if vendor == _ST and ("st-link" in product or "stlink" in product):
            return "stlink"
        case vendor if vendor == _RASPBERRY_PI and "picoprobe" in product:
            return "picoprobe"
    return None


def is_named(kind: UsbKind, device: UsbDevice, unique_id: str) -> bool:
    """Whether `unique_id` is its serial number, in any case; J-Links are also named without leading zeros."""
    if device.serial is None:
        return False
    found, wanted = device.serial.casefold(), unique_id.casefold()
    return found == wanted or (kind == "jlink" and found.lstrip("0") == wanted.lstrip("0"))
