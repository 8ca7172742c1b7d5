"""What can go wrong between a TPM and its identity, each with the next thing that a technician does."""

from __future__ import annotations

from workbench.errors import Blame, InputError, WorkbenchError


class TpmUnusable(WorkbenchError):
    """A TPM cannot carry an identity."""

    code = "tpm-unusable"
    blame = Blame.UNIT
    default_cause = "a defective TPM, or one whose firmware lacks what an identity needs"
    default_action = "put the board aside; try another one of the lot"


class TpmNotAllowed(WorkbenchError):
    """A TPM of a kind that the recipe does not name."""

    code = "tpm-not-allowed"
    blame = Blame.TRUST
    default_cause = "another part was fitted than the recipe allows, or its firmware is another version"
    default_action = "compare the part with the bill of materials; allow it in the recipe only if it is meant"


class TpmInLockout(WorkbenchError):
    """A TPM refuses to work because of wrong passwords."""

    code = "tpm-in-lockout"
    blame = Blame.UNIT
    default_cause = "somebody or something tried wrong passwords on this TPM"
    default_action = "leave the board powered for the time named above, then enrol it again"


class TpmNotBlank(WorkbenchError):
    """A TPM holds what this station's ledger knows nothing of."""

    code = "tpm-not-blank"
    blame = Blame.TRUST
    default_cause = "the board was used or enrolled before, perhaps at a station with another ledger"
    default_action = "look for the unit in the ledger where it was made; a used board comes back by RMA only"


class PlatformClosed(WorkbenchError):
    """The platform hierarchy is closed before the certificates are stored."""

    code = "tpm-platform-closed"
    blame = Blame.UNIT
    default_cause = "the board's firmware closes the platform hierarchy also in its factory state"
    default_action = (
        "use firmware that keeps it open until the certificates are locked, or allow `owner-nv`, which gives "
        "a weaker record"
    )


class TpmKeyDiffers(WorkbenchError):
    """A key in a TPM is another one than it must be."""

    code = "tpm-key-differs"
    blame = Blame.TRUST
    default_cause = (
        "the TPM was changed or exchanged, or it is cleared, or its answers are changed on the bus"
    )
    default_action = "keep the board for analysis; it may only come back by RMA"


class TpmCertificateDiffers(WorkbenchError):
    """A certificate index of a TPM holds something else than was issued."""

    code = "tpm-certificate-differs"
    blame = Blame.TRUST
    default_cause = "the index was written by somebody else, or the TPM's memory is damaged"
    default_action = "keep the board for analysis; it may only come back by RMA"


class LockIsOpen(WorkbenchError):
    """An act that must be impossible on a locked unit is possible."""

    code = "tpm-lock-open"
    blame = Blame.TRUST
    default_cause = (
        "the board's firmware leaves the platform hierarchy open, so the identity is not immutable"
    )
    default_action = "give the board firmware that closes it at every start; or allow `platform-open` by name"


class TpmVerificationFailed(WorkbenchError):
    """A unit does not show the identity that the ledger has of it."""

    code = "tpm-verify-failed"
    blame = Blame.TRUST
    default_cause = "another TPM, a changed one, or answers that were made elsewhere"
    default_action = "keep the board for analysis, and look at the ledger's record of this serial number"


class BoardNotRestarted(WorkbenchError):
    """A board was switched off and on, and its TPM has not noticed."""

    code = "board-not-restarted"
    blame = Blame.STATION
    default_cause = "the slot's power switch switches something else, or the board has a battery"
    default_action = "check the slot's power switch, then enrol the unit again: it goes on where it was"


class LabelDiffers(InputError):
    """The label on a board belongs to another TPM."""

    code = "label-differs"
    default_cause = "the label of another board was scanned, or labels were mixed up"
    default_action = "scan the label on this board; if it is the right one, keep both boards apart and ask"


class LockNotPermitted(InputError):
    """An enrolment does what cannot be undone, and nobody permitted that."""

    code = "lock-not-permitted"
    default_cause = "--permit-lock was not given"
    default_action = "look at the steps with --dry-run, then give --permit-lock"


class EscrowKeyInvalid(InputError):
    """The key for the escrow of lockout passwords cannot be used."""

    code = "escrow-key-invalid"
    default_cause = "not a public key in PEM, or not RSA of 2048 bits or more, P-256 or P-384"
    default_action = "give the public half of the offline key, as PEM"


class EscrowNotKept(WorkbenchError):
    """An escrow file could not be brought onto the disk."""

    code = "escrow-not-kept"
    blame = Blame.STATION
    default_cause = "the disk is full or read-only, or the folder belongs to somebody else"
    default_action = "make the escrow folder writable, then enrol the unit again: nothing was changed"


class UnitQuarantined(WorkbenchError):
    """The ledger has a unit in quarantine."""

    code = "unit-quarantined"
    blame = Blame.TRUST
    default_cause = "an earlier run or a conflict put it there"
    default_action = "see `workbench identity show`; it may only come back by RMA"
