"""Rules for identities of units: IEEE 802.1AR, and TCG's "TPM 2.0 Keys for Device Identity and Attestation".

Section numbers are those of the TCG document, as its readers quote them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from workbench.identity.certificates import oids
from workbench.identity.certificates.contradictions import DEVID_KINDS, TPM_KINDS, TPM_POLICIES
from workbench.identity.certificates.other_names import read_hardware_module, read_permanent_identifier
from workbench.identity.certificates.profile_file import Kind
from workbench.identity.certificates.rule import GENERALIZED_TIME, Case, rule
from workbench.identity.certificates.rules_form import NO_END

_TPM_SERIAL: Final = re.compile(rb"[\x21-\x39\x3b-\x7e]{1,32}:[0-9A-Fa-f]{2,128}:[0-9A-Fa-f]{1,64}")
_DIGEST: Final = re.compile(rb"([0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})")
_SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}")
_TPM_KEYS: Final = ("rsa-2048", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521")
_OTHERS: Final[tuple[Kind, ...]] = (
    "mcu-idevid",
    "ldevid",
    "release-signer",
    "update-server",
    "evidence-signer",
    "root",
)


@rule("devid-serial-number", "TCG DevID section 8: X520SerialNumber MUST; IEEE 802.1AR", kinds=DEVID_KINDS)
def serial_number(case: Case) -> Iterator[str]:
    """The subject has one serialNumber: that of the product."""
    found = [a for a in case.view.attributes if a.oid == oids.SERIAL_NUMBER]
    if len(found) != 1:
        yield f"the subject has {len(found)} serialNumber attributes"


@rule("devid-no-end", "TCG DevID section 8; IEEE 802.1AR; RFC 5280 section 4.1.2.5", kinds=DEVID_KINDS)
def no_end(case: Case) -> Iterator[str]:
    """notAfter is GeneralizedTime 99991231235959Z."""
    if case.view.not_after != (GENERALIZED_TIME, NO_END):
        yield f"ends {case.view.not_after.text}, not {NO_END}"


@rule("devid-signs-only", "TCG DevID section 8: critical, digitalSignature only", kinds=TPM_KINDS)
def signs_only(case: Case) -> Iterator[str]:
    """Key usage is digitalSignature and nothing else, critical."""
    found = case.view.find(oids.KEY_USAGE)
    if found is None or not found.critical or case.view.key_usage != {"digitalSignature"}:
        yield f"key usage is {', '.join(sorted(case.view.key_usage)) or 'absent'}, or not critical"


@rule("devid-no-constraints", "HPE DevID certificate specification 1.2", kinds=TPM_KINDS)
def no_constraints(case: Case) -> Iterator[str]:
    """No basic constraints."""
    if case.view.find(oids.BASIC_CONSTRAINTS) is not None:
        yield "basic constraints are there"


@rule("devid-never-ca", "IEEE 802.1AR: an IDevID identifies a device", kinds=DEVID_KINDS)
def never_ca(case: Case) -> Iterator[str]:
    """Not a CA, and signs neither certificates nor CRLs."""
    constraints = case.view.constraints
    if constraints is not None and constraints[0]:
        yield "basic constraints say CA"
    if case.view.key_usage & {"keyCertSign", "cRLSign"}:
        yield "its key may sign certificates or CRLs"


@rule("devid-alt-name-critical", "TCG DevID section 8.1; RFC 5280 section 4.2.1.6", kinds=DEVID_KINDS)
def alt_name_critical(case: Case) -> Iterator[str]:
    """Alternative names are there and not critical, as the subject is not empty."""
    found = case.view.find(oids.SUBJECT_ALT_NAME)
    if found is None:
        yield "there are no alternative names"
    elif found.critical:
        yield "alternative names are critical"


@rule("hardware-module-name", "TCG DevID section 8.1; IEEE 802.1AR; RFC 4108 section 5", kinds=DEVID_KINDS)
def hardware_module(case: Case) -> Iterator[str]:
    """One hardwareModuleName, of the profile's hardware type, with a number that is not empty."""
    found = case.view.other_names(oids.HARDWARE_MODULE_NAME)
    if len(found) != 1:
        yield f"{len(found)} hardwareModuleName"
        return
    module = read_hardware_module(found[0])
    right = case.profile.extensions.hardware_type
    if module.type_oid != right:
        yield f"hwType is {module.type_oid}, not {right}"
    if not any(module.serial):
        yield "hwSerialNum is empty or zero"


