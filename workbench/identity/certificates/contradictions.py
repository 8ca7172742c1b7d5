"""What the values of a certificate profile must agree on.  Pure: a profile's tables in, findings with reasons
out.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from workbench.identity.certificates import oids
from workbench.identity.certificates.fields import attribute_problem
from workbench.identity.certificates.profile_file import Kind, ProfileFile
from workbench.toml_file import Problem

CA_KINDS: Final[tuple[Kind, ...]] = ("root", "issuing")
TPM_KINDS: Final[tuple[Kind, ...]] = ("idevid", "iak")
DEVID_KINDS: Final[tuple[Kind, ...]] = ("idevid", "iak", "mcu-idevid")
"""Kinds that last as long as the unit: IEEE 802.1AR."""

TPM_POLICIES: Final[dict[Kind, tuple[str, str]]] = {
    "idevid": (oids.VERIFIED_TPM_RESIDENCY, oids.VERIFIED_TPM_FIXED),
    "iak": (oids.VERIFIED_TPM_RESIDENCY, oids.VERIFIED_TPM_RESTRICTED),
}
PURPOSES: Final[dict[Kind, str]] = {"release-signer": oids.EKU_CODE, "update-server": oids.EKU_SERVER}


def contradictions(file: ProfileFile) -> list[Problem]:
    """Every contradiction, in the order of the file; an empty list where certificates can be made."""
    return [
        *_subject(file),
        *_validity(file),
        *_key(file),
        *_key_usage(file),
        *_constraints(file),
        *_purposes(file),
        *_policies(file),
        *_alt_names(file),
        *_identifiers(file),
    ]


def _subject(file: ProfileFile) -> Iterator[Problem]:
    subject, kind = file.subject, file.profile.kind
    given = [*subject.required, *subject.optional, *subject.fixed]
    for name in sorted({n for n in given if given.count(n) > 1}):
        yield Problem(
            f"subject.{name}", "named twice", "an attribute is required, optional or fixed, only one"
        )
    for name, value in subject.fixed.items():
        if wrong := attribute_problem(name, value):
            yield Problem(f"subject.fixed.{name}", repr(value), wrong)
    if kind in DEVID_KINDS and "serialNumber" not in subject.required:
        why = "an IDevID names its unit: serialNumber must be required (TCG DevID section 8, IEEE 802.1AR)"
        yield Problem("subject.required", "without serialNumber", why)
    if kind in CA_KINDS and "commonName" not in [*subject.required, *subject.fixed]:
        yield Problem("subject.required", "without commonName", "a CA needs a name: commonName")
    if not [*subject.required, *subject.fixed]:
        yield Problem("subject.required", "[]", "certificates would have no subject")


def _validity(file: ProfileFile) -> Iterator[Problem]:
    validity, kind = file.validity, file.profile.kind
    if validity.without_end == (validity.days is not None):
        yield Problem("validity.days", str(validity.days), "either days or without_end = true, and not both")
    elif kind in DEVID_KINDS and not validity.without_end:
        why = "an identity lasts as long as its unit: 99991231235959Z (IEEE 802.1AR), without_end = true"
        yield Problem("validity.days", str(validity.days), why)
    elif kind not in DEVID_KINDS and validity.without_end:
        why = f"only identities of units last for ever; a certificate of kind {kind!r} needs an end"
        yield Problem("validity.without_end", "true", why)


def _key(file: ProfileFile) -> Iterator[Problem]:
    algorithms, kind = file.key.algorithms, file.profile.kind
    if kind in CA_KINDS and (wrong := sorted(set(algorithms) - {"ecdsa-p256", "ecdsa-p384"})):
        yield Problem("key.algorithms", ", ".join(wrong), "a CA here signs with ecdsa-p256 or ecdsa-p384")
    if kind in TPM_KINDS and (wrong := sorted(set(algorithms) & {"ed25519", "rsa-3072", "rsa-4096"})):
        why = "no TCG template for a DevID makes such a key (TCG DevID section 7.3.4)"
        yield Problem("key.algorithms", ", ".join(wrong), why)


def _key_usage(file: ProfileFile) -> Iterator[Problem]:
    usage, kind = set(file.extensions.key_usage), file.profile.kind
    if kind in CA_KINDS:
        if not {"keyCertSign", "cRLSign"} <= usage:
            why = "a CA signs certificates and revocations: keyCertSign and cRLSign"
            yield Problem("extensions.key_usage", _list(usage), why)
        return
    if usage & {"keyCertSign", "cRLSign"}:
        yield Problem("extensions.key_usage", _list(usage), "only CAs sign certificates and CRLs")
    if "digitalSignature" not in usage:
        yield Problem("extensions.key_usage", _list(usage), "must have digitalSignature")
    if kind in TPM_KINDS and usage != {"digitalSignature"}:
        why = "keys of IDevID and IAK sign and do nothing else: digitalSignature alone (TCG DevID section 8)"
        yield Problem("extensions.key_usage", _list(usage), why)


def _constraints(file: ProfileFile) -> Iterator[Problem]:
    extensions, kind = file.extensions, file.profile.kind
    found = extensions.basic_constraints
    if (found == "ca") != (kind in CA_KINDS):
        right = "must be 'ca'" if kind in CA_KINDS else f"kind {kind!r} must not issue certificates"
        yield Problem("extensions.basic_constraints", repr(found), right)
    if kind in TPM_KINDS and found == "no-ca":
        why = "TCG's profile of DevIDs has no basic constraints: must be 'absent'"
        yield Problem("extensions.basic_constraints", repr(found), why)
    if kind == "release-signer" and found == "absent":
        yield Problem(
            "extensions.basic_constraints", repr(found), "must be 'no-ca': a signer says it is no CA"
        )
    if found != "ca" and extensions.path_length is not None:
        yield Problem(
            "extensions.path_length", str(extensions.path_length), "only a CA has certificates below"
        )
    if kind == "issuing" and extensions.path_length != 0:
        why = "an issuing CA has no CA below it: must be 0"
        yield Problem("extensions.path_length", str(extensions.path_length), why)


def _purposes(file: ProfileFile) -> Iterator[Problem]:
    purposes, kind = file.extensions.extended_key_usage, file.profile.kind
    needed = PURPOSES.get(kind)
    if needed and tuple(purposes) != (needed,):
        why = f"kind {kind!r} is for one purpose, and none else: [{needed!r}]"
        yield Problem("extensions.extended_key_usage", _list(set(purposes)), why)
    if kind in CA_KINDS and purposes:
        yield Problem("extensions.extended_key_usage", _list(set(purposes)), "must be left out for a CA")
    if kind not in PURPOSES and set(purposes) & set(PURPOSES.values()):
        why = "code signing and TLS servers have kinds of their own"
        yield Problem("extensions.extended_key_usage", _list(set(purposes)), why)
    if oids.EKU_EK in purposes or oids.EKU_PLATFORM in purposes:
        why = "endorsement and platform certificates are made by TPM and platform makers, not here"
        yield Problem("extensions.extended_key_usage", _list(set(purposes)), why)
    if oids.EKU_ANY in purposes:
        yield Problem("extensions.extended_key_usage", oids.EKU_ANY, "any purpose is every purpose, CAs' too")
    if oids.EKU_AIK in purposes and kind != "iak":
        yield Problem("extensions.extended_key_usage", oids.EKU_AIK, "only an IAK attests")


def _policies(file: ProfileFile) -> Iterator[Problem]:
    policies, kind = set(file.extensions.policies), file.profile.kind
    claimed, needed = policies & set(oids.TCG_POLICIES), set(TPM_POLICIES.get(kind, ()))
    if claimed != needed:
        words = _list(needed) if needed else "none of TCG's: nothing of the kind was verified"
        yield Problem("extensions.policies", _list(policies), f"kind {kind!r} claims {words}")
    if kind == "issuing" and oids.ANY_POLICY not in policies:
        why = (
            f"without {oids.ANY_POLICY!r} (anyPolicy) no policy below holds in a path (RFC 5280 section 6.1)"
        )
        yield Problem("extensions.policies", _list(policies), why)
    if len(policies) != len(file.extensions.policies):
        yield Problem("extensions.policies", "named twice", "each policy once")


def _alt_names(file: ProfileFile) -> Iterator[Problem]:
    names, optional, kind = (
        set(file.extensions.alt_names),
        set(file.extensions.alt_names_optional),
        file.profile.kind,
    )
    allowed = names | optional
    if names & optional:
        yield Problem(
            "extensions.alt_names_optional", _list(names & optional), "required and optional at once"
        )
    if kind in DEVID_KINDS and "hardwareModuleName" not in names:
        why = "an IDevID names its chip: hardwareModuleName (IEEE 802.1AR, TCG DevID section 8.1)"
        yield Problem("extensions.alt_names", _list(names), why)
    hardware_type = file.extensions.hardware_type
    if kind in TPM_KINDS and hardware_type != oids.TPM_20:
        why = f"a TPM 2.0 is of type {oids.TPM_20!r} (TCG DevID section 8.1)"
        yield Problem("extensions.hardware_type", str(hardware_type), why)
    if kind not in TPM_KINDS and hardware_type == oids.TPM_20:
        yield Problem("extensions.hardware_type", str(hardware_type), f"kind {kind!r} is not of a TPM")
    if (hardware_type is None) == ("hardwareModuleName" in allowed):
        why = "hardwareModuleName needs a hardware_type to be unique under, and nothing else does"
        yield Problem("extensions.hardware_type", str(hardware_type), why)
    if kind not in TPM_KINDS and "permanentIdentifier" in allowed:
        why = "a permanentIdentifier here names an EK certificate, which only a TPM has"
        yield Problem("extensions.alt_names", "'permanentIdentifier'", why)
    if kind != "update-server" and allowed & {"dNSName", "iPAddress"}:
        yield Problem("extensions.alt_names", _list(allowed), "only a server has an address")
    if kind == "update-server" and not allowed & {"dNSName", "iPAddress"}:
        why = "clients look for a server's name there: dNSName or iPAddress"
        yield Problem("extensions.alt_names", _list(allowed), why)


def _identifiers(file: ProfileFile) -> Iterator[Problem]:
    extensions, kind = file.extensions, file.profile.kind
    if kind != "root" and not extensions.authority_key_identifier:
        why = "must be true: it says which of the issuer's keys signed (RFC 5280 section 4.2.1.1)"
        yield Problem("extensions.authority_key_identifier", "false", why)
    if kind in CA_KINDS and not extensions.subject_key_identifier:
        why = "must be true for a CA (RFC 5280 section 4.2.1.2)"
        yield Problem("extensions.subject_key_identifier", "false", why)
    if kind == "root" and extensions.crl_distribution_points:
        why = "a root does not revoke itself"
        yield Problem("extensions.crl_distribution_points", "true", why)


def _list(values: AbstractSet[str]) -> str:
    return ", ".join(sorted(values)) or "(none)"
