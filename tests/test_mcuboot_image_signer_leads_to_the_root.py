"""A signer is believed if its certificates lead to the root, in time, for code; else it is said why not."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.mcuboot_lab import (
    NOT_AFTER,
    NOT_BEFORE,
    PAYLOAD,
    SIGNED_AT_S,
    SIGNERS,
    chained,
    key,
    pki,
    refused,
    remade,
)
from workbench.images import refusals as no
from workbench.images.build import Options, Seal, build, seal_image
from workbench.images.certificates import Issuer, KeyKind, der, issue, name, new_key
from workbench.images.format import parse
from workbench.images.tlvs import Tlv, TlvType, Version
from workbench.images.verify import Policy, verify

ROOT = Policy(root=pki("ecdsa-p256", 0, 0).root)


def _leaf(**how: Any) -> bytes:
    """An image whose signer's certificate was issued like that."""
    made = pki("ecdsa-p256", 0, 0)
    options: dict[str, Any] = {"ca": False, "not_before": NOT_BEFORE, "not_after": NOT_AFTER} | how
    signed_at_s = options.pop("signed_at_s", SIGNED_AT_S)
    issuer = Issuer(made.root.subject, made.root_key)
    leaf = issue(name("signer"), made.signer_key.public_key(), issuer, **options)
    return chained(signer_chain=(der(leaf),), signing_time_s=signed_at_s)


CERTIFICATES: list[tuple[dict[str, Any], type[no.ImageRefused]]] = [
    ({"purposes": [ExtendedKeyUsageOID.SERVER_AUTH]}, no.SignerWrongPurpose),
    ({"purposes": []}, no.SignerWrongPurpose),
    ({"purposes": [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]}, no.SignerWrongPurpose),
    ({"signs": False}, no.SignerWrongPurpose),
    ({"ca": True, "signs": True, "purposes": [ExtendedKeyUsageOID.CODE_SIGNING]}, no.SignerWrongPurpose),
    ({"signed_at_s": int(NOT_AFTER.timestamp()) + 1}, no.SignerExpired),
    ({"signed_at_s": int(NOT_BEFORE.timestamp()) - 1}, no.SignerNotYetValid),
    ({"not_after": datetime(2026, 2, 1, tzinfo=UTC)}, no.SignerExpired),
    ({"not_before": datetime(2027, 1, 1, tzinfo=UTC)}, no.SignerNotYetValid),
]


@pytest.mark.parametrize(("how", "refusal"), CERTIFICATES)
def test_a_signer_must_be_for_code_and_valid_when_it_signed(
    how: dict[str, Any], refusal: type[no.ImageRefused]
) -> None:
    refused(_leaf(**how), ROOT, refusal)


def test_validity_includes_both_ends() -> None:
    verify(_leaf(signed_at_s=int(NOT_AFTER.timestamp())), ROOT)
    verify(_leaf(signed_at_s=int(NOT_BEFORE.timestamp())), ROOT)
    verify(_leaf(purposes=[ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CODE_SIGNING]), ROOT)


@pytest.mark.parametrize("kind", SIGNERS)
@pytest.mark.parametrize("intermediates", [0, 1, 2])
def test_a_chain_leads_over_intermediates_to_the_root(kind: KeyKind, intermediates: int) -> None:
    policy = Policy(root=pki(kind, 0, intermediates).root)
    assert verify(chained(kind, intermediates), policy).signer
    refused(chained(kind, intermediates), Policy(root=pki(kind, 5, 0).root), no.SignerUntrusted)


def test_a_chain_that_is_not_one_is_refused() -> None:
    made = pki("ecdsa-p256", 0, 2)
    leaf, lower, upper = made.chain
    other = pki("ecdsa-p256", 1, 0)
    policy = Policy(root=made.root)
    cases: list[tuple[tuple[bytes, ...], type[no.ImageRefused]]] = [
        ((leaf, upper), no.SignerUntrusted),
        ((leaf, upper, lower), no.SignerUntrusted),
        ((leaf,), no.SignerUntrusted),
        ((leaf, lower, other.chain[0]), no.SignerUntrusted),
        ((leaf, lower, upper, b"\x30\x82\xff\xff"), no.TlvMalformed),
        ((leaf, lower, upper[:-1]), no.TlvMalformed),
        ((leaf, b"\x30\x03abc"), no.TlvMalformed),
        ((leaf,) * 5, no.TlvMalformed),
    ]
    verify(chained("ecdsa-p256", 2), policy)
    for chain, refusal in cases:
        image = parse(chained("ecdsa-p256", 2))
        protected = [
            Tlv(t.type, b"".join(chain)) if t.type == TlvType.SIGNER_CHAIN else t for t in image.protected
        ]
        resealed = parse(remade(replace(image, protected=tuple(protected))))
        refused(seal_image(resealed, Seal(signing_key=made.signer_key)).encode(), policy, refusal)


