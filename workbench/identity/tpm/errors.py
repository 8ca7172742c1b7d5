"""What this room raises: bytes that are no TPM structure, signatures that do not hold, refused identities."""

from __future__ import annotations

from typing import ClassVar

from workbench.errors import Blame, WorkbenchError
from workbench.identity.tpm.reasons import REASONS


class TpmStructureMalformed(WorkbenchError):
    """Bytes are not the TPM structure that they should be."""

    code = "tpm-structure-malformed"
    blame = Blame.TRUST
    default_cause = (
        "an answer that was cut short or changed on its way, or a TPM that does not follow the standard"
    )
    default_action = "read it from the TPM again; if it stays, set the unit aside"


class CsrMalformed(TpmStructureMalformed):
    """Bytes are no TCG-CSR-IDEVID."""

    code = "tpm-csr-malformed"
    default_cause = "a request that was cut short or changed on its way"
    default_action = "let the station make the request again"


class TpmSignatureInvalid(WorkbenchError):
    """A signature was not made by that key over these bytes."""

    code = "tpm-signature-invalid"
    blame = Blame.TRUST
    default_cause = "the bytes were changed after they were signed, or another key signed them"
    default_action = "set the unit aside; do not enrol it"


class IdentityRefused(WorkbenchError):
    """An identity is not given, or not believed.

    `reason` is a stable word of `reasons.REASONS`, which also holds the usual cause and the next action.
    """

    code: ClassVar[str] = "identity-refused"
    blame = Blame.TRUST
    default_cause = "the unit is not what it claims to be"
    default_action = "set the unit aside; do not enrol it"

    def __init__(
        self, reason: str, what: str, *, cause: str | None = None, action: str | None = None
    ) -> None:
        known = REASONS.get(reason)
        super().__init__(
            what,
            cause=cause if cause is not None else known.cause if known else None,
            action=action if action is not None else known.action if known else None,
        )
        self.reason = reason

    def as_dict(self) -> dict[str, str]:
        """As for every error, and the reason."""
        return {**WorkbenchError.as_dict(self), "reason": self.reason}
