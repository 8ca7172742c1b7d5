"""Debug probes on USB as Linux shows them in sysfs.  Reads files only: no device is opened, so nobody is
disturbed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

SYSFS: Final = Path("/sys/bus/usb/devices")

UsbKind = Literal["cmsisdap", "jlink", "stlink", "picoprobe"]

_VENDORS: Final[dict[str, UsbKind]] = {"1366": "jlink", "0483": "stlink"}
_TEXT_LIMIT: Final = 256


@dataclass(frozen=True, slots=True)
class UsbProbe:
    """A debug probe that is plugged in.  `usb_path` is the kernel's name of its place, such as "1-1.2"."""

    kind: UsbKind
    serial: str | None
    usb_path: str
    vendor: str
    product: str

    def is_named(self, unique_id: str) -> bool:
        """Whether `unique_id` is its serial number, in any case; J-Links are also named without leading
        zeros.
        """
        if self.serial is None:
            return False
        if self.kind == "jlink":
            return self.serial.lstrip("0").lower() == unique_id.lstrip("0").lower()
        return self.serial.lower() == unique_id.lower()


def usb_probes(sysfs: Path | None = None) -> tuple[UsbProbe, ...] | None:
    """Probes that are plugged in, sorted by place; None where this system has no such folder as SYSFS."""
    try:
        folders = sorted((sysfs or SYSFS).iterdir())
    except OSError:
        return None
    return tuple(probe for folder in folders if (probe := _probe(folder)) is not None)


def _probe(folder: Path) -> UsbProbe | None:
    vendor_id = _text(folder / "idVendor")
    if vendor_id is None or ":" in folder.name:
        return None
    product = _text(folder / "product") or ""
    kind = _kind(folder, vendor_id.lower(), product)
    if kind is None:
        return None
    return UsbProbe(
        kind=kind,
        serial=_text(folder / "serial"),
        usb_path=folder.name,
        vendor=_text(folder / "manufacturer") or "",
        product=product,
    )


def _kind(folder: Path, vendor_id: str, product: str) -> UsbKind | None:
    """CMSIS-DAP probes say so in the name of the product or an interface (CMSIS-DAP, USB)."""
    if any("CMSIS-DAP" in text for text in (product, *_interface_names(folder))):
        return "cmsisdap"
    if vendor_id == "2e8a" and "picoprobe" in product.lower():
        return "picoprobe"
    kind = _VENDORS.get(vendor_id)
    if kind == "stlink" and "st-link" not in product.lower() and "stlink" not in product.lower():
        return None
    return kind


def _interface_names(folder: Path) -> Iterator[str]:
    try:
        for child in folder.glob(f"{folder.name}:*"):
            yield _text(child / "interface") or ""
    except OSError:
        return


def _text(path: Path) -> str | None:
    """Content of a small sysfs file; None where it is missing, unreadable or empty."""
    try:
        with path.open("rb") as file:
            return file.read(_TEXT_LIMIT).decode("utf-8", "replace").strip() or None
    except OSError:
        return None
