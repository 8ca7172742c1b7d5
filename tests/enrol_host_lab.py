"""What the flash of a unit holds before its enrolment, for firmware that runs here."""

from __future__ import annotations

from typing import Any

from tests.enrol_host import (
    IDENTITY,
    KEYS,
)
from tests.mcu_firmware_lab import (
    enrolment_record,
)
from workbench.images.provisioning import Provisioning, build_page

SECRET = bytes(range(100, 132))
NONCE = bytes(32)
PAGE = 0x400


def page(**more: Any) -> bytes:
    return build_page(Provisioning(profile="host", vid=bytes(16), cid=bytes(16), **more))


def contents(**more: Any) -> dict[int, bytes]:
    return {KEYS: enrolment_record(SECRET), IDENTITY: page(**more)}
