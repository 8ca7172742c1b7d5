"""Checks of what the TPM attested: that the IAK, in the endorsement hierarchy, saw the IDevID beside it,
now.
"""

from __future__ import annotations

from typing import Final

from workbench.identity.tpm.case import (
    Case,
    Check,
    attested_name,
    attested_qualified_name,
    check,
    is_creation,
)
from workbench.identity.tpm.errors import IdentityRefused, TpmSignatureInvalid, TpmStructureMalformed
from workbench.identity.tpm.names import qualified_name
from workbench.identity.tpm.public_key import verify_signature
from workbench.identity.tpm.quirks import EMULATORS, manufacturer_text
from workbench.identity.tpm.request import NONCE_BYTES, qualifying_data
from workbench.identity.tpm.structures import GENERATED, Certified, parse_signature


@check("attest-malformed")
def attest_form(case: Case) -> None:
    """sgnCertifyInfo is a TPMS_ATTEST, and its signature a TPMT_SIGNATURE."""
    try:
        _ = case.attest
        parse_signature(case.csr.fields.idevid_attest_signature)
    except TpmStructureMalformed as error:
        raise IdentityRefused("attest-malformed", error.what) from None


@check("attest-magic")
def attest_magic(case: Case) -> None:
    """It begins with TPM_GENERATED_VALUE."""
    if case.attest.magic != GENERATED:
        raise IdentityRefused(
            "attest-magic", f"TPMS_ATTEST: magic is {case.attest.magic:#010x}, no TPM made this"
        )


@check("attest-type")
def attest_type(case: Case) -> None:
    """It is from TPM2_Certify."""
    if not isinstance(case.attest.attested, Certified):
        kind = type(case.attest.attested).__name__.lower()
        raise IdentityRefused("attest-type", f"TPMS_ATTEST: it says '{kind}', not what TPM2_Certify says")


@check("attest-signature-wrong")
def attest_signature(case: Case) -> None:
    """The IAK signed it."""
    fields = case.csr.fields
    _signed_by_iak(case, fields.idevid_attest, fields.idevid_attest_signature, "attest-signature-wrong")


@check("attest-name")
def attest_name(case: Case) -> None:
    """The certified object is the IDevID, by the Name computed from its public area."""
    if attested_name(case.attest) != case.idevid.name:
        raise IdentityRefused("attest-name", "TPMS_ATTEST: another object than the IDevID was certified")


@check("attest-hierarchy")
def attest_hierarchy(case: Case) -> None:
    """The IDevID is a primary key of the endorsement hierarchy, by its qualified Name."""
    if attested_qualified_name(case.attest) != qualified_name(case.idevid.name):
        raise IdentityRefused(
            "attest-hierarchy", "TPMS_ATTEST: the IDevID is no primary key of the endorsement hierarchy"
        )


@check("attest-signer")
def attest_signer(case: Case) -> None:
    """The signer is the IAK, a primary key of the endorsement hierarchy, by its qualified Name."""
    if case.attest.signer != qualified_name(case.iak.name):
        raise IdentityRefused(
            "attest-signer", "TPMS_ATTEST: the signer is not this IAK in the endorsement hierarchy"
        )


@check("nonce-invalid")
def nonce_form(case: Case) -> None:
    """The authority's own nonce is as long as it should be."""
    if len(case.nonce.value) != NONCE_BYTES:
        raise IdentityRefused(
            "nonce-invalid", f"the nonce has {len(case.nonce.value)} bytes, not {NONCE_BYTES}"
        )


@check("attest-nonce")
def attest_nonce(case: Case) -> None:
    """extraData is the hash over nonce, serial number and station."""
    request = case.request
    if case.attest.extra != qualifying_data(case.nonce.value, request.serial, request.station):
        raise IdentityRefused(
            "attest-nonce", "TPMS_ATTEST: it was not made for this nonce, serial number and station"
        )


@check("nonce-used")
def nonce_unused(case: Case) -> None:
    """No certificate was issued for the nonce."""
    if case.nonce.used:
        raise IdentityRefused("nonce-used", "a certificate was already issued for this nonce")


@check("nonce-expired")
def nonce_fresh(case: Case) -> None:
    """The nonce has not expired."""
    if case.now.timestamp() > case.nonce.expires:
        raise IdentityRefused("nonce-expired", "the nonce has expired")


@check("clock-unsafe")
def clock_safe(case: Case) -> None:
    """The TPM says that its clock has not gone backwards."""
    if not case.attest.clock.safe:
        raise IdentityRefused("clock-unsafe", "TPMS_ATTEST: clockInfo.safe is NO")


@check("reset-count-differs")
def reset_count(case: Case) -> None:
    """resetCount and restartCount are what the station read in the preflight: it is the same TPM in the same
    boot.
    """
    clock, facts = case.attest.clock, case.request.properties
    if (clock.reset_count, clock.restart_count) != (facts.reset_count, facts.restart_count):
        raise IdentityRefused(
            "reset-count-differs", "TPMS_ATTEST: it is from another boot than the preflight"
        )


