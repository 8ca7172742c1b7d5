"""TPM2_Quote verified: who signed, over which nonce and PCRs, and that the TPM's clock has not gone back.

Raises IdentityRefused with a `quote-…` reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.identity.tpm.errors import IdentityRefused, TpmSignatureInvalid, TpmStructureMalformed
from workbench.identity.tpm.names import digest, name_of, qualified_name
from workbench.identity.tpm.public_key import verify_signature
from workbench.identity.tpm.structures import (
    Attest,
    ClockInfo,
    PublicArea,
    Quoted,
    parse_attest,
    parse_public,
    parse_signature,
)
from workbench.identity.tpm.templates import recognise

Pcrs = Mapping[int, Mapping[int, bytes]]
"""TPM_ALG_ID of a bank → PCR index → value."""


@dataclass(frozen=True, slots=True)
class QuoteWanted:
    """What a quote must show."""

    iak: bytes
    """TPMT_PUBLIC of the unit's IAK, from its record."""
    nonce: bytes
    """Qualifying data."""
    pcrs: Pcrs
    """Values that the selected PCRs must have; no others may be selected."""
    firmware: int | None = None
    """As in the record, None where any will do."""
    last: ClockInfo | None = None
    """The clock in the last attestation of this TPM, None where there is none."""


@dataclass(frozen=True, slots=True)
class CheckedQuote:
    """A quote that was believed: the TPM's clock, for the next one to be later, its firmware, and the PCR
    digest.
    """

    clock: ClockInfo
    firmware: int
    pcr_digest: bytes


def verify_quote(attest: bytes, signature: bytes, wanted: QuoteWanted) -> CheckedQuote:
    """Verifies a TPMS_ATTEST and its TPMT_SIGNATURE; raises IdentityRefused."""
    try:
        public = parse_public(wanted.iak)
        parsed = parse_attest(attest)
        _verify_signer(public, parsed, attest, signature)
    except TpmStructureMalformed as error:
        raise IdentityRefused("quote-malformed", error.what) from None
    quoted = parsed.attested
    if not isinstance(quoted, Quoted):
        raise IdentityRefused("quote-type", "the attestation is not from TPM2_Quote")
    if parsed.extra != wanted.nonce:
        raise IdentityRefused("quote-nonce", "the quote is not over the nonce that was asked")
    _verify_pcrs(quoted, public, wanted.pcrs, parse_signature(signature).hash_alg)
    if wanted.firmware is not None and parsed.firmware != wanted.firmware:
        raise IdentityRefused(
            "quote-firmware", f"the TPM's firmware is {parsed.firmware:016x}, not {wanted.firmware:016x}"
        )
    _verify_clock(parsed.clock, wanted.last)
    return CheckedQuote(parsed.clock, parsed.firmware, quoted.digest)


def _verify_signer(public: PublicArea, parsed: Attest, attest: bytes, signature: bytes) -> None:
    known = recognise(public)
    if known is None or known.kind != "iak":
        raise IdentityRefused("quote-key", "the key is not made by a template of an IAK")
    try:
        verify_signature(public, parse_signature(signature), attest)
    except TpmSignatureInvalid as error:
        raise IdentityRefused("quote-signature-wrong", error.what) from None
    if parsed.signer != qualified_name(name_of(public)):
        raise IdentityRefused("quote-signer", "the signer is not the IAK in the endorsement hierarchy")


def _verify_pcrs(quoted: Quoted, public: PublicArea, pcrs: Pcrs, hash_alg: int) -> None:
    selected = [(bank.hash_alg, index) for bank in quoted.selection for index in bank.indices]
    wanted = {(bank, index) for bank, values in pcrs.items() for index in values}
    if set(selected) != wanted or len(selected) != len(wanted) or not wanted:
        raise IdentityRefused(
            "quote-selection", f"{len(selected)} PCRs are quoted, not those that were asked"
        )
    values = b"".join(pcrs[bank][index] for bank, index in selected)
    if quoted.digest != digest(hash_alg, values):
        raise IdentityRefused("quote-digest", "the PCRs do not have the values that they should")


def _verify_clock(clock: ClockInfo, last: ClockInfo | None) -> None:
    if not clock.safe:
        raise IdentityRefused("quote-clock-unsafe", "the TPM says that its clock may have gone backwards")
    if last is None:
        return
    now = (clock.reset_count, clock.restart_count, clock.clock_ms)
    if clock.reset_count < last.reset_count or clock.clock_ms < last.clock_ms:
        raise IdentityRefused("quote-clock-back", f"the TPM's clock {now} is behind the last that was seen")
    if clock.reset_count == last.reset_count and clock.restart_count < last.restart_count:
        raise IdentityRefused("quote-clock-back", f"the TPM's clock {now} is behind the last that was seen")