@rule("tpm-hardware-serial", "TCG DevID section 8.1", kinds=TPM_KINDS)
def tpm_hardware_serial(case: Case) -> Iterator[str]:
    """hwSerialNum is "manufacturer:EK-AKI:EK-serial", or the digest of the EK's public key in hex."""
    for value in case.view.other_names(oids.HARDWARE_MODULE_NAME):
        serial = read_hardware_module(value).serial
        if not _TPM_SERIAL.fullmatch(serial) and not _DIGEST.fullmatch(serial):
            yield f"hwSerialNum {serial[:40]!r} names no EK"


@rule("tpm-permanent-identifier", "TCG DevID section 8.1; RFC 4043 section 2", kinds=TPM_KINDS)
def tpm_permanent_identifier(case: Case) -> Iterator[str]:
    """permanentIdentifier, if there, is the EK certificate's SHA-256 in hex, assigned by TCG's OID."""
    found = case.view.other_names(oids.PERMANENT_IDENTIFIER)
    if len(found) > 1:
        yield f"{len(found)} permanentIdentifier"
    for value in found:
        identifier = read_permanent_identifier(value)
        if not _SHA256_HEX.fullmatch(identifier.value):
            yield "identifierValue is not an SHA-256 in lower-case hex"
        if identifier.assigner != oids.EK_SHA256:
            yield f"the assigner is {identifier.assigner}, not {oids.EK_SHA256}"


@rule("tpm-ek-certificate-named", "TCG DevID section 8.1", kinds=TPM_KINDS)
def tpm_ek_certificate_named(case: Case) -> Iterator[str]:
    """Where hwSerialNum is that of an EK certificate, a permanentIdentifier names its digest."""
    if case.view.other_names(oids.PERMANENT_IDENTIFIER):
        return
    for value in case.view.other_names(oids.HARDWARE_MODULE_NAME):
        if _TPM_SERIAL.fullmatch(read_hardware_module(value).serial):
            yield "hwSerialNum is of an EK certificate, and no permanentIdentifier names it"


@rule("tpm-policies", "TCG DevID section 8.2", kinds=TPM_KINDS)
def tpm_policies(case: Case) -> Iterator[str]:
    """Policies claim residency and fixed for an IDevID, residency and restricted for an IAK."""
    claimed = set(case.view.policies) & set(oids.TCG_POLICIES)
    right = set(TPM_POLICIES[case.profile.kind])
    if claimed != right:
        yield f"claims {', '.join(sorted(claimed)) or 'nothing'}, not {', '.join(sorted(right))}"


@rule("tpm-policies-critical", "TCG DevID section 8.2; RFC 5280 section 4.2.1.4", kinds=TPM_KINDS)
def tpm_policies_critical(case: Case) -> Iterator[str]:
    """Policies are not critical."""
    found = case.view.find(oids.CERTIFICATE_POLICIES)
    if found is not None and found.critical:
        yield "certificate policies are critical"


@rule("tpm-key-template", "TCG DevID section 7.3.4, tables 3 and 4", kinds=TPM_KINDS)
def tpm_key_template(case: Case) -> Iterator[str]:
    """The key is of a kind that TCG's templates make."""
    if case.view.key_algorithm not in _TPM_KEYS:
        yield f"no template makes a key of kind {case.view.key_algorithm}"


@rule("tpm-claims-elsewhere", "TCG DevID section 8.2; TCG EK credential profile", kinds=_OTHERS)
def tpm_claims_elsewhere(case: Case) -> Iterator[str]:
    """What is not in a TPM claims no TPM: neither TCG's policies nor its extended key usages."""
    for oid in [*case.view.policies, *case.view.purposes]:
        if oid in (*oids.TCG_POLICIES, oids.EKU_EK, oids.EKU_PLATFORM, oids.EKU_AIK):
            yield f"claims {oid}"
    for value in case.view.other_names(oids.HARDWARE_MODULE_NAME):
        if read_hardware_module(value).type_oid == oids.TPM_20:
            yield "hwType is that of a TPM 2.0"


@rule("tpm-not-an-ek", "TCG EK credential profile: an EK does not sign", kinds=TPM_KINDS)
def tpm_not_an_ek(case: Case) -> Iterator[str]:
    """Does not say that it is an endorsement or platform certificate."""
    for oid in case.view.purposes:
        if oid in (oids.EKU_EK, oids.EKU_PLATFORM):
            yield f"extended key usage {oid}"


RULES: Final = (
    serial_number,
    no_end,
    signs_only,
    no_constraints,
    never_ca,
    alt_name_critical,
    hardware_module,
    tpm_hardware_serial,
    tpm_permanent_identifier,
    tpm_ek_certificate_named,
    tpm_policies,
    tpm_policies_critical,
    tpm_key_template,
    tpm_claims_elsewhere,
    tpm_not_an_ek,
)
