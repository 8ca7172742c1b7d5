"""The extensions of a certificate, in a fixed order, as its profile says.  Pure."""

from __future__ import annotations

import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from workbench.identity.certificates import oids
from workbench.identity.certificates.fields import CertificateFieldInvalid, CertificateFields
from workbench.identity.certificates.other_names import hardware_module_der, permanent_identifier_der
from workbench.identity.certificates.profile import CertificateProfile
from workbench.identity.certificates.profile_file import AltName

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


def add_extensions(
    builder: x509.CertificateBuilder,
    profile: CertificateProfile,
    fields: CertificateFields,
    issuer: x509.Certificate | None,
    public_key: PublicKey,
) -> x509.CertificateBuilder:
    """`builder` with the profile's extensions; raises CertificateFieldInvalid."""
    rules = profile.extensions
    if rules.basic_constraints != "absent":
        ca = rules.basic_constraints == "ca"
        builder = builder.add_extension(x509.BasicConstraints(ca, rules.path_length), critical=True)
    builder = builder.add_extension(_key_usage(profile), critical=True)
    if rules.extended_key_usage:
        purposes = [x509.ObjectIdentifier(oid) for oid in rules.extended_key_usage]
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if rules.subject_key_identifier:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    if rules.authority_key_identifier:
        builder = builder.add_extension(_authority(issuer, public_key), critical=False)
    if rules.policies:
        policies = [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in rules.policies]
        builder = builder.add_extension(x509.CertificatePolicies(policies), critical=False)
    if names := general_names(profile, fields):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if rules.crl_distribution_points and fields.crl_urls:
        builder = builder.add_extension(_distribution_points(fields), critical=False)
    return builder


def general_names(profile: CertificateProfile, fields: CertificateFields) -> list[x509.GeneralName]:
    """The alternative names; raises CertificateFieldInvalid for one that lacks, or has no place."""
    found: dict[AltName, list[x509.GeneralName]] = {
        "hardwareModuleName": _hardware_module(fields),
        "permanentIdentifier": _permanent_identifier(fields),
        "dNSName": [x509.DNSName(name) for name in fields.dns_names],
        "iPAddress": [x509.IPAddress(ipaddress.ip_address(text)) for text in fields.ip_addresses],
    }
    rules = profile.extensions
    allowed = {*rules.alt_names, *rules.alt_names_optional}
    if lacking := [kind for kind in rules.alt_names if not found[kind]]:
        raise CertificateFieldInvalid(f"profile {profile.name} needs {', '.join(lacking)}")
    if extra := [kind for kind, names in found.items() if names and kind not in allowed]:
        raise CertificateFieldInvalid(f"profile {profile.name} has no place for {', '.join(extra)}")
    if fields.hardware_module is not None and fields.hardware_module.type_oid != rules.hardware_type:
        raise CertificateFieldInvalid(
            f"hardware of type {fields.hardware_module.type_oid}, and profile {profile.name} is for "
            f"{rules.hardware_type}"
        )
    names = [name for kind in found for name in found[kind]]
    if profile.kind == "update-server" and not names:
        raise CertificateFieldInvalid(f"profile {profile.name} needs a DNS name or an IP address")
    return names


def _hardware_module(fields: CertificateFields) -> list[x509.GeneralName]:
    if fields.hardware_module is None:
        return []
    value = hardware_module_der(fields.hardware_module)
    return [x509.OtherName(x509.ObjectIdentifier(oids.HARDWARE_MODULE_NAME), value)]


def _permanent_identifier(fields: CertificateFields) -> list[x509.GeneralName]:
    if fields.permanent_identifier is None:
        return []
    value = permanent_identifier_der(fields.permanent_identifier)
    return [x509.OtherName(x509.ObjectIdentifier(oids.PERMANENT_IDENTIFIER), value)]


def _authority(issuer: x509.Certificate | None, public_key: PublicKey) -> x509.AuthorityKeyIdentifier:
    """The issuer's own key identifier where it says one, else that of its key."""
    if issuer is None:
        return x509.AuthorityKeyIdentifier(
            x509.SubjectKeyIdentifier.from_public_key(public_key).digest, None, None
        )
    try:
        found = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        found = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key())
    return x509.AuthorityKeyIdentifier(found.digest, None, None)


def _distribution_points(fields: CertificateFields) -> x509.CRLDistributionPoints:
    urls: list[x509.GeneralName] = [x509.UniformResourceIdentifier(url) for url in fields.crl_urls]
    return x509.CRLDistributionPoints([x509.DistributionPoint(urls, None, None, None)])


def _key_usage(profile: CertificateProfile) -> x509.KeyUsage:
    bits = profile.extensions.key_usage
    return x509.KeyUsage(
        digital_signature="digitalSignature" in bits,
        content_commitment="contentCommitment" in bits,
        key_encipherment="keyEncipherment" in bits,
        data_encipherment=False,
        key_agreement="keyAgreement" in bits,
        key_cert_sign="keyCertSign" in bits,
        crl_sign="cRLSign" in bits,
        encipher_only=False,
        decipher_only=False,
    )