@check("reset-count-high")
def reset_count_plausible(case: Case) -> None:
    """Not more resets than a unit in the factory has."""
    limit = case.policy.max_resets
    if limit is not None and case.attest.clock.reset_count > limit:
        raise IdentityRefused(
            "reset-count-high", f"the TPM was reset {case.attest.clock.reset_count} times, more than {limit}"
        )


@check("firmware-differs")
def firmware_same(case: Case) -> None:
    """firmwareVersion is what the TPM told the station."""
    if case.attest.firmware != case.request.properties.firmware:
        raise IdentityRefused(
            "firmware-differs", "TPMS_ATTEST: firmwareVersion is not what the TPM told the station"
        )


@check("firmware-not-allowed")
def firmware_allowed(case: Case) -> None:
    """A TPM firmware that the policy names."""
    allowed = case.policy.firmware
    if allowed is not None and case.attest.firmware not in allowed:
        raise IdentityRefused(
            "firmware-not-allowed", f"TPM firmware {case.attest.firmware:016x} is not on the list"
        )


@check("manufacturer-not-allowed")
def manufacturer_allowed(case: Case) -> None:
    """A TPM manufacturer that the policy names."""
    allowed = case.policy.manufacturers
    mine = manufacturer_text(case.request.properties.manufacturer)
    if allowed is not None and mine not in {manufacturer_text(name) for name in allowed}:
        raise IdentityRefused("manufacturer-not-allowed", f"TPM manufacturer '{mine}' is not on the list")


@check("emulated-tpm")
def not_emulated(case: Case) -> None:
    """In production: no emulated TPM."""
    mine = manufacturer_text(case.request.properties.manufacturer)
    if case.policy.production and mine in EMULATORS:
        raise IdentityRefused("emulated-tpm", f"'{mine}' makes emulated TPMs; production takes none")


@check("creation-missing")
def creation_present(case: Case) -> None:
    """TPM2_CertifyCreation of the IAK by itself is there, if the policy wants it."""
    fields = case.csr.fields
    if case.policy.require_creation and not (fields.iak_attest and fields.iak_attest_signature):
        raise IdentityRefused("creation-missing", "CSR: atCertifyInfo or its signature is empty")


@check("creation-malformed")
def creation_form(case: Case) -> None:
    """atCertifyInfo is what TPM2_CertifyCreation makes, and its signature a TPMT_SIGNATURE."""
    if not _has_creation(case):
        return
    try:
        made = case.creation.magic == GENERATED and is_creation(case.creation)
        parse_signature(case.csr.fields.iak_attest_signature)
    except TpmStructureMalformed as error:
        raise IdentityRefused("creation-malformed", error.what) from None
    if not made:
        raise IdentityRefused("creation-malformed", "atCertifyInfo is not from TPM2_CertifyCreation")


@check("creation-signature-wrong")
def creation_signature(case: Case) -> None:
    """The IAK signed it."""
    fields = case.csr.fields
    if _has_creation(case):
        _signed_by_iak(case, fields.iak_attest, fields.iak_attest_signature, "creation-signature-wrong")


@check("creation-name")
def creation_name(case: Case) -> None:
    """It is about the IAK and by the IAK."""
    if _has_creation(case) and (
        attested_name(case.creation) != case.iak.name or case.creation.signer != qualified_name(case.iak.name)
    ):
        raise IdentityRefused("creation-name", "atCertifyInfo is about another key than this IAK")


@check("creation-nonce")
def creation_nonce(case: Case) -> None:
    """It was made for the same nonce, in the same boot."""
    if not _has_creation(case):
        return
    wanted = qualifying_data(case.nonce.value, case.request.serial, case.request.station)
    clock, other = case.creation.clock, case.attest.clock
    if case.creation.extra != wanted or (clock.reset_count, clock.restart_count) != (
        other.reset_count,
        other.restart_count,
    ):
        raise IdentityRefused("creation-nonce", "atCertifyInfo was not made for this request")


def _has_creation(case: Case) -> bool:
    fields = case.csr.fields
    return bool(fields.iak_attest or fields.iak_attest_signature)


def _signed_by_iak(case: Case, message: bytes, signature: bytes, reason: str) -> None:
    try:
        verify_signature(case.iak.public, parse_signature(signature), message)
    except TpmSignatureInvalid as error:
        raise IdentityRefused(reason, f"TPMS_ATTEST: {error.what}") from None


ATTEST_CHECKS: Final[tuple[Check[Case], ...]] = (
    attest_form,
    attest_magic,
    attest_type,
    attest_signature,
    attest_name,
    attest_hierarchy,
    attest_signer,
    nonce_form,
    attest_nonce,
    nonce_unused,
    nonce_fresh,
    clock_safe,
    reset_count,
    reset_count_plausible,
    firmware_same,
    firmware_allowed,
    manufacturer_allowed,
    not_emulated,
    creation_present,
    creation_form,
    creation_signature,
    creation_name,
    creation_nonce,
)
