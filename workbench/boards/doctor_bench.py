"""Doctor: each slot of the bench, its probe, port, TPM and lease."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from workbench.boards import usb
from workbench.boards.bench import Bench, Slot
from workbench.boards.detect import ProbeSeen
from workbench.boards.finding import Finding
from workbench.boards.leases import lease_status
from workbench.errors import WorkbenchError


def slots(bench: Bench, probes: Sequence[ProbeSeen] | None) -> Iterator[Finding]:
    """Findings of every slot; `probes` is what is plugged in, None where that was not looked at."""
    for slot in bench.slots.values():
        findings = [f for f in check_slot(slot, probes) if f.status != "ok"]
        yield from findings
        if not findings:
            yield Finding(
                f"slot {slot.name}", "ok", f"{slot.target.name}, {_power_words(slot)}{_lease_words(slot)}"
            )


def check_slot(slot: Slot, probes: Sequence[ProbeSeen] | None) -> Iterator[Finding]:
    """Everything about one slot.  Wires of a slot without power are not looked for."""
    name = f"slot {slot.name}"
    try:
        state = slot.power.state() if slot.power is not None else "unknown"
    except WorkbenchError as error:
        yield Finding(name, "fail", error.what, error.action)
        return
    if state != "off":
        yield from _probe(name, slot, probes)
        yield from _serial(name, slot)
    yield from _tpm(name, slot)
    try:
        status = lease_status(slot.state_dir)
    except WorkbenchError as error:
        yield Finding(name, "fail", error.what, error.action)
        return
    if status.state in ("expired", "stopping"):
        found = f"{status.owner} holds it beyond its time, or was told to stop (process {status.pid})"
        yield Finding(
            name, "warn", found, f"look whether process {status.pid} hangs; ending it frees the slot"
        )


def _probe(name: str, slot: Slot, probes: Sequence[ProbeSeen] | None) -> Iterator[Finding]:
    if slot.probe is None or probes is None or slot.probe.unique_id.startswith("remote:"):
        return
    wanted = slot.probe.unique_id
    if wanted.casefold() not in {p.unique_id.casefold() for p in probes}:
        there = ", ".join(p.unique_id for p in probes) or "none"
        action = "plug it in, check its cable, or correct unique_id in the bench file"
        yield Finding(name, "fail", f"probe {wanted} is not plugged in; there are: {there}", action)
        return
    try:
        usb.check_place(slot)
    except WorkbenchError as error:
        yield Finding(name, "fail", error.what, error.action)


def _serial(name: str, slot: Slot) -> Iterator[Finding]:
    serial = slot.serial
    if serial is None or "://" in serial:
        return
    if not Path(serial).exists():
        action = "plug the board in, or correct the bench file: `workbench bench detect` shows what is there"
        yield Finding(name, "fail", f"serial port {serial} does not exist", action)
    elif not os.access(serial, os.R_OK | os.W_OK):
        action = "`sudo adduser $USER dialout`, then log in again"
        yield Finding(name, "fail", f"serial port {serial} is closed to you", action)
    elif serial.startswith(("/dev/ttyACM", "/dev/ttyUSB")):
        action = "use the port's name under /dev/serial/by-path, which stays the same"
        yield Finding(
            name, "warn", f"serial port {serial} may be another board's after the next plug-in", action
        )


def _tpm(name: str, slot: Slot) -> Iterator[Finding]:
    kind, _, rest = (slot.tpm or "").partition(":")
    if kind == "device":
        path = rest or "/dev/tpmrm0"
        if not os.access(path, os.R_OK | os.W_OK):
            action = "`sudo adduser $USER tss`, log in again, and check that the TPM is there"
            yield Finding(name, "fail", f"TPM {path} does not exist or is closed to you", action)


def _power_words(slot: Slot) -> str:
    return "no power switch" if slot.power is None else f"power {slot.power.state()}"


def _lease_words(slot: Slot) -> str:
    status = lease_status(slot.state_dir)
    return f", leased by {status.owner} for {status.purpose}" if status.state == "leased" else ""
