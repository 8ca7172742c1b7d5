"""What the ledger refuses, each with the technician's next action."""

from __future__ import annotations

from workbench.errors import Blame, InputError, WorkbenchError


class IdentityConflict(WorkbenchError):
    """Something that exists once was claimed a second time; the units are in quarantine."""

    code = "identity-conflict"
    blame = Blame.TRUST
    default_cause = "a cloned chip, a wrong or doubled label, or a key that was copied"
    default_action = (
        "put the named units aside; `workbench identity show` tells what they are, and "
        "`workbench identity rma` with their IDs is the only way back"
    )

    def __init__(
        self, what: str, *, units: tuple[str, ...] = (), cause: str | None = None, action: str | None = None
    ) -> None:
        super().__init__(what, cause=cause, action=action)
        self.units = units
        """IDs of the units that are in quarantine now."""


class RmaRequired(WorkbenchError):
    """A serial number or chip belonged to a unit that an RMA has ended, and the claim names no RMA."""

    code = "identity-rma-required"
    blame = Blame.TRUST
    default_cause = "the claim does not name the RMA, or the chip or label is an old one that came back"
    default_action = "enrol it with --rma and the ID of the RMA, or make a new label"


class RmaRefused(WorkbenchError):
    """An RMA cannot serve this claim."""

    code = "identity-rma-refused"
    blame = Blame.TRUST
    default_cause = "a mistyped RMA ID, an RMA of another unit, or one that another unit has used"
    default_action = "name the RMA of this unit's old record; `workbench identity show` lists it"


class ClaimDiffers(InputError):
    """The unit is known with another model, target or kind; nothing was changed."""

    code = "identity-claim-differs"
    default_cause = "the wrong recipe or slot for this unit"
    default_action = "use the recipe that the unit was begun with"


class WrongState(WorkbenchError):
    """The unit's state does not permit this step; nothing was changed."""

    code = "identity-wrong-state"
    blame = Blame.TRUST
    default_cause = "a step was skipped, or the unit was put into quarantine meanwhile"
    default_action = "`workbench identity show` tells the unit's state and what comes next"


class UnitUnknown(InputError):
    """The ledger knows no such unit, act or RMA."""

    code = "identity-unit-unknown"
    default_cause = "a mistyped serial number or ID, or another station's ledger"
    default_action = "scan the label again, or name the right database in WORKBENCH_DATABASE"


class LedgerValueInvalid(InputError):
    """A value that the ledger does not take."""

    code = "ledger-value-invalid"
    default_cause = "a value of the wrong form"
    default_action = "correct the value named above"


class CertificateForeign(WorkbenchError):
    """A certificate is not one for this unit's keys; nothing was stored."""

    code = "identity-certificate-foreign"
    blame = Blame.TRUST
    default_cause = "the CA answered for another unit, or the certificate was changed on its way"
    default_action = "compare with the CA's own record (`workbench ca show`); do not store the certificate"
