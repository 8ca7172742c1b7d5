"""Why an attestation token is refused: one error, with a stable reason."""

from __future__ import annotations

from typing import Final

from workbench.errors import Blame, WorkbenchError

ASIDE: Final = "put the unit aside: what it says does not fit what the ledger knows of it"
ASK_AGAIN: Final = "ask the unit again; if it stays so, put it aside"


class EatRefused(WorkbenchError):
    """An attestation token must not be believed.

    `reason` is a stable word, for records, reports and tests.
    """

    code = "attestation-refused"
    blame = Blame.TRUST
    default_cause = "an old answer, another device's, or one that was changed"
    default_action = ASIDE

    def __init__(
        self, reason: str, what: str, *, cause: str | None = None, action: str | None = None
    ) -> None:
        super().__init__(what, cause=cause, action=action)
        self.reason = reason
