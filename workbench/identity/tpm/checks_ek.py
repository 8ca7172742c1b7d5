"""Checks of the EK: is it an EK, does its certificate belong to it, and does a vendor vouch for it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from workbench.identity.tpm import der
from workbench.identity.tpm.case import Check, EkCase, check
from workbench.identity.tpm.ek import ek_deviations, hardware_serial, recognise_ek
from workbench.identity.tpm.ek_certificate import (
    BASIC_OID,
    EK_EKU,
    OAEP_OID,
    EkCertificate,
    strictly,
)
from workbench.identity.tpm.ek_chain import find_path, verify_not_revoked
from workbench.identity.tpm.errors import IdentityRefused, TpmStructureMalformed
from workbench.identity.tpm.policy import CheckedEk, EkMode, EkPolicy
from workbench.identity.tpm.public_key import spki
from workbench.identity.tpm.quirks import QUIRKS, manufacturer_of_id, manufacturer_text
from workbench.identity.tpm.structures import EccKey
from workbench.identity.tpm.weak_keys import weakness

RSA_OID: Final = "1.2.840.113549.1.1.1"
_KNOWN_EXTENSIONS: Final = frozenset(
    {"2.5.29.9", "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.32", "2.5.29.35", "2.5.29.37"}
)


@check("ek-policy-refuses")
def ek_policy_set(case: EkCase) -> None:
    """Somebody said which EKs are believed."""
    if case.policy.mode is EkMode.REFUSE:
        raise IdentityRefused(
            "ek-policy-refuses",
            "this authority believes no EK",
            cause="no TPM vendor's root certificates are named in the CA's ca.toml",
            action="name them as vendor_roots in [tpm] of ca.toml, and run the enrolment again",
        )


@check("ek-malformed")
def ek_form(case: EkCase) -> None:
    """The EK's public area is a TPMT_PUBLIC with a public key in it."""
    try:
        spki(case.public)
    except TpmStructureMalformed as error:
        raise IdentityRefused("ek-malformed", f"EK: {error.what}") from None


@check("ek-template")
def ek_template_known(case: EkCase) -> None:
    """It was made by a template of the EK Credential Profile: only then can it do nothing but what an EK
    does.
    """
    if recognise_ek(case.public) is None:
        best = min((ek_deviations(case.public, id) for id in _of_same_kind(case)), key=len)
        raise IdentityRefused("ek-template", f"EK: {', '.join(best)} is of no template of the EK profile")


@check("ek-template-not-allowed")
def ek_template_allowed(case: EkCase) -> None:
    """It was made by one of the templates that the policy names."""
    allowed, mine = case.policy.templates, recognise_ek(case.public)
    if allowed is not None and mine is not None and mine not in allowed:
        raise IdentityRefused("ek-template-not-allowed", f"EK: template {mine} is not accepted here")


@check("ek-weak")
def ek_strength(case: EkCase) -> None:
    """Nothing is known to be wrong with the key."""
    if wrong := weakness(case.public):
        raise IdentityRefused("ek-weak", f"EK: {wrong}")


@check("ek-certificate-missing", "ek-not-on-list")
def ek_vouched(case: EkCase) -> None:
    """There is a certificate, or the policy has a list and the EK is on it."""
    if case.certificate_bytes is not None:
        return
    if case.policy.mode is not EkMode.ALLOW_LIST:
        raise IdentityRefused("ek-certificate-missing", "the TPM has no EK certificate")
    if case.digest not in case.policy.allow_list:
        raise IdentityRefused("ek-not-on-list", f"EK {case.digest} is not on the vendor's list")


@check("ek-certificate-malformed")
def ek_certificate_form(case: EkCase) -> None:
    """The certificate is well formed, or deviates only as the policy lets pass."""
    try:
        certificate = case.certificate
    except TpmStructureMalformed as error:
        raise IdentityRefused("ek-certificate-malformed", error.what) from None
    if certificate is None:
        return
    found = certificate.deviations
    if not found and strictly(certificate) is None:
        found = ("strict-parser",)
    if bad := [name for name in found if name not in case.policy.quirks]:
        told = "; ".join(f"{name}: {QUIRKS[name]}" for name in bad)
        raise IdentityRefused("ek-certificate-malformed", f"EK certificate: {told}")
    case.notes.extend(f"quirk {name}" for name in found)


@check("ek-certificate-foreign")
def ek_certificate_key(case: EkCase) -> None:
    """The certificate's key is the EK, byte by byte."""
    certificate = case.certificate
    if certificate is not None and not _is_for(certificate, case):
        raise IdentityRefused("ek-certificate-foreign", "EK certificate: it is for another key than this EK")


@check("ek-certificate-not-yet-valid", "ek-certificate-expired")
def ek_certificate_dates(case: EkCase) -> None:
    """The certificate is valid now."""
    certificate = case.certificate
    if certificate is not None and case.now < certificate.not_before:
        raise IdentityRefused(
            "ek-certificate-not-yet-valid", f"EK certificate: valid from {certificate.not_before}"
        )
    if certificate is not None and case.now > certificate.not_after:
        raise IdentityRefused(
            "ek-certificate-expired", f"EK certificate: valid until {certificate.not_after}"
        )


@check("ek-certificate-purpose")
def ek_certificate_purpose(case: EkCase) -> None:
    """The certificate is for an EK: its extended key usage says so."""
    certificate = case.certificate
    if certificate is None or EK_EKU in certificate.purposes:
        return
    _let_pass(case, "eku-missing", "ek-certificate-purpose", not certificate.purposes)


