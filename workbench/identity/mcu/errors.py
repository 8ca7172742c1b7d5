"""Why the identity of a microcontroller is refused: one error, with a stable reason and the next action."""

from __future__ import annotations

from typing import Final

from workbench.errors import Blame, WorkbenchError

QUARANTINE: Final = "put the unit aside and enrol no other unit until it is known where the request came from"
AGAIN: Final = "run `workbench identity enroll SLOT` again: it asks for a new nonce and a new request"
MISTAKE: Final = "correct the recipe or the scanned label, then enrol the unit again"


class McuRefused(WorkbenchError):
    """What a microcontroller or its station says of an identity must not be believed.

    `reason` is a stable word, for the ledger, the CA's answer and tests.
    """

    code = "mcu-identity-refused"
    blame = Blame.TRUST
    default_cause = "the request was changed on its way, or another device answered"
    default_action = QUARANTINE

    def __init__(
        self, reason: str, what: str, *, cause: str | None = None, action: str | None = None
    ) -> None:
        super().__init__(what, cause=cause, action=action)
        self.reason = reason


class McuEnrolmentUnsupported(WorkbenchError):
    """A device's firmware cannot be enrolled."""

    code = "mcu-enrolment-unsupported"
    blame = Blame.INPUT
    default_cause = "older firmware, or firmware of another product, runs on the unit"
    default_action = "provision the unit with firmware that has group 64, command 4; then enrol it"


class McuTargetUnsuitable(WorkbenchError):
    """A kind of board cannot be enrolled."""

    code = "mcu-target-unsuitable"
    blame = Blame.INPUT
    default_cause = "its target file names no chip ID, no lock, or no page for keys"
    default_action = "complete the target file, see docs/mcu-identity.md"


class RandomUnhealthy(WorkbenchError):
    """A device's source of random numbers does not pass its tests; no key was made."""

    code = "mcu-random-unhealthy"
    blame = Blame.TRUST
    default_cause = "a defective chip: a key from it could be guessed"
    default_action = "take the unit out of the line, and look at others of the lot"


class McuNotBlank(WorkbenchError):
    """A unit has a key or a record that this station's ledger knows nothing of."""

    code = "mcu-not-blank"
    blame = Blame.TRUST
    default_cause = "it was enrolled elsewhere, or its pages were copied from another unit"
    default_action = "look for the unit in the ledger where it was made; a used unit comes back by RMA only"


class McuKeyDiffers(WorkbenchError):
    """A unit's key is another one than the ledger has, or than the probe sees."""

    code = "mcu-key-differs"
    blame = Blame.TRUST
    default_cause = "the serial port belongs to another unit, or the unit's key was exchanged"
    default_action = "check that probe and serial port lead to one board; keep the unit for analysis"


class McuChipDiffers(WorkbenchError):
    """The probe and the serial port of a slot lead to different chips."""

    code = "mcu-chip-differs"
    blame = Blame.STATION
    default_cause = "the slot's serial port belongs to another unit"
    default_action = "check the wires of the slot: probe and serial port must lead to one board"


class McuCertificateDiffers(WorkbenchError):
    """A unit holds another certificate than was issued for it."""

    code = "mcu-certificate-differs"
    blame = Blame.TRUST
    default_cause = "another certificate was written, or the CA answered for another unit"
    default_action = "keep the unit for analysis; `workbench identity show` tells what was issued"


class McuLockUnexpected(WorkbenchError):
    """A unit's lock is not as the ledger says: set before its time, or gone."""

    code = "mcu-lock-unexpected"
    blame = Blame.TRUST
    default_cause = "somebody locked the unit, or erased it after it was locked"
    default_action = "keep the unit for analysis; a locked one can only be erased, which needs an RMA"


class McuNotFinished(WorkbenchError):
    """A unit did not do what it answered that it did."""

    code = "mcu-not-finished"
    blame = Blame.UNIT
    default_cause = "its flash is damaged, or its firmware has a defect"
    default_action = "enrol it again; if it stays so, take it out of the line"


class McuLabelDiffers(WorkbenchError):
    """The label on a unit belongs to another chip."""

    code = "mcu-label-differs"
    blame = Blame.INPUT
    default_cause = "the label of another unit was scanned, or labels were mixed up"
    default_action = "scan the label on this unit; if it is the right one, keep both units apart and ask"
