"""What the probe and the line do for an enrolment, each in one call: looking, the record, the wait for the
unit's start.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workbench.identity.mcu.errors import McuChipDiffers, McuEnrolmentUnsupported, McuTargetUnsuitable
from workbench.identity.mcu.protocol import TRIES, Enrolment, read_enrolment
from workbench.identity.mcu.record import (
    MARK_IN_RECORD,
    PUBLIC_BYTES,
    PUBLIC_IN_RECORD,
    RECORD,
    RECORDS_AT,
    VALID_MARK,
)
from workbench.images.unit import chip_id_bytes
from workbench.wires.smp_errors import WORKBENCH_GROUP, SmpGarbled, SmpRefused, SmpSilent
from workbench.wires.smp_message import Op, Request

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.probes.session import Debug
    from workbench.wires.smp import Smp

START_S: Final = 60.0
"""How long a bootloader may check the application; a signature takes seconds on a small chip."""
POLL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Sight:
    """What the probe saw.  `record`: the bytes where the enrolment record belongs, None on a locked chip."""

    chip: bytes
    chip_text: str
    locked: bool
    record: bytes | None
    probe: str


def key_page_of(target: Target) -> int:
    """Where the target's key page begins.  Raises McuTargetUnsuitable where anything is missing."""
    missing = {"a chip ID": target.chip.id, "a lock": target.lock, "a page for keys": target.key_page}
    lacking = [name for name, there in missing.items() if there is None]
    if lacking or target.key_page is None:
        raise McuTargetUnsuitable(f"target {target.name} has not {', '.join(lacking)}")
    return target.key_page


def look(debug: Debug) -> Sight:
    """Chip, lock, and the enrolment record; the key records are left alone."""
    page = key_page_of(debug.target)
    text = debug.chip_id()
    if text is None:
        raise McuTargetUnsuitable(f"the chip of slot {debug.slot.name} does not tell its ID")
    locked = debug.is_locked()
    record = None if locked else debug.read_memory(page, RECORD.size)
    return Sight(chip_id_bytes(text), text, locked, record, debug.probe_name())


def find_key_record(debug: Debug, point: bytes) -> int | None:
    """Which key record is valid and has that public half; private halves are not read."""
    page = key_page_of(debug.target)
    for number, offset in enumerate(RECORDS_AT):
        if debug.read_word(page + offset + MARK_IN_RECORD) != VALID_MARK:
            continue
        if debug.read_memory(page + offset + PUBLIC_IN_RECORD, PUBLIC_BYTES) == point[1:]:
            return number
    return None


def verify_chip(smp: Smp, chip: bytes) -> None:
    """Raises McuChipDiffers where the line leads to another chip than the probe."""
    told = smp.call(Request("its identity", Op.READ, WORKBENCH_GROUP, 0), tries=TRIES).get("chip")
    if told != chip:
        raise McuChipDiffers("the device at the serial port is not the chip that the probe sees")


def wait_for_unit(smp: Smp, limit_s: float = START_S) -> Enrolment:
    """Where the unit stands, once its application answers after a start.

    Raises McuEnrolmentUnsupported, SmpSilent after `limit_s`.
    """
    deadline = time.monotonic() + limit_s
    asked = Request("its parameters", Op.READ, 0, 6)
    while True:
        try:
            smp.call(asked, timeout_s=POLL_S)
        except SmpRefused:
            break  # an answer all the same
        except (SmpSilent, SmpGarbled):
            if time.monotonic() > deadline:
                raise
            continue
        break
    found = read_enrolment(smp)
    if found is None:
        raise McuEnrolmentUnsupported("the unit's firmware does not know how to be enrolled")
    return found
