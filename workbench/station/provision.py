"""Provisioning in a slot: the steps, in an order that leaves nothing half done unseen.

    made = provision(slot, profile, keys, firmware, run.emit, step=run.step, commit=run.commit)

What is about to happen is on the disk before the chip is changed; the unit is read and heard afterwards; only
then its public key is filed in the key folder's `units/`.  Prints nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.boards.bench import Slot
from workbench.events import Emit, Json, Notice, Observed
from workbench.images import files
from workbench.images.keys import KeyFolder
from workbench.images.profile import Profile, refuse_unbuildable
from workbench.images.provisioning import KeyOrigin
from workbench.station.journal import utc_now
from workbench.station.slots import Held, debugging, hold_unless
from workbench.updates.challenge_keys import UNITS
from workbench.updates.fit import carrier_of, refuse_misfits
from workbench.updates.provision import (
    START_S,
    Firmware,
    UnitPlan,
    plan_unit,
    start_unit,
    verify_identity,
    verify_page,
    write_unit,
)

if TYPE_CHECKING:
    from workbench.wires.console import Console

Step = Callable[[str, str], AbstractContextManager[None]]
"""As `Run.step`: a step's stable name and its words."""


@dataclass(frozen=True, slots=True)
class Provisioned:
    """A unit that was provisioned and seen to start.

    `device_key` is where its public key was filed, None where it has none, or none yet.  `key_origin`: who
    made the unit's own key or secret: `injected` by the station, or `on-chip`.
    """

    chip_id: str | None
    profile: str
    key_origin: str | None
    version: str
    hash: str
    counter: int | None
    image_bytes: int
    sha256: str | None
    device_key: Path | None


@contextmanager
def _no_step(_step: str, _title: str) -> Iterator[None]:
    yield


def provision(
    slot: Slot,
    profile: Profile,
    keys: KeyFolder,
    firmware: Firmware,
    emit: Emit,
    *,
    permit_identity: bool = False,
    accept_chip: bool = False,
    kick: bool = False,
    wait_s: float = 0.0,
    time_floor_s: int | None = None,
    device_key: KeyOrigin = "injected",
    step: Step = _no_step,
    commit: Callable[[], None] = lambda: None,
    start_s: float = START_S,
    held: Held | None = None,
) -> Provisioned:
    """Holds the slot, provisions the unit in it, and lets it run.

    `held`: the slot, where whoever calls holds it already.  `permit_identity`: a unit that has an identity
    already may lose it.  Raises ProfileMisfit before the board is touched, ImageOverIdentity before anything
    is written, and what the steps raise.
    """
    with step("check", f"checking that {slot.target.name} can carry profile {profile.name}"):
        remarks = refuse_misfits(profile, carrier_of(slot.target))
        for remark in remarks:
            emit(Notice(level="warning", text=str(remark)))
        refuse_unbuildable(profile)
    with (
        hold_unless(held, slot, purpose="provision", emit=emit, kick=kick, wait_s=wait_s) as held,
        debugging(held, emit=emit, accept_chip=accept_chip) as debug,
    ):
        with step("prepare", "making this unit's image and its provisioning page"):
            plan = plan_unit(
                slot.target,
                profile,
                keys,
                firmware,
                chip_id=debug.chip_id(),
                time_floor_s=time_floor_s,
                device_key=device_key,
            )
        with step("flash", "writing bootloader, application and provisioning page"):
            commit()
            written = write_unit(debug, plan, permit_identity=permit_identity, emit=emit, check=held.check)
        with step("look", "reading the provisioning page back"):
            verify_page(debug, plan, emit, held.check)
        with step("start", "starting the unit"), _console(slot, emit) as console:
            version = start_unit(debug, console, plan, emit, start_s)
        with step("ask", "asking the unit who it is"):
            told = ask_unit(slot, plan, emit, held.check)
        with step("file", "filing the unit's public key"):
            filed = file_unit(keys.path, slot.name, plan, emit, told)
    return Provisioned(
        chip_id=plan.chip_id,
        profile=profile.name,
        key_origin=plan.key_origin,
        version=version,
        hash=plan.app.digest.hex(),
        counter=plan.app.counter,
        image_bytes=written.image_bytes,
        sha256=written.verification.sha256,
        device_key=filed,
    )


def ask_unit(slot: Slot, plan: UnitPlan, emit: Emit, check: Callable[[], object]) -> str | None:
    """Has the unit say over its serial line who it is; returns the chip ID that it tells.

    An application that speaks no SMP is let pass, with a remark.
    Raises UnitDisagrees, SmpRefused, SmpGarbled.
    """
    from workbench.updates.device import Device
    from workbench.wires.serial_port import PortSettings
    from workbench.wires.smp import open_smp
    from workbench.wires.smp_errors import SmpSilent

    try:
        with open_smp(slot.need_serial(), PortSettings(baud=slot.target.console.baud), check=check) as smp:
            identity = Device(smp).identity()
    except SmpSilent:
        identity = None
    if identity is None:
        emit(Notice(level="warning", text=f"slot {slot.name}: the application does not tell its identity"))
        return None
    verify_identity(identity, plan, emit)
    return identity.chip[::-1].hex()


def file_unit(folder: Path, slot: str, plan: UnitPlan, emit: Emit, told: str | None = None) -> Path | None:
    """The unit's public key and what it is, in `units/`; returns the key's file, None where there is no key.

    Where the probe cannot read a chip ID it is the one that the unit has `told`; a unit without any is filed
    under its slot.  An entry of the same unit is replaced: the unit has no
    other key any more.
    """
    chip = plan.chip_id or told
    name = chip or f"slot-{slot}"
    units = folder / UNITS
    entry: dict[str, Json] = {
        "chip": chip,
        "target": plan.target.name,
        "profile": plan.profile.name,
        "device_key": plan.key_origin if plan.challenge == "device-key" else None,
        "challenge": plan.challenge,
        "key_origin": plan.key_origin,
        "provisioned": utc_now(),
    }
    files.make_private_folder(units)
    files.write(units / f"{name}.json", json.dumps(entry, indent=1).encode() + b"\n")
    emit(Observed(what="unit", value=entry))
    path = units / f"{name}.pub.pem"
    if plan.device_public_pem is None:
        path.unlink(missing_ok=True)
        return None
    files.write(path, plan.device_public_pem)
    key: dict[str, Json] = {"origin": plan.key_origin, "public": plan.device_public_pem.decode("ascii")}
    emit(Observed(what="device-key", value=key))
    return path


def _console(slot: Slot, emit: Emit) -> Console:
    from workbench.wires.console import Console

    return Console(slot.need_serial(), slot.target.console.baud, emit=emit)
