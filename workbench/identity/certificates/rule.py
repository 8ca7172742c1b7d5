"""What a rule is: a small function over a certificate that yields words for each thing that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from workbench.identity.certificates.finding import Finding, Severity
from workbench.identity.certificates.profile import CertificateProfile
from workbench.identity.certificates.profile_file import Kind
from workbench.identity.certificates.view import ASN1_ERRORS, Time, View

UTC_TIME: Final = 23
GENERALIZED_TIME: Final = 24
_FORMATS: Final = {UTC_TIME: "%y%m%d%H%M%SZ", GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}


@dataclass(frozen=True, slots=True)
class Case:
    """A certificate, what it should be, and by whom.  For a root `issuer` is the certificate itself."""

    view: View
    profile: CertificateProfile
    issuer: View
    now: datetime | None
    signed: bool

    @property
    def is_root(self) -> bool:
        """Whether it was issued by itself."""
        return self.issuer is self.view


Check = Callable[[Case], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A lint.  `kinds` of profile it is for, None for all; `says` is its line in the documentation."""

    code: str
    severity: Severity
    reference: str
    kinds: tuple[Kind, ...] | None
    says: str
    check: Check

    def findings(self, case: Case) -> Iterator[Finding]:
        """What is wrong with `case`; a part that cannot be read is wrong too."""
        if self.kinds is not None and case.profile.kind not in self.kinds:
            return
        try:
            for message in self.check(case):
                yield Finding(self.code, self.severity, message, self.reference)
        except ASN1_ERRORS as error:
            message = f"cannot be read ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
            yield Finding(self.code, Severity.ERROR, message, self.reference)


def rule(
    code: str,
    reference: str,
    *,
    kinds: tuple[Kind, ...] | None = None,
    severity: Severity = Severity.ERROR,
) -> Callable[[Check], Rule]:
    """Makes a rule of a function; its docstring's first line is what the rule says."""

    def decorate(check: Check) -> Rule:
        says = (check.__doc__ or "").strip().splitlines()[0]
        return Rule(code, severity, reference, kinds, says, check)

    return decorate


def moment(time: Time) -> datetime:
    """The time with its zone; raises ValueError where it is not one in RFC 5280's form.

    UTCTime counts 50 to 99 as the last century, section 4.1.2.5.1.
    """
    if len(time.text) != (13 if time.tag == UTC_TIME else 15) or not time.text[:-1].isdigit():
        raise ValueError(f"{time.text!r} is no time with seconds in UTC")
    text, tag = time.text, time.tag
    if tag == UTC_TIME:
        text, tag = ("19" if text[:2] >= "50" else "20") + text, GENERALIZED_TIME
    return datetime.strptime(text, _FORMATS[tag]).replace(tzinfo=UTC)
