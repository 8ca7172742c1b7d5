"""Why evidence is refused."""

from __future__ import annotations

from typing import Final

from workbench.errors import Blame, WorkbenchError

REASONS: Final[dict[str, str]] = {
    "too-large": "the file is larger than evidence can be",
    "envelope-malformed": "it is no DSSE envelope in canonical JSON",
    "payload-type": "the envelope holds something else than an in-toto statement",
    "statement-malformed": "it is no in-toto Statement v1 in canonical JSON",
    "predicate-type": "the statement is not about the identity of a unit",
    "predicate-malformed": "the statement lacks something, has something more, or has it in the wrong form",
    "chain-malformed": "the signer's certificates cannot be read",
    "chain-broken": "a certificate of the signer was not issued by the next one",
    "chain-not-ca": "a certificate of the signer's chain is not one of a CA",
    "chain-time": "a certificate of the signer was not valid when it signed",
    "chain-root-unknown": "the signer's chain does not end at a root that is trusted",
    "signer-usage": "the signer's certificate is not one for evidence",
    "key-id": "the envelope names another key than the signer's",
    "signature-wrong": "the signature is not the signer's over this statement",
    "subject-mismatch": "the statement's subjects are not the unit, its chip and its certificates",
    "certificate-foreign": "a certificate of the unit is not from this CA, or for another unit or key",
    "certificate-not-stored": "what was read back from the unit is another certificate",
    "log-malformed": "the log is not one of evidence",
    "log-broken": "an entry of the log was changed, removed or added",
    "log-lacks-it": "the log has no entry for this evidence",
    "log-elsewhere": "the log has this evidence in another place or with other words than the evidence says",
    "log-of-another": "the log is another station's, or names another signer at that place",
    "log-lost-file": "evidence that the log names is not there",
    "act-broken": "something that had to hold did not, and only units on which all held were asked for",
    "act-missing": "nothing was tried, or something was not, and only units on which all held were asked for",
}
"""All reasons, with their words; they are part of the interface."""


class EvidenceRefused(WorkbenchError):
    """Evidence that must not be believed; `reason` is one of REASONS."""

    code = "evidence-refused"
    blame = Blame.TRUST
    default_cause = "a file that was changed or cut, a log that was edited, or the root of another CA"
    default_action = (
        "get the file again from its station and the root from the CA; do not accept the unit on it"
    )

    def __init__(self, reason: str, more: str = "") -> None:
        super().__init__(f"{reason}: {REASONS[reason]}{f' ({more})' if more else ''}")
        self.reason = reason
