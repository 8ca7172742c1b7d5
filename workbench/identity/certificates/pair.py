"""Rules for the two certificates of one TPM: its IDevID and its IAK.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from workbench.identity.certificates import oids
from workbench.identity.certificates.finding import Finding, Severity
from workbench.identity.certificates.view import ASN1_ERRORS, View, read_view

PAIR_CODES: Final = ("pair-subject", "pair-alt-names", "pair-keys", "pair-issuer")
_REFERENCE: Final = "TCG DevID section 8: the IAK certificate has the IDevID certificate's subject"


def lint_pair(idevid: bytes, iak: bytes) -> list[Finding]:
    """What does not fit between the certificates of one unit; raises CertificateUnreadable."""
    first, second = read_view(idevid), read_view(iak)
    try:
        return [Finding(code, Severity.ERROR, words, _REFERENCE) for code, words in _wrong(first, second)]
    except ASN1_ERRORS as error:
        return [Finding("pair-alt-names", Severity.ERROR, f"cannot be read ({error})", _REFERENCE)]


def _wrong(idevid: View, iak: View) -> Iterator[tuple[str, str]]:
    if idevid.subject != iak.subject:
        yield "pair-subject", "IDevID and IAK have different subjects"
    names = (oids.HARDWARE_MODULE_NAME, oids.PERMANENT_IDENTIFIER)
    if any(idevid.other_names(name) != iak.other_names(name) for name in names):
        yield "pair-alt-names", "IDevID and IAK name different hardware"
    if idevid.spki == iak.spki:
        yield "pair-keys", "IDevID and IAK certify the same key"
    if idevid.issuer != iak.issuer:
        yield "pair-issuer", "IDevID and IAK have different issuers"