@check("ek-certificate-authority")
def ek_certificate_authority(case: EkCase) -> None:
    """The certificate is no authority's, and may not sign certificates."""
    certificate = case.certificate
    basic = certificate.extensions.get(BASIC_OID) if certificate else None
    if basic is not None and _says_ca(basic.value):
        raise IdentityRefused("ek-certificate-authority", "EK certificate: it is an authority's certificate")


@check("ek-certificate-extension")
def ek_certificate_extensions(case: EkCase) -> None:
    """No critical extension that is not understood here."""
    certificate = case.certificate
    if certificate is None:
        return
    unknown = [o for o, e in certificate.extensions.items() if e.critical and o not in _KNOWN_EXTENSIONS]
    if unknown:
        raise IdentityRefused(
            "ek-certificate-extension", f"EK certificate: critical extension {unknown[0]} is not known here"
        )


@check("ek-certificate-attributes")
def ek_certificate_attributes(case: EkCase) -> None:
    """TPM manufacturer, model and version are in the subject's alternative names."""
    certificate = case.certificate
    if certificate is None:
        return
    attributes = certificate.attributes
    missing = [name for name in ("manufacturer", "model", "version") if not attributes.get(name)]
    if missing:
        _let_pass(case, "attributes-missing", "ek-certificate-attributes", True)


@check("ek-manufacturer-differs")
def ek_manufacturer(case: EkCase) -> None:
    """The manufacturer of the certificate is the one that the TPM tells."""
    told = case.certificate.attributes.get("manufacturer") if case.certificate else None
    if told is None:
        return
    if manufacturer_of_id(told) != manufacturer_text(case.manufacturer):
        raise IdentityRefused(
            "ek-manufacturer-differs",
            f"EK certificate: manufacturer '{told[:20]}', the TPM says '{case.manufacturer}'",
        )


@check("ek-chain-untrusted", "ek-chain-expired")
def ek_chain(case: EkCase) -> None:
    """A way leads to a pinned vendor root."""
    if case.certificate is not None:
        case.path = find_path(case.certificate, case.chain, case.policy, case.now)


@check("ek-revoked", "ek-crl-missing", "ek-crl-stale")
def ek_revocation(case: EkCase) -> None:
    """Nothing on the way was revoked."""
    if case.certificate is not None and case.path is not None:
        case.notes.extend(verify_not_revoked(case.certificate, case.path, case.policy, case.now))


EK_CHECKS: Final[tuple[Check[EkCase], ...]] = (
    ek_policy_set,
    ek_form,
    ek_template_known,
    ek_template_allowed,
    ek_strength,
    ek_vouched,
    ek_certificate_form,
    ek_certificate_key,
    ek_certificate_dates,
    ek_certificate_purpose,
    ek_certificate_authority,
    ek_certificate_extensions,
    ek_certificate_attributes,
    ek_manufacturer,
    ek_chain,
    ek_revocation,
)


def check_ek(
    ek_public: bytes,
    certificate: bytes | None,
    *,
    chain: tuple[bytes, ...] = (),
    policy: EkPolicy,
    manufacturer: str,
    now: datetime,
) -> CheckedEk:
    """Whether an EK is believed; the station asks this before it makes keys, the authority asks it again.

    ek_public: TPMT_PUBLIC.
    certificate: DER as read from NV, padding allowed; chain: certificates that came with it.
    manufacturer: TPM_PT_MANUFACTURER as text.  Raises IdentityRefused.
    """
    case = EkCase(ek_public, certificate, chain, policy, manufacturer, now)
    for item in EK_CHECKS:
        try:
            item.run(case)
        except TpmStructureMalformed as error:
            raise IdentityRefused("structure-malformed", error.what) from None
    return checked_ek(case)


def checked_ek(case: EkCase) -> CheckedEk:
    """What the checks found, once all have passed; raises TpmStructureMalformed where one was left out."""
    certificate = case.certificate
    attributes = certificate.attributes if certificate else {}
    return CheckedEk(
        template=recognise_ek(case.public) or "",
        trust="certificate" if certificate else "allow-list",
        public=case.public_bytes,
        digest=case.digest,
        hw_serial=hardware_serial(certificate, case.public),
        certificate=certificate.der if certificate else None,
        certificate_sha256=certificate.sha256 if certificate else None,
        permanent_id=certificate.sha256 if certificate else None,
        manufacturer=attributes.get("manufacturer"),
        model=attributes.get("model"),
        version=attributes.get("version"),
        path=case.path.subjects if case.path else (),
        notes=tuple(case.notes),
    )


def _of_same_kind(case: EkCase) -> tuple[str, ...]:
    return (
        ("L-2", "H-2", "H-3", "H-4") if isinstance(case.public.key, EccKey) else ("L-1", "H-1", "H-6", "H-7")
    )


def _let_pass(case: EkCase, quirk: str, reason: str, applies: bool) -> None:
    if not applies or quirk not in case.policy.quirks:
        raise IdentityRefused(reason, f"EK certificate: {QUIRKS[quirk]}")
    case.notes.append(f"quirk {quirk}")


def _is_for(certificate: EkCertificate, case: EkCase) -> bool:
    wanted = spki(case.public)
    if isinstance(case.public.key, EccKey):
        return certificate.spki == wanted
    bits = list(der.read(wanted).children())[1].content[1:]
    return certificate.key_oid in (RSA_OID, OAEP_OID) and certificate.key == bits


def _says_ca(value: bytes) -> bool:
    try:
        return any(n.tag == der.BOOLEAN and n.content != b"\0" for n in der.read(value).children())
    except der.DerBroken:
        return True
