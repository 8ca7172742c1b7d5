"""What a certificate authority can say no with."""

from __future__ import annotations

from typing import Final

from workbench.errors import Blame, InputError, WorkbenchError


class CaUnreachable(WorkbenchError):
    """The certificate authority does not answer."""

    code = "ca-unreachable"
    blame = Blame.STATION
    default_cause = "its worker was stopped, was killed, or cannot open its keys"
    default_action = "start it with 'workbench ca serve DIR'; the unit keeps its keys and is resumed later"


class CaClockDisagrees(CaUnreachable):
    """Clocks disagree, so nothing is issued."""

    code = "ca-clock-disagrees"
    default_cause = "the clock of the station or of the CA's machine was set, or runs wrong"
    default_action = "set both clocks by a source of time, start the worker again, then resume the unit"


class CaStoreFailed(CaUnreachable):
    """The certificate authority's database cannot be used."""

    code = "ca-store-failed"
    default_cause = "a full or broken disk, or a file that was changed by hand"
    default_action = "free the disk, or bring ca.db back from its copy; the unit keeps its keys"


class CaRefused(WorkbenchError):
    """The certificate authority refused a request.

    `reason` is stable and says what was refused: the reason of the check that said no.
    """

    code = "ca-refused"
    blame = Blame.TRUST
    default_cause = "what was sent does not fit what the certificate authority knows or trusts"
    default_action = "put the unit aside; do not enrol it again before the reason is understood"

    def __init__(
        self, what: str, *, reason: str = "refused", cause: str | None = None, action: str | None = None
    ) -> None:
        super().__init__(what, cause=cause, action=action)
        self.reason = reason


class CaRequestConflict(CaRefused):
    """The same request came twice with different content, or claims what another unit has."""

    code = "ca-request-conflict"
    default_cause = "a request's number, serial number or key was used for something else before"
    default_action = "put both units aside; only an RMA that names the old request may replace it"


class CaKeyUnavailable(WorkbenchError):
    """A key of the certificate authority cannot be used."""

    code = "ca-key-unavailable"
    blame = Blame.STATION
    default_cause = "a wrong passphrase or PIN, a key file that was moved, or a token that was removed"
    default_action = "give the right passphrase, or bring the key back to where 'workbench ca show' says"


class CaFolderInvalid(InputError):
    """A folder is no certificate authority that can be used."""

    code = "ca-folder-invalid"
    default_cause = "another folder was meant, or files were removed or changed"
    default_action = "name the folder that 'workbench ca init' made, or bring it back from its copy"


class CaBusy(WorkbenchError):
    """Another worker serves this certificate authority."""

    code = "ca-busy"
    blame = Blame.STATION
    default_cause = "'workbench ca serve' runs already, or a station started a worker"
    default_action = "use the worker that runs, or stop it first"


class CredentialInvalid(InputError):
    """A credential file cannot be used."""

    code = "credential-invalid"
    default_cause = "the file is missing, empty, or open to other users"
    default_action = "make it with mode 0600, owned by you, the passphrase as its only line"


REFUSALS: Final[dict[str, type[CaRefused]]] = {
    CaRefused.code: CaRefused,
    CaRequestConflict.code: CaRequestConflict,
}
"""Refusals by their code, as they cross the socket."""
INTERRUPTIONS: Final[dict[str, type[CaUnreachable]]] = {
    CaUnreachable.code: CaUnreachable,
    CaClockDisagrees.code: CaClockDisagrees,
    CaStoreFailed.code: CaStoreFailed,
}
"""What stops the CA for a time, by its code."""
