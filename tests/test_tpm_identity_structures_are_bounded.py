"""Parsers take exactly what they build, and of any other bytes say so with their own error and nothing
else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tpm_identity_soft import area_of, soft_key
from tests.tpm_identity_vendor import Vendor
from workbench.identity.tpm import structures as s
from workbench.identity.tpm.csr import (
    MAX_CSR_BYTES,
    CsrFields,
    build_contents,
    build_csr,
    parse_csr,
    split_csr,
)
from workbench.identity.tpm.der import DerBroken, oid_text
from workbench.identity.tpm.ek import ek_area
from workbench.identity.tpm.ek_certificate import read_ek_certificate
from workbench.identity.tpm.errors import TpmSignatureInvalid, TpmStructureMalformed
from workbench.identity.tpm.public_key import key_of, spki, verify_signature
from workbench.identity.tpm.templates import recognise
from workbench.identity.tpm.weak_keys import weakness

U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)
U64 = st.integers(0, 2**64 - 1)
SCHEMES = st.none() | st.builds(s.Scheme, U16.filter(lambda a: a != s.Alg.NULL), U16)
SYMMETRIC = st.none() | st.builds(s.Symmetric, U16.filter(lambda a: a != s.Alg.NULL), U16, U16)
RSA = st.builds(s.RsaKey, U16, U32, st.binary(max_size=512))
ECC = st.builds(s.EccKey, U16, SCHEMES, st.binary(max_size=66), st.binary(max_size=66))
PUBLICS = st.builds(
    s.PublicArea, U16, U32.map(s.Attribute), st.binary(max_size=64), SYMMETRIC, SCHEMES, RSA | ECC
)
CLOCKS = st.builds(s.ClockInfo, U64, U32, U32, st.booleans())
SELECTIONS = st.lists(st.builds(s.PcrSelection, U16, st.binary(max_size=4)), max_size=4).map(tuple)
SAID = (
    st.builds(s.Certified, st.binary(max_size=66), st.binary(max_size=66))
    | st.builds(s.Created, st.binary(max_size=66), st.binary(max_size=64))
    | st.builds(s.Quoted, SELECTIONS, st.binary(max_size=64))
)
ATTESTS = st.builds(
    s.Attest, st.just(s.GENERATED), st.binary(max_size=66), st.binary(max_size=66), CLOCKS, U64, SAID
)
SIGNATURES = st.builds(s.EcdsaSignature, U16, st.binary(max_size=66), st.binary(max_size=66)) | st.builds(
    s.RsaSignature, st.sampled_from([s.Alg.RSASSA, s.Alg.RSAPSS]), U16, st.binary(max_size=512)
)
FIELDS = st.builds(CsrFields, *[st.binary(max_size=40)] * 12)
PARSERS: list[Callable[[bytes], object]] = [
    s.parse_public,
    s.parse_attest,
    s.parse_signature,
    s.parse_tpm2b,
    parse_csr,
    split_csr,
    read_ek_certificate,
]
CERTIFICATE = Vendor().certify(soft_key(ek_area("H-2")).area)


@given(PUBLICS)
def test_public_round_trip(public: s.PublicArea) -> None:
    assert s.parse_public(s.build_public(public)) == public


@given(ATTESTS)
def test_attest_round_trip(attest: s.Attest) -> None:
    assert s.parse_attest(s.build_attest(attest)) == attest


@given(SIGNATURES)
def test_signature_round_trip(signature: s.Signature) -> None:
    assert s.parse_signature(s.build_signature(signature)) == signature


@given(FIELDS, st.sampled_from([s.Alg.SHA256, s.Alg.SHA384, s.Alg.SHA512]), st.binary(max_size=80))
def test_csr_round_trip(content: CsrFields, alg: s.Alg, signature: bytes) -> None:
    parts = parse_csr(build_csr(build_contents(content, alg), signature))
    assert (parts.fields, parts.hash_alg, parts.signature) == (content, alg, signature)
    assert len(parts.contents) % 16 == 0


@given(st.sampled_from(PARSERS), st.binary(max_size=300))
def test_any_bytes_give_a_value_or_the_own_error(parse: Callable[[bytes], object], data: bytes) -> None:
    _attempt(parse, data)


@given(st.data())
def test_changed_structures_give_a_value_or_the_own_error(data: st.DataObject) -> None:
    parse, whole = data.draw(st.sampled_from(SAMPLES))
    at = data.draw(st.integers(0, len(whole) - 1))
    new = data.draw(st.binary(min_size=1, max_size=4))
    cut = data.draw(st.integers(0, 4))
    _attempt(parse, whole[:at] + new + whole[at + cut :])


@given(PUBLICS)
def test_any_public_area_is_a_key_or_malformed(public: s.PublicArea) -> None:
    recognise(public)
    weakness(public)
    try:
        key_of(public)
        spki(public)
    except TpmStructureMalformed:
        return


@given(SIGNATURES, st.binary(max_size=20))
def test_no_made_up_signature_holds(signature: s.Signature, message: bytes) -> None:
    for area in (area_of("iak"), replace(area_of("iak"), scheme=None)):
        with pytest.raises(TpmSignatureInvalid):
            verify_signature(soft_key(area).area, signature, message)


def _soft_structures() -> list[tuple[Callable[[bytes], object], bytes]]:
    key = soft_key(area_of("iak"))
    clock = s.ClockInfo(1, 2, 3, True)
    quoted = s.Quoted((s.PcrSelection(s.Alg.SHA256, b"\xff\0\0"),), bytes(32))
    attest = s.build_attest(s.Attest(s.GENERATED, b"signer", b"extra", clock, 7, quoted))
    signature = key.sign(attest)
    csr = build_csr(build_contents(CsrFields(*[b"field"] * 12), s.Alg.SHA256), signature)
    return [
        (s.parse_public, key.public),
        (s.parse_attest, attest),
        (s.parse_signature, signature),
        (parse_csr, csr),
        (read_ek_certificate, CERTIFICATE),
    ]


SAMPLES = _soft_structures()


@pytest.mark.parametrize(("parse", "whole"), SAMPLES, ids=lambda v: getattr(v, "__name__", ""))
def test_every_cut_and_every_addition_is_refused(parse: Callable[[bytes], object], whole: bytes) -> None:
    parse(whole)
    for end in range(len(whole)):
        with pytest.raises(TpmStructureMalformed):
            parse(whole[:end])
    with pytest.raises(TpmStructureMalformed):
        parse(whole + b"\x01")


def test_another_magic_is_refused_unless_asked_for() -> None:
    attest = SAMPLES[1][1]
    changed = b"\xde\xad\xbe\xef" + attest[4:]
    with pytest.raises(TpmStructureMalformed, match="magic"):
        s.parse_attest(changed)
    assert s.parse_attest(changed, any_magic=True).magic == 0xDEADBEEF


def test_lengths_that_lie_cost_nothing() -> None:
    huge = 0xFFFFFFFF
    attest = SAMPLES[1][1]
    many = attest[: attest.index(b"\0\0\0\1\0\x0b")] + huge.to_bytes(4, "big")
    with pytest.raises(TpmStructureMalformed, match="PCR banks"):
        s.parse_attest(many)
    with pytest.raises(TpmStructureMalformed):
        split_csr(bytes(MAX_CSR_BYTES + 1))
    header = (0x01000100).to_bytes(4, "big") + huge.to_bytes(4, "big") * 2
    with pytest.raises(TpmStructureMalformed):
        split_csr(header)
    with pytest.raises(TpmStructureMalformed):
        split_csr(header + (0x100).to_bytes(4, "big") + (11).to_bytes(4, "big") + huge.to_bytes(4, "big"))
    with pytest.raises(TpmStructureMalformed):
        read_ek_certificate(b"\x30\x84\x7f\xff\xff\xff" + bytes(100))
    nested = b""
    while len(nested) < 8000:
        nested = b"\x30\x82" + len(nested).to_bytes(2, "big") + nested
    with pytest.raises(TpmStructureMalformed):
        read_ek_certificate(nested)


@given(st.binary(max_size=70))
def test_object_identifiers_give_text_or_their_error(content: bytes) -> None:
    try:
        assert all(part.isdigit() for part in oid_text(content).split("."))
    except DerBroken:
        return


def _attempt(parse: Callable[[bytes], object], data: bytes) -> None:
    said = "a value"
    try:
        parse(data)
    except TpmStructureMalformed as error:
        said = error.what
    assert 0 < len(said) < 400


def test_key_with_a_scheme_signs_by_no_other() -> None:
    key = soft_key(area_of("iak"))
    loose = replace(key.area, scheme=None)
    other = replace(key, area=replace(key.area, scheme=s.Scheme(s.Alg.ECDSA, s.Alg.SHA384)))
    signature = s.parse_signature(other.sign(b"message"))
    verify_signature(loose, signature, b"message")
    with pytest.raises(TpmSignatureInvalid, match="scheme"):
        verify_signature(key.area, signature, b"message")
