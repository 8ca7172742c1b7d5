"""Propose a bench from what is plugged in: probes (given as data), serial ports, and where both sit on USB.

A probe and a serial port belong together when they are one USB device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench.boards.target import Target
from workbench.boards.usb import UsbDevice, usb_path_of

DEV_SERIAL: Final = Path("/dev/serial")


@dataclass(frozen=True, slots=True)
class ProbeSeen:
    """A debug probe as pyOCD lists it; `target` is pyOCD's name for the chip of its board, if it knows the
    board.
    """

    unique_id: str
    description: str = ""
    target: str | None = None


@dataclass(frozen=True, slots=True)
class PortSeen:
    """A serial port: `device` is /dev/ttyACM0, `stable` its by-path or by-id name, `usb_path` such as
    "1-1.2".
    """

    device: str
    stable: str | None = None
    usb_path: str | None = None
    serial_number: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class ProposedSlot:
    """A slot to be; `target` is None where no target file fits the probe, `candidates` are those that may."""

    name: str
    probe: ProbeSeen
    usb_path: str | None
    port: PortSeen | None
    target: str | None
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A bench to be, and serial ports that belong to no probe."""

    slots: tuple[ProposedSlot, ...]
    loose_ports: tuple[PortSeen, ...]


def propose_bench(
    probes: Sequence[ProbeSeen],
    ports: Sequence[PortSeen],
    targets: Sequence[Target],
    devices: Sequence[UsbDevice] = (),
) -> Proposal:
    """One slot for each probe, sorted by USB path and then by ID, called a1, a2, …"""
    devices = tuple(devices)
    placed = [(usb_path_of(p.unique_id, devices), p) for p in _distinct(probes)]
    placed.sort(key=lambda pair: (_order(pair[0]), pair[1].unique_id))
    left = list(ports)
    slots = []
    for number, (usb_path, probe) in enumerate(placed, start=1):
        port = next((p for p in left if _belongs(p, probe, usb_path)), None)
        if port is not None:
            left.remove(port)
        fits = tuple(
            t.name for t in targets if t.debug_table and probe.target and t.debug_table.pyocd == probe.target
        )
        slots.append(
            ProposedSlot(f"a{number}", probe, usb_path, port, fits[0] if len(fits) == 1 else None, fits)
        )
    return Proposal(tuple(slots), tuple(left))


def serial_ports(dev_serial: Path = DEV_SERIAL) -> tuple[PortSeen, ...]:
    """Serial ports of this machine that are on USB or have a stable name, sorted by device."""
    from serial.tools import list_ports

    names = stable_names(dev_serial)
    ports = [
        PortSeen(
            device=p.device,
            stable=names.get(str(Path(p.device).resolve())),
            usb_path=p.location.partition(":")[0] if p.location else None,
            serial_number=p.serial_number,
            description=p.description or "",
        )
        for p in list_ports.comports()
    ]
    return tuple(sorted((p for p in ports if p.usb_path or p.stable), key=lambda p: p.device))


def stable_names(dev_serial: Path = DEV_SERIAL) -> dict[str, str]:
    """Stable name of each device: by-path (the socket) before by-id (the board), the shortest if there are
    several.
    """
    names: dict[str, str] = {}
    for kind in ("by-path", "by-id"):
        links = sorted((dev_serial / kind).glob("*"), key=lambda p: (len(p.name), p.name))
        for link in links:
            names.setdefault(str(link.resolve()), str(link))
    return names


def _distinct(probes: Sequence[ProbeSeen]) -> list[ProbeSeen]:
    return list({p.unique_id.casefold(): p for p in probes}.values())


def _belongs(port: PortSeen, probe: ProbeSeen, usb_path: str | None) -> bool:
    if port.usb_path is not None and usb_path is not None:
        return port.usb_path == usb_path
    return port.serial_number is not None and port.serial_number.casefold() == probe.unique_id.casefold()


def _order(usb_path: str | None) -> tuple[int, ...]:
    """1-2 before 1-10; what has no path comes last."""
    if usb_path is None:
        return (1 << 30,)
    return tuple(int(n) for n in usb_path.replace("-", ".").split(".") if n.isdigit())
