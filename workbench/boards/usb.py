"""USB devices as the kernel lists them under /sys/bus/usb/devices: which serial number is plugged in at
which path.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench.boards.bench import Slot
from workbench.errors import Blame, WorkbenchError

SYSFS: Final = Path("/sys/bus/usb/devices")
_MAX_CHARS: Final = 256


class ProbeMoved(WorkbenchError):
    """A slot's probe is plugged in at another USB path than the bench file says."""

    code = "probe-moved"
    blame = Blame.STATION
    default_cause = "two cables were swapped, or the hub was exchanged"
    default_action = "plug it in where it belongs, or correct usb_path in the bench file"


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A USB device; `path` such as "1-1.2" names the socket it is in, `node` its file under /dev/bus/usb."""

    path: str
    vendor_id: str
    product_id: str
    product: str
    serial: str | None
    node: Path
    interfaces: tuple[str, ...]

    @property
    def is_cmsis_dap(self) -> bool:
        """Whether it calls itself a CMSIS-DAP probe (CMSIS-DAP, Connect to Debugger: the name must be in a
        string).
        """
        return any("CMSIS-DAP" in name for name in (self.product, *self.interfaces))


def usb_devices(sysfs: Path = SYSFS) -> tuple[UsbDevice, ...]:
    """All USB devices, sorted by path; none where the kernel has no USB."""
    folders = sorted(sysfs.glob("*/idVendor")) if sysfs.is_dir() else []
    return tuple(_device(f.parent) for f in folders)


def usb_path_of(unique_id: str, devices: tuple[UsbDevice, ...]) -> str | None:
    """Path of the device with that serial number, None where there is none."""
    wanted = unique_id.casefold()
    return next((d.path for d in devices if d.serial is not None and d.serial.casefold() == wanted), None)


def check_place(slot: Slot, sysfs: Path = SYSFS) -> None:
    """Raises ProbeMoved where the slot's probe is plugged in, but not at the path that the bench file
    names.
    """
    if slot.probe is None or slot.probe.usb_path is None:
        return
    found = usb_path_of(slot.probe.unique_id, usb_devices(sysfs))
    if found is not None and found != slot.probe.usb_path:
        probe = slot.probe
        what = f"slot {slot.name}: probe {probe.unique_id} is at USB path {found}, not {probe.usb_path}"
        raise ProbeMoved(what)


def _device(folder: Path) -> UsbDevice:
    bus, number = _text(folder / "busnum"), _text(folder / "devnum")
    return UsbDevice(
        path=folder.name,
        vendor_id=_text(folder / "idVendor"),
        product_id=_text(folder / "idProduct"),
        product=_text(folder / "product"),
        serial=_text(folder / "serial") or None,
        node=Path("/dev/bus/usb") / bus.zfill(3) / number.zfill(3),
        interfaces=tuple(_text(p) for p in sorted(folder.glob("*:*/interface"))),
    )


def _text(path: Path) -> str:
    """Content of an attribute, "" where the device has none or is just being unplugged."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return "".join(c for c in file.read(_MAX_CHARS) if c.isprintable()).strip()
    except OSError:
        return ""
