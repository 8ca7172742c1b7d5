"""What can go wrong between this machine and a device that speaks SMP."""

from __future__ import annotations

from typing import Final

from smp.error import MGMT_ERR
from smp.header import GroupId
from smp.image_management import IMG_MGMT_ERR
from smp.os_management import OS_MGMT_RET_RC

from workbench.errors import Blame, InputError, WorkbenchError

WORKBENCH_GROUP: Final = 64
"""SMP group of our own firmware; other products use the number for groups of theirs."""

_OWN: Final = {
    1: "UNKNOWN", 2: "INVALID", 3: "CONSENT_NEEDED", 4: "BUSY", 6: "NO_KEY", 7: "FAILED", 9: "ENROL_STATE",
    10: "NO_SECRET", 11: "RANDOM", 12: "FLASH", 13: "FROZEN", 14: "NO_CERTIFICATE", 15: "CERTIFICATE",
}  # fmt: skip


class SmpInvalid(InputError):
    """This is no way to a device."""

    code = "smp-transport-invalid"
    default_cause = "there are serial, smp+raw:PORT, smp+serial:PORT and smp+udp://HOST:PORT"
    default_action = "correct --transport"


class SmpSilent(WorkbenchError):
    """The device did not answer a request."""

    code = "smp-silent"
    blame = Blame.UNIT
    default_cause = "the firmware has no SMP server on this line, it hangs, or the line is set differently"
    default_action = "look at what the board prints with `workbench console`; check `[console]` of the target"


class SmpGarbled(WorkbenchError):
    """The device's answer is no SMP message."""

    code = "smp-garbled"
    blame = Blame.UNIT
    default_cause = "a firmware that speaks another protocol, or a disturbed line"
    default_action = "check the line, then run the command again"


class SmpRefused(WorkbenchError):
    """The device refused a request.

    `group` is the SMP group whose numbers `rc` counts; None for the numbers that all groups share.
    """

    code = "smp-refused"
    blame = Blame.UNIT
    default_cause = "the device is in a state, or has a firmware, that does not permit it"
    default_action = "read what it said, then look at its state with `workbench console`"

    def __init__(self, what: str, *, group: int | None, rc: int, reason: str | None = None) -> None:
        name = error_name(group, rc)
        super().__init__(f"the device refused {what}: {name}" + (f" ({reason})" if reason else ""))
        self.group = group
        self.rc = rc
        self.name = name

    @property
    def unsupported(self) -> bool:
        """Whether the device does not know the request at all."""
        return self.group is None and self.rc == MGMT_ERR.ENOTSUP

    def is_own(self, rc: int) -> bool:
        """Whether the refusal is number `rc` of our own group."""
        return self.group == WORKBENCH_GROUP and self.rc == rc

    def is_general(self, rc: int) -> bool:
        """Whether the refusal is number `rc` of those that all groups share."""
        return self.group is None and self.rc == rc


def error_name(group: int | None, rc: int) -> str:
    """Name of an error number, as Zephyr's headers have it: IMAGE_ALREADY_PENDING."""
    try:
        if group is None:
            return MGMT_ERR(rc).name
        if group == GroupId.IMAGE_MANAGEMENT:
            return IMG_MGMT_ERR(rc).name
        if group == GroupId.OS_MANAGEMENT:
            return OS_MGMT_RET_RC(rc).name
    except ValueError:
        return f"error {rc}" if group is None else f"error {rc} of group {group}"
    if group == WORKBENCH_GROUP and rc in _OWN:
        return _OWN[rc]
    return f"error {rc} of group {group}"
