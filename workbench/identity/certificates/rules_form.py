"""Rules about the form of any certificate: RFC 5280, and the limits of the place where it will lie."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from workbench.identity.certificates import oids
from workbench.identity.certificates.rule import GENERALIZED_TIME, UTC_TIME, Case, moment, rule
from workbench.identity.certificates.view import reencoded

MIN_SERIAL_BYTES: Final = 8
MAX_SERIAL_BYTES: Final = 20
NO_END: Final = "99991231235959Z"
_REFUSALS: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_UNDERSTOOD: Final = (oids.BASIC_CONSTRAINTS, oids.KEY_USAGE, oids.EXTENDED_KEY_USAGE)
_FIRST_GENERALIZED_YEAR: Final = 2050


@rule("x509-version", "RFC 5280 section 4.1.2.1")
def version(case: Case) -> Iterator[str]:
    """Version 3."""
    if case.view.version != 3:
        yield f"version {case.view.version}, and extensions need version 3"


@rule("x509-der", "RFC 5280 section 4.1; ITU-T X.690")
def strict_der(case: Case) -> Iterator[str]:
    """DER throughout: one encoding only, which a strict parser takes."""
    if case.view.reencoded != case.view.der:
        yield "its parts, encoded again, give other bytes"
    for extension in case.view.extensions:
        if reencoded(extension) != extension.value:
            yield f"extension {extension.oid}, encoded again, gives other bytes"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _parse_strictly(case.view.der)
    except _REFUSALS as error:
        yield f"a strict parser refuses it: {str(error)[:200]}"


@rule("serial-length", "RFC 5280 section 4.1.2.2; TCG DevID section 8: 64 to 160 bits")
def serial(case: Case) -> Iterator[str]:
    """Serial number of the certificate: positive, 8 to 20 bytes."""
    content = case.view.serial
    if content[0] & 0x80:
        yield "the serial number is negative"
    if not MIN_SERIAL_BYTES <= len(content) <= MAX_SERIAL_BYTES:
        yield f"the serial number has {len(content)} bytes"


@rule("serial-random", "RFC 5280 section 4.1.2.2; TCG DevID section 8: 64 bits at least")
def serial_random(case: Case) -> Iterator[str]:
    """Serial number not small or round: at least 64 bits, and not one byte repeated."""
    content = case.view.serial.lstrip(b"\0")
    if int.from_bytes(content, "big").bit_length() < 64 or len(set(content)) < 4:
        yield f"the serial number {content.hex()} does not look random"


@rule("time-form", "RFC 5280 section 4.1.2.5")
def time_form(case: Case) -> Iterator[str]:
    """Times in UTC with seconds: UTCTime until 2049, GeneralizedTime from 2050."""
    for what, time in (("notBefore", case.view.not_before), ("notAfter", case.view.not_after)):
        right = UTC_TIME if moment(time).year < _FIRST_GENERALIZED_YEAR else GENERALIZED_TIME
        if time.tag != right:
            yield f"{what} {time.text} has the wrong type of time"


@rule("validity-length", "the profile's [validity]")
def validity_length(case: Case) -> Iterator[str]:
    """Valid not longer than the profile allows; without end only where it says so."""
    begin, end = moment(case.view.not_before), moment(case.view.not_after)
    days = case.profile.validity.days
    if end < begin:
        yield "it ends before it begins"
    if days is not None and end - begin > timedelta(days=days):
        yield f"valid for {(end - begin).days} days, and the profile allows {days}"
    if days is None and case.view.not_after.text != NO_END:
        yield f"ends {case.view.not_after.text}, and the profile has no end ({NO_END})"


@rule("extension-duplicated", "RFC 5280 section 4.2")
def duplicated(case: Case) -> Iterator[str]:
    """Each extension once."""
    found = [e.oid for e in case.view.extensions]
    for oid in sorted({o for o in found if found.count(o) > 1}):
        yield f"extension {oid} is there {found.count(oid)} times"


@rule("extension-unexpected", "the profile's [extensions]")
def unexpected(case: Case) -> Iterator[str]:
    """No extension that the profile does not have."""
    rules = case.profile.extensions
    expected = {
        oids.KEY_USAGE: True,
        oids.BASIC_CONSTRAINTS: rules.basic_constraints != "absent",
        oids.EXTENDED_KEY_USAGE: bool(rules.extended_key_usage),
        oids.SUBJECT_KEY_IDENTIFIER: rules.subject_key_identifier,
        oids.AUTHORITY_KEY_IDENTIFIER: rules.authority_key_identifier,
        oids.CERTIFICATE_POLICIES: bool(rules.policies),
        oids.SUBJECT_ALT_NAME: bool(rules.alt_names or rules.alt_names_optional),
        oids.CRL_DISTRIBUTION_POINTS: rules.crl_distribution_points,
    }
    for extension in case.view.extensions:
        if not expected.get(extension.oid, False):
            yield f"extension {extension.oid} is not in the profile"


@rule("extension-critical", "RFC 5280 section 4.2; docs/images.md, what a device understands")
def critical(case: Case) -> Iterator[str]:
    """Critical are key usage and basic constraints, and nothing that a device does not understand."""
    for extension in case.view.extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            yield f"extension {extension.oid} is critical, and devices would refuse it"
        if not extension.critical and extension.oid == oids.BASIC_CONSTRAINTS and case.profile.is_ca:
            yield "basic constraints of a CA are not critical"


@rule("certificate-size", "the profile's [limits]")
def size(case: Case) -> Iterator[str]:
    """Not larger than the place where it will lie."""
    limit = case.profile.limits.max_bytes
    if limit is not None and len(case.view.der) > limit:
        yield f"{len(case.view.der)} bytes, and there is room for {limit}"


def _parse_strictly(der: bytes) -> None:
    found = x509.load_der_x509_certificate(der)
    _ = (found.extensions, found.subject, found.issuer, found.public_key())


RULES: Final = (
    version,
    strict_der,
    serial,
    serial_random,
    time_form,
    validity_length,
    duplicated,
    unexpected,
    critical,
    size,
)
