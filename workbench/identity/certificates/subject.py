"""The subject of a certificate: a profile's fixed values and a request's, in one order.  Pure."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from workbench.identity.certificates.fields import CertificateFieldInvalid, CertificateFields
from workbench.identity.certificates.profile import CertificateProfile

ORDER: Final = {
    "countryName": NameOID.COUNTRY_NAME,
    "organizationName": NameOID.ORGANIZATION_NAME,
    "organizationalUnitName": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "commonName": NameOID.COMMON_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
}


def subject_name(profile: CertificateProfile, fields: CertificateFields) -> x509.Name:
    """The subject.

    Raises CertificateFieldInvalid where the request lacks an attribute, gives one that the profile does not
    know, or another value for a fixed one.
    """
    values = subject_values(profile, fields)
    return x509.Name([x509.NameAttribute(oid, values[name]) for name, oid in ORDER.items() if name in values])


def subject_values(profile: CertificateProfile, fields: CertificateFields) -> dict[str, str]:
    """The subject's attributes by their X.520 names; errors as `subject_name`."""
    given, rules = fields.attributes(), profile.subject
    fixed: dict[str, str] = {str(name): value for name, value in rules.fixed.items()}
    known = {*rules.required, *rules.optional, *fixed}
    if lacking := [name for name in rules.required if name not in given]:
        raise CertificateFieldInvalid(f"profile {profile.name} needs {', '.join(lacking)}")
    if extra := [name for name in given if name not in known]:
        raise CertificateFieldInvalid(f"profile {profile.name} has no place for {', '.join(extra)}")
    if other := [name for name in given if fixed.get(name, given[name]) != given[name]]:
        raise CertificateFieldInvalid(f"profile {profile.name} has another value for {', '.join(other)}")
    return {**fixed, **given}
