"""Refused for what the TPM attested, or did not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.tpm_identity_lab import NONCE, QUALIFYING, SERIAL, STATION, Bid, Lab
from tests.tpm_identity_refusal import Refusal
from tests.tpm_identity_soft import area_of, soft_key
from tests.tpm_identity_vendor import NOW
from workbench.identity.tpm.case import attested_name
from workbench.identity.tpm.names import Hierarchy as Names
from workbench.identity.tpm.names import digest, name_of, qualified_name
from workbench.identity.tpm.request import qualifying_data
from workbench.identity.tpm.structures import (
    Alg,
    Attest,
    Certified,
    Created,
)

# -- what the TPM attested


def _attest(**changes: Any) -> Callable[[Lab], Bid]:
    return lambda lab: lab.soft(attest=lambda a: replace(a, **changes))


def _clock(**changes: Any) -> Callable[[Lab], Bid]:
    def both(attest: Attest) -> Attest:
        return replace(attest, clock=replace(attest.clock, **changes))

    return lambda lab: lab.soft(attest=both, creation=both)


def _quote_instead(lab: Lab) -> Bid:
    quoted = lab.tpm.quote(lab.handles["iak"], QUALIFYING, {Alg.SHA256: [0, 1, 2]})
    return lab.real(parts=lambda p: replace(p, attest=quoted.attest, attest_signature=quoted.signature))


def _creation_instead(lab: Lab) -> Bid:
    iak, made = lab.handles["iak"], lab.tickets["idevid"]
    said = lab.tpm.certify_creation(iak, made, lab.handles["idevid"], QUALIFYING)
    return lab.real(parts=lambda p: replace(p, attest=said.attest, attest_signature=said.signature))


def _foreign_name(lab: Lab) -> Bid:
    other = name_of(soft_key(area_of("idevid")).area)

    def lie(attest: Attest) -> Attest:
        assert isinstance(attest.attested, Certified)
        return replace(attest, attested=replace(attest.attested, name=other))

    return lab.soft(attest=lie)


def _parts_of_another(lab: Lab) -> Bid:
    """The attestation is of the IDevID of the same TPM; the CSR brings a software key as IDevID."""
    soft = soft_key(area_of("idevid"))
    return lab.real(parts=lambda p: replace(p, idevid=soft.public, sign=soft.sign))


def _resigned(lab: Lab) -> Bid:
    other = soft_key(area_of("iak"))
    return lab.real(parts=lambda p: replace(p, attest_signature=other.sign(p.attest)))


def _changed_after(lab: Lab) -> Bid:
    return lab.soft(parts=lambda p: replace(p, attest=p.attest.replace(QUALIFYING, bytes(32))))


def _trailing_attest(lab: Lab) -> Bid:
    return lab.soft(attest_bytes=lambda raw: raw + b"\0")


def _other_signer(lab: Lab) -> Bid:
    area = area_of("iak")
    return lab.soft(attest=lambda a: replace(a, signer=qualified_name(name_of(area))))


ATTEST = (
    Refusal(
        "bytes after the attestation",
        "attest_form",
        "attest-malformed",
        _trailing_attest,
        "structure-malformed",
    ),
    Refusal("magic 0xdeadbeef", "attest_magic", "attest-magic", _attest(magic=0xDEADBEEF)),
    Refusal("magic 0", "attest_magic", "attest-magic", _attest(magic=0)),
    Refusal(
        "a quote instead of a certification", "attest_type", "attest-type", _quote_instead, "attest-name"
    ),
    Refusal(
        "a creation instead of a certification",
        "attest_type",
        "attest-type",
        _creation_instead,
        "attest-hierarchy",
    ),
    Refusal("attestation signed by another key", "attest_signature", "attest-signature-wrong", _resigned),
    Refusal(
        "attestation changed after it was signed",
        "attest_signature",
        "attest-signature-wrong",
        _changed_after,
        "attest-nonce",
    ),
    Refusal("another object's Name", "attest_name", "attest-name", _foreign_name),
    Refusal(
        "a software key in the place of the IDevID",
        "attest_name",
        "attest-name",
        _parts_of_another,
        "attest-hierarchy",
    ),
    Refusal("another signer's qualified Name", "attest_signer", "attest-signer", _other_signer),
    Refusal(
        "IDevID below another parent",
        "attest_hierarchy",
        "attest-hierarchy",
        lambda lab: lab.soft(attest=_below_the_owner),
    ),
    Refusal(
        "the nonce of another request",
        "attest_nonce",
        "attest-nonce",
        lambda lab: lab.real(qualifying=qualifying_data(bytes(32), SERIAL, STATION)),
    ),
    Refusal(
        "made for another serial number",
        "attest_nonce",
        "attest-nonce",
        lambda lab: lab.real(qualifying=qualifying_data(NONCE, "SN-0002", STATION)),
    ),
    Refusal(
        "made at another station",
        "attest_nonce",
        "attest-nonce",
        lambda lab: lab.real(qualifying=qualifying_data(NONCE, SERIAL, "line-4")),
    ),
    Refusal(
        "no qualifying data, as recorded CSRs have",
        "attest_nonce",
        "attest-nonce",
        lambda lab: lab.real(qualifying=b""),
    ),
    Refusal("the bare nonce", "attest_nonce", "attest-nonce", lambda lab: lab.real(qualifying=NONCE)),
    Refusal(
        "recorded request played against a new nonce",
        "csr_ca_data",
        "csr-ca-data-differs",
        lambda lab: _new_nonce(lab),
        "attest-nonce",
    ),
    Refusal("the authority's nonce is damaged", "nonce_form", "nonce-invalid", lambda lab: _short_nonce(lab)),
    Refusal(
        "nonce already used",
        "nonce_unused",
        "nonce-used",
        lambda lab: replace(lab.genuine(), nonce=replace(lab.genuine().nonce, used=True)),
    ),
    Refusal(
        "nonce expired",
        "nonce_fresh",
        "nonce-expired",
        lambda lab: replace(
            lab.genuine(), nonce=replace(lab.genuine().nonce, expires=int(NOW.timestamp()) - 1)
        ),
    ),
    Refusal("clock not safe", "clock_safe", "clock-unsafe", _clock(safe=False)),
    Refusal(
        "another boot than the preflight",
        "reset_count",
        "reset-count-differs",
        lambda lab: lab.genuine().told(reset_count=lab.facts.reset_count + 1),
    ),
    Refusal(
        "another resume than the preflight",
        "reset_count",
        "reset-count-differs",
        lambda lab: lab.genuine().told(restart_count=lab.facts.restart_count + 1),
    ),
    Refusal(
        "reset too often for a new unit",
        "reset_count_plausible",
        "reset-count-high",
        lambda lab: (
            lab.soft(attest=_reset_often, creation=_reset_often).told(reset_count=1535).under(max_resets=100)
        ),
    ),
    Refusal(
        "another firmware than the TPM told",
        "firmware_same",
        "firmware-differs",
        lambda lab: lab.genuine().told(firmware=1),
    ),
    Refusal(
        "firmware not on the list",
        "firmware_allowed",
        "firmware-not-allowed",
        lambda lab: lab.genuine().under(firmware=frozenset({1})),
    ),
    Refusal(
        "manufacturer not on the list",
        "manufacturer_allowed",
        "manufacturer-not-allowed",
        lambda lab: lab.genuine().under(manufacturers=frozenset({"STM ", "IFX"})),
    ),
    Refusal(
        "emulated TPM in production",
        "not_emulated",
        "emulated-tpm",
        lambda lab: lab.genuine().under(production=True),
    ),
    Refusal(
        "no proof of creation",
        "creation_present",
        "creation-missing",
        lambda lab: lab.real(fields={"iak_attest": b"", "iak_attest_signature": b""}),
    ),
    Refusal(
        "certification instead of the creation",
        "creation_form",
        "creation-malformed",
        lambda lab: lab.soft(creation=lambda a: replace(a, attested=Certified(attested_name(a), b""))),
    ),
    Refusal(
        "creation with another magic",
        "creation_form",
        "creation-malformed",
        lambda lab: lab.soft(creation=lambda a: replace(a, magic=1)),
    ),
    Refusal(
        "creation signed by another key",
        "creation_signature",
        "creation-signature-wrong",
        lambda lab: lab.real(
            parts=lambda p: replace(p, creation_signature=soft_key(area_of("iak")).sign(p.creation))
        ),
    ),
    Refusal(
        "creation of another key",
        "creation_name",
        "creation-name",
        lambda lab: lab.soft(
            creation=lambda a: replace(a, attested=Created(name_of(area_of("iak")), bytes(32)))
        ),
    ),
    Refusal(
        "creation for another nonce",
        "creation_nonce",
        "creation-nonce",
        lambda lab: lab.real(creation_qualifying=bytes(32)),
    ),
    Refusal(
        "creation of another boot",
        "creation_nonce",
        "creation-nonce",
        lambda lab: lab.soft(creation=_reset_often),
    ),
)


def _below_the_owner(attest: Attest) -> Attest:
    assert isinstance(attest.attested, Certified)
    below = qualified_name(attest.attested.name, Names.OWNER.entity_name)
    return replace(attest, attested=replace(attest.attested, qualified_name=below))


def _reset_often(attest: Attest) -> Attest:
    return replace(attest, clock=replace(attest.clock, reset_count=1535))


def _new_nonce(lab: Lab) -> Bid:
    bid = lab.genuine()
    return replace(bid, nonce=replace(bid.nonce, value=digest(Alg.SHA256, b"the next nonce")))


def _short_nonce(lab: Lab) -> Bid:
    qualifying = qualifying_data(b"", SERIAL, STATION)
    bid = lab.real(qualifying=qualifying, creation_qualifying=qualifying, fields={"ca_data": b""})
    return replace(bid, nonce=replace(bid.nonce, value=b""))
