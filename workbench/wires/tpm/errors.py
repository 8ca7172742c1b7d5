"""What can go wrong between the station and a TPM, and whose fault it is."""

from __future__ import annotations

from typing import Final

from workbench.boards.tcti import TctiInvalid
from workbench.errors import Blame, InputError, WorkbenchError

__all__ = [
    "TctiInvalid",
    "TpmAnswerForged",
    "TpmAnswerInvalid",
    "TpmError",
    "TpmLockout",
    "TpmRefused",
    "TpmUnreachable",
    "TpmValueInvalid",
]

RC_INITIALIZE: Final = 0x100
"""TPM_RC_INITIALIZE: no Startup came yet, or one came already."""
RC_LOCKOUT: Final = 0x921
"""TPM_RC_LOCKOUT: dictionary-attack protection refuses every key without noDA."""
RC_NV_LOCKED: Final = 0x148
RC_HANDLE: Final = 0x18B
"""TPM_RC_HANDLE for the first handle: there is no such object or index."""


class TpmError(WorkbenchError):
    """A TPM cannot be used."""

    code = "tpm-failed"
    blame = Blame.STATION
    default_cause = "the TPM, its wire or its driver"
    default_action = "run `workbench doctor`, then try again"


class TpmRefused(TpmError):
    """The TPM refused a command.

    `rc` is the response code as the TPM gave it (TPM 2.0 Part 2, 6.6), `command` its name, such as NV_Write.
    """

    code = "tpm-refused"
    blame = Blame.UNIT
    default_cause = "the TPM is in a state in which this is not allowed"
    default_action = "look at the unit with `workbench identity show`; set it aside if this comes back"

    def __init__(
        self, rc: int, command: str, words: str = "", *, cause: str | None = None, action: str | None = None
    ) -> None:
        said = f": {words}" if words else ""
        super().__init__(f"the TPM refused {command} with 0x{rc:03x}{said}", cause=cause, action=action)
        self.rc = rc
        self.command = command


class TpmLockout(TpmRefused):
    """The TPM is in dictionary-attack lockout."""

    code = "tpm-lockout"
    default_cause = "too many wrong authorizations, or power lost too often during one"
    default_action = (
        "do not try again; reset the lockout with the lockout authorization or wait for the recovery time"
    )


class TpmUnreachable(TpmError):
    """The TPM does not answer."""

    code = "tpm-unreachable"
    default_cause = "no power, not plugged in, no driver, or another program keeps it busy"
    default_action = "check the board's power and `tpm` of its slot in the bench file, then try again"


class TpmAnswerInvalid(TpmError):
    """The TPM's answer cannot be understood."""

    code = "tpm-answer-invalid"
    default_cause = "a damaged wire, a defect of the TPM, or something between station and TPM"
    default_action = "power the board off and on, then try again; set the unit aside if it comes back"


class TpmAnswerForged(TpmError):
    """An answer of the TPM does not fit the session's secret."""

    code = "tpm-answer-forged"
    blame = Blame.TRUST
    default_cause = "something between station and TPM changed a command or an answer"
    default_action = "set the unit aside and look at what is connected to the TPM's bus"


class TpmValueInvalid(InputError):
    """Bytes given as a TPM structure are none."""

    code = "tpm-value-invalid"
    default_cause = "a damaged or foreign file, or a value of another type"
    default_action = "make the value again, or name the right file"
