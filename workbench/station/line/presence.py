"""Whether a board is in a slot, as far as USB and serial ports tell."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from workbench.boards.bench import Slot
from workbench.boards.usb import SYSFS, UsbDevice, usb_devices, usb_path_of


class Presence:
    """Looks at the slots' probes and ports.  A probe tells something once it was seen on USB; a port where it
    is a file under /dev.  A slot that has neither is None: nothing tells.
    """

    def __init__(self, slots: Iterable[Slot], sysfs: Path = SYSFS, dev: Path = Path("/dev")) -> None:
        self._slots = tuple(slots)
        self._sysfs = sysfs
        self._dev = dev
        self._seen: set[str] = set()

    def look(self) -> dict[str, bool | None]:
        """By slot: True seen, False gone, None not known.  Cheap."""
        devices = usb_devices(self._sysfs)
        return {slot.name: self._present(slot, devices) for slot in self._slots}

    def _present(self, slot: Slot, devices: tuple[UsbDevice, ...]) -> bool | None:
        told = [self._probe(slot, devices), self._port(slot)]
        known = [answer for answer in told if answer is not None]
        return all(known) if known else None

    def _probe(self, slot: Slot, devices: tuple[UsbDevice, ...]) -> bool | None:
        if slot.probe is None:
            return None
        there = usb_path_of(slot.probe.unique_id, devices) is not None
        if there:
            self._seen.add(slot.name)
        return there if slot.name in self._seen else None

    def _port(self, slot: Slot) -> bool | None:
        port = slot.serial
        if port is None or not port.startswith(f"{self._dev}{os.sep}") or "/pts/" in port:
            return None
        return Path(port).exists()
