"""Lints: what is wrong with a certificate, by our own rules and by pkilint's.

Every finding is returned; `refuse_findings` raises for those that count.  The rules are in `rules_*`, each a
small function with a stable code; this module only asks them.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from workbench.errors import Blame, WorkbenchError
from workbench.identity.certificates import (
    rules_devid,
    rules_form,
    rules_holder,
    rules_issuer,
    rules_purpose,
    signature_only,
)
from workbench.identity.certificates.finding import Finding, Severity
from workbench.identity.certificates.profile import CertificateProfile
from workbench.identity.certificates.rule import Case, Rule
from workbench.identity.certificates.view import CertificateUnreadable, View, read_view

RULES: Final[tuple[Rule, ...]] = (
    *rules_form.RULES,
    *rules_issuer.RULES,
    *rules_holder.RULES,
    *rules_devid.RULES,
    *rules_purpose.RULES,
)
"""Our own rules, all of them."""

_NO_IDENTIFIER: Final = "pkix.certificate_skid_end_entity_missing"
"""What pkilint says of a profile that follows IEEE 802.1AR's advice against subject key identifiers."""

UNREADABLE: Final = "certificate-unreadable"
"""Code of the finding for bytes that are no certificate."""


class CertificateLintFailed(WorkbenchError):
    """A certificate breaks the rules of its profile."""

    code = "certificate-lint-failed"
    blame = Blame.TRUST
    default_cause = "a profile that was changed, or a request with values that its standards forbid"
    default_action = "correct what the findings name; the rules are in docs/certificates.md"

    def __init__(self, what: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(what)
        self.findings = tuple(findings)


def lint(
    certificate: bytes | x509.Certificate,
    profile: CertificateProfile,
    issuer: x509.Certificate | None,
    *,
    now: datetime | None = None,
    signed: bool = True,
) -> list[Finding]:
    """All findings, worst first.

    `issuer` is None for a root.  `signed` is False where the signature is a throw-away one and is not looked
    at.  `now`, with a time zone, is when it was issued: it may not begin after that.
    """
    der, issuer_der = _der(certificate), None if issuer is None else _der(issuer)
    about = (profile, issuer_der, now)
    if signed and issuer_der is not None:
        known = signature_only.recall(der, about)
        if known is not None:
            return _with_signature(known, der, profile, issuer_der, now)
    try:
        view = read_view(der)
        issuer_view = view if issuer_der is None else _issuer_view(issuer_der)
    except CertificateUnreadable as error:
        return [Finding(UNREADABLE, Severity.ERROR, error.what, "RFC 5280 section 4.1")]
    case = Case(view, profile, issuer_view, now, signed)
    found = _sorted([*_ours(case), *_pkilint(case)])
    if not signed:
        signature_only.remember(view, about, found)
    return found


def _with_signature(
    known: signature_only.Known,
    der: bytes,
    profile: CertificateProfile,
    issuer: bytes,
    now: datetime | None,
) -> list[Finding]:
    """What was found of the same bytes under a throw-away signature, and what the real one adds."""
    from workbench.identity.certificates.lint_pkilint import pkilint_signature_findings

    case = Case(known.view, profile, _issuer_view(issuer), now, signed=True)
    found = [finding for rule in rules_issuer.SIGNATURE_RULES for finding in rule.findings(case)]
    return _sorted([*known.findings, *found, *pkilint_signature_findings(der, issuer)])


def refuse_findings(
    findings: Iterable[Finding], profile: CertificateProfile, *, at_least: Severity = Severity.WARNING
) -> None:
    """Raises CertificateLintFailed where a finding is `at_least` that severe."""
    grave = [f for f in findings if f.severity >= at_least]
    if grave:
        words = "; ".join(str(f) for f in grave[:5])
        more = f"; and {len(grave) - 5} more" if len(grave) > 5 else ""
        raise CertificateLintFailed(f"the certificate breaks profile {profile.name}: {words}{more}", grave)


@lru_cache(maxsize=8)
def _issuer_view(der: bytes) -> View:
    """An issuer is looked at for each of its certificates."""
    return read_view(der)


def _sorted(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: -finding.severity)


def _ours(case: Case) -> Iterator[Finding]:
    for rule in RULES:
        yield from rule.findings(case)


def _pkilint(case: Case) -> Iterator[Finding]:
    from workbench.identity.certificates.lint_pkilint import pkilint_findings

    issuer: View | None = None if case.is_root else case.issuer
    found = pkilint_findings(case.view.der, None if issuer is None else issuer.der, signed=case.signed)
    for finding in found:
        meant = finding.code == _NO_IDENTIFIER and not case.profile.extensions.subject_key_identifier
        yield replace(finding, severity=Severity.NOTICE) if meant else finding


def _der(certificate: bytes | x509.Certificate) -> bytes:
    return certificate if isinstance(certificate, bytes) else certificate.public_bytes(Encoding.DER)