def test_a_signer_is_no_ca_and_cannot_make_signers() -> None:
    """The attacker has a signer's key, and issues a certificate below it."""
    made = pki("ecdsa-p256", 0, 0)
    mine = new_key("ecdsa-p256")
    signer = Issuer(name("workbench image signer"), made.signer_key)
    leaf = issue(
        name("mine"), mine.public_key(), signer, ca=False, not_before=NOT_BEFORE, not_after=NOT_AFTER
    )
    options = Options(version=Version(1), signer_chain=(der(leaf), *made.chain), signing_time_s=SIGNED_AT_S)
    refused(build(PAYLOAD, options, Seal(signing_key=mine)), ROOT, no.SignerUntrusted)


def test_a_path_length_is_kept() -> None:
    made = pki("ecdsa-p256", 0, 0)
    dates: dict[str, Any] = {"not_before": NOT_BEFORE, "not_after": NOT_AFTER}
    upper, lower, mine = (Issuer(name(text), new_key("ecdsa-p256")) for text in ("upper", "lower", "mine"))
    top = issue(
        upper.name,
        upper.key.public_key(),
        Issuer(made.root.subject, made.root_key),
        ca=True,
        path_length=0,
        **dates,
    )
    middle = issue(lower.name, lower.key.public_key(), upper, ca=True, **dates)
    for chain, accepted in (
        ((issue(mine.name, mine.key.public_key(), upper, ca=False, **dates), top), True),
        ((issue(mine.name, mine.key.public_key(), lower, ca=False, **dates), middle, top), False),
    ):
        options = Options(version=Version(1), signer_chain=tuple(map(der, chain)), signing_time_s=SIGNED_AT_S)
        image = build(PAYLOAD, options, Seal(signing_key=mine.key))
        if accepted:
            verify(image, ROOT)
        else:
            refused(image, ROOT, no.SignerUntrusted)


def test_a_critical_extension_that_nobody_understands_is_refused() -> None:
    made = pki("ecdsa-p256", 0, 0)
    for critical in (False, True):
        leaf = (
            x509.CertificateBuilder(made.root.subject, name("signer"), made.signer_key.public_key(), 1)
            .not_valid_before(NOT_BEFORE)
            .not_valid_after(NOT_AFTER)
            .add_extension(_usage(signs=True, issues=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.UnrecognizedExtension(_UNKNOWN, b"?"), critical=critical)
            .sign(made.root_key, SHA256())
        )
        image = chained(signer_chain=(der(leaf),))
        if critical:
            refused(image, ROOT, no.SignerUntrusted)
        else:
            verify(image, ROOT)


_UNKNOWN = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")


def _usage(*, signs: bool, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


@pytest.mark.parametrize(("ca", "issues"), [(True, True), (True, False), (False, True), (None, True)])
def test_an_intermediate_must_be_a_ca_and_be_meant_to_issue(ca: bool | None, issues: bool) -> None:
    made = pki("ecdsa-p256", 0, 0)
    middle, mine = Issuer(name("middle"), new_key("ecdsa-p256")), new_key("ecdsa-p256")
    builder = (
        x509.CertificateBuilder(made.root.subject, middle.name, middle.key.public_key(), 1)
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(_usage(signs=False, issues=issues), critical=True)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    above = builder.sign(made.root_key, SHA256())
    dates: dict[str, Any] = {"not_before": NOT_BEFORE, "not_after": NOT_AFTER}
    leaf = issue(name("mine"), mine.public_key(), middle, ca=False, **dates)
    options = Options(version=Version(1), signer_chain=(der(leaf), der(above)), signing_time_s=SIGNED_AT_S)
    image = build(PAYLOAD, options, Seal(signing_key=mine))
    if ca and issues:
        verify(image, ROOT)
    else:
        refused(image, ROOT, no.SignerUntrusted)


def test_the_unpacked_image_must_be_signed_too() -> None:
    """The signer of the compressed image did not sign what it unpacks to."""
    signer, policy = key("ed25519"), Policy(public_keys=(key("ed25519").public_key(),))
    options = Options(version=Version(1), compression="lzma2")
    image = parse(build(PAYLOAD, options, Seal(signing_key=signer)))
    verify(image, policy)
    for kind, wrong, refusal in [
        (TlvType.DECOMP_SIGNATURE, bytes(64), no.SignatureInvalid),
        (TlvType.DECOMP_SHA, bytes(32), no.HashMismatch),
        (TlvType.DECOMP_SIZE, struct.pack("<I", len(PAYLOAD) - 1), no.DecompressionFailed),
        (TlvType.DECOMP_SIZE, struct.pack("<I", len(PAYLOAD) + 1), no.DecompressionFailed),
    ]:
        protected = [Tlv(kind, wrong) if tlv.type == kind else tlv for tlv in image.protected]
        changed = parse(remade(replace(image, protected=tuple(protected))))
        refused(seal_image(changed, Seal(signing_key=signer)).encode(), policy, refusal)
