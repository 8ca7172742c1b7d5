"""Why a TPM's identity is refused: each reason's stable word, with its usual cause and what a technician does
next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AGAIN: Final = (
    "run `workbench identity enroll` for the slot again: it asks for a new nonce and makes a new request"
)
ASIDE: Final = "set the unit aside and tell who is responsible for the line; do not enrol it"
LABEL: Final = "scan the unit's label again; correct serial number or model and enrol again"
POLICY: Final = (
    "check the unit's TPM against the order; only who keeps the authority may change what it accepts"
)
VENDOR: Final = (
    "set the unit aside and ask the TPM's vendor for the certificate, its chain, or its list of keys"
)
CLOCK: Final = "set the clocks of station and authority from a trusted source, then enrol again"
CRL: Final = "give the authority a fresh bundle of revocation lists, then enrol again"
CONFLICT: Final = "set both units aside; only an RMA transaction that names the old record may issue again"
UPDATE: Final = "bring station and authority to the same version and enrol again"

_BROKEN: Final = "the request was cut short or changed on its way, or made by a station of another version"
_CHANGED: Final = "the request was changed after the TPM signed it, or put together from several"
_SOFTWARE: Final = "a key that was not made by the template: software, or a TPM driven by something else"
_OTHER: Final = "parts of two units or of two enrolments came together"
_NO_CA: Final = "a certificate that was changed, or that is not from one of the vendors that are trusted here"


@dataclass(frozen=True, slots=True)
class Reason:
    """Usual cause and next action of a refusal."""

    cause: str
    action: str


def _pair(kind: str, title: str) -> dict[str, Reason]:
    return {
        f"{kind}-malformed": Reason(_BROKEN, AGAIN),
        f"{kind}-key-type": Reason(f"the {title} is of a type, curve or size that no template has", ASIDE),
        f"{kind}-template-not-allowed": Reason(
            "the station made keys by a template that is not accepted here", POLICY
        ),
        f"{kind}-name-alg": Reason(_SOFTWARE, ASIDE),
        f"{kind}-attributes": Reason(_SOFTWARE, ASIDE),
        f"{kind}-auth-policy": Reason(_SOFTWARE, ASIDE),
        f"{kind}-scheme": Reason(_SOFTWARE, ASIDE),
        f"{kind}-exponent": Reason(_SOFTWARE, ASIDE),
        f"{kind}-parameters": Reason(_SOFTWARE, ASIDE),
        f"{kind}-unique": Reason(
            "a template was sent instead of the key that was made of it, or a false point", ASIDE
        ),
        f"{kind}-weak": Reason(
            "a TPM with a bad random number generator, or a key made to be guessed", ASIDE
        ),
    }


REASONS: Final[dict[str, Reason]] = {
    "request-id-form": Reason(_BROKEN, UPDATE),
    "serial-form": Reason("a label with characters that a certificate cannot hold, or a wrong scan", LABEL),
    "model-form": Reason("a model name that a certificate cannot hold", LABEL),
    "station-form": Reason(
        "the station has no usable name in its settings", "name the station, then enrol again"
    ),
    "station-clock": Reason("the clock of the station or of the authority is wrong", CLOCK),
    "not-ordered": Reason("a wrong label, or a unit that nobody ordered", LABEL),
    "csr-unreadable": Reason(_BROKEN, AGAIN),
    "csr-outer-version": Reason(_BROKEN, UPDATE),
    "csr-truncated": Reason(_BROKEN, AGAIN),
    "csr-trailing-bytes": Reason(_BROKEN, AGAIN),
    "csr-version": Reason(_BROKEN, UPDATE),
    "csr-hash-algorithm": Reason(_BROKEN, UPDATE),
    "csr-sizes": Reason(_BROKEN, AGAIN),
    "csr-padding": Reason(_BROKEN, UPDATE),
    "csr-hash-wrong": Reason(_BROKEN, AGAIN),
    "csr-field-missing": Reason(_BROKEN, UPDATE),
    "csr-serial-differs": Reason("the label was changed between request and enrolment", LABEL),
    "csr-model-differs": Reason("the model was changed between request and enrolment", LABEL),
    "csr-ca-data-differs": Reason("a request that was made for another authority or another nonce", AGAIN),
    "csr-ek-certificate-differs": Reason(_OTHER, AGAIN),
    "csr-signature-malformed": Reason(_BROKEN, AGAIN),
    "csr-signature-wrong": Reason(_CHANGED, ASIDE),
    **_pair("idevid", "IDevID"),
    **_pair("iak", "IAK"),
    "keys-not-distinct": Reason(_SOFTWARE, ASIDE),
    "attest-malformed": Reason(_BROKEN, AGAIN),
    "attest-magic": Reason(
        "bytes that no TPM made were signed: a software key, or an IAK that is not restricted", ASIDE
    ),
    "attest-type": Reason("a quote or another attestation stands in the place of TPM2_Certify's", ASIDE),
    "attest-signature-wrong": Reason(_CHANGED, ASIDE),
    "attest-name": Reason(_OTHER, ASIDE),
    "attest-hierarchy": Reason(
        "the IDevID was made in another hierarchy: it would not survive TPM2_Clear", ASIDE
    ),
    "attest-signer": Reason(
        "another key than the IAK of the request signed, or one in another hierarchy", ASIDE
    ),
    "attest-nonce": Reason(
        "a recorded request is played again, or serial number or station were changed", AGAIN
    ),
    "nonce-invalid": Reason("the authority's own record of the nonce is damaged", AGAIN),
    "nonce-used": Reason("a request that was already answered is sent again", AGAIN),
    "nonce-expired": Reason("too much time passed between the nonce and the request", AGAIN),
    "clock-unsafe": Reason(
        "the TPM lost power without TPM2_Shutdown, and its clock may have gone backwards",
        "shut the unit down in order, power it up, wait for half a minute, and enrol again",
    ),
    "reset-count-differs": Reason(
        "the unit was restarted during enrolment, or parts of two units came together", AGAIN
    ),
    "reset-count-high": Reason("a used TPM, or a unit that was in service before", ASIDE),
    "firmware-differs": Reason(_OTHER, ASIDE),
    "firmware-not-allowed": Reason("a TPM whose firmware is not on the authority's list", POLICY),
    "manufacturer-not-allowed": Reason("a TPM of a maker that is not on the authority's list", POLICY),
    "emulated-tpm": Reason("an emulated TPM, which anybody can copy", POLICY),
    "creation-missing": Reason(_BROKEN, UPDATE),
    "creation-malformed": Reason(_BROKEN, AGAIN),
    "creation-signature-wrong": Reason(_CHANGED, ASIDE),
    "creation-name": Reason(_OTHER, ASIDE),
    "creation-nonce": Reason(_OTHER, AGAIN),
    "ek-policy-refuses": Reason(
        "nobody told the authority which endorsement keys to believe",
        "set the authority's EK policy: pinned vendor roots, or a vendor's list of keys",
    ),
    "ek-malformed": Reason(_BROKEN, AGAIN),
    "ek-template": Reason(
        "another key than an endorsement key, or one made by a vendor's own template", VENDOR
    ),
    "ek-template-not-allowed": Reason(
        "the station used another EK of the TPM than the authority wants", POLICY
    ),
    "ek-weak": Reason(
        "a TPM of a generation whose keys are known to be weak, or a key made to be guessed", ASIDE
    ),
    "ek-certificate-missing": Reason("the TPM's vendor wrote none, or its NV was erased", VENDOR),
    "ek-not-on-list": Reason("a TPM that the vendor's list does not name", VENDOR),
    "ek-certificate-malformed": Reason(
        "a vendor that does not follow X.509, or an index that was read or written only in part",
        "read it again; if it stays and the vendor is known for it, name the quirk in the EK policy",
    ),
    "ek-certificate-foreign": Reason("the certificate of another TPM: swapped parts, or an attack", ASIDE),
    "ek-certificate-not-yet-valid": Reason("the authority's clock is wrong, or the certificate is", CLOCK),
    "ek-certificate-expired": Reason("an old TPM, or a wrong clock", VENDOR),
    "ek-certificate-purpose": Reason("a certificate that was issued for something else than an EK", VENDOR),
    "ek-certificate-authority": Reason("an authority's certificate stands in the place of the EK's", ASIDE),
    "ek-certificate-extension": Reason("a certificate that demands what is not understood here", VENDOR),
    "ek-certificate-attributes": Reason("a vendor that leaves out what the EK profile demands", VENDOR),
    "ek-manufacturer-differs": Reason(
        "the certificate of another maker's TPM, or a TPM that hides who made it", ASIDE
    ),
    "ek-chain-untrusted": Reason(_NO_CA, VENDOR),
    "ek-chain-expired": Reason(
        "an authority's certificate over the EK has expired, or a clock is wrong", VENDOR
    ),
    "ek-revoked": Reason(
        "the vendor says that this TPM, or one of its authorities, is not to be trusted", ASIDE
    ),
    "ek-crl-missing": Reason("the authority has no revocation list of an issuer on the way", CRL),
    "ek-crl-stale": Reason("the authority's revocation list is too old", CRL),
    "serial-taken": Reason("a label that was used twice, or a unit that comes back", CONFLICT),
    "ek-taken": Reason("a TPM that already is in another unit's record, or a clone", CONFLICT),
    "idevid-taken": Reason("two units with the same key: a clone", CONFLICT),
    "iak-taken": Reason("two units with the same key: a clone", CONFLICT),
    "csr-taken": Reason("a request that was already used, played again", CONFLICT),
    "structure-malformed": Reason(_BROKEN, AGAIN),
    "quote-malformed": Reason(_BROKEN, "ask the unit for a new quote"),
    "quote-signature-wrong": Reason("another key signed, or the quote was changed", ASIDE),
    "quote-signer": Reason("the quote is not from this unit's IAK", ASIDE),
    "quote-key": Reason("the key that signed is no IAK: it would sign anything", ASIDE),
    "quote-type": Reason("another attestation stands in the place of a quote", ASIDE),
    "quote-nonce": Reason("a recorded quote is played again", "ask the unit for a new quote"),
    "quote-selection": Reason(
        "the quote covers other PCRs than were asked for", "ask the unit for a new quote"
    ),
    "quote-digest": Reason(
        "the unit did not start what it should, or its PCR values were changed on their way", ASIDE
    ),
    "quote-firmware": Reason("the TPM's firmware is not the one in the record", ASIDE),
    "quote-clock-unsafe": Reason(
        "the TPM lost power without TPM2_Shutdown",
        "let the unit run for half a minute and ask for a new quote",
    ),
    "quote-clock-back": Reason(
        "a quote older than the last one, or a TPM that was put back to an old state", ASIDE
    ),
}
"""Reason → its usual cause and the next action."""
