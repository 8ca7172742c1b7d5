"""Evidence is believed only as it was signed; the workbench and the script give the same verdict."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evidence_lab import (
    BEGAN,
    CA,
    SIGNED_AT,
    SIGNS,
    Lab,
    ca,
    certify,
    spki,
    usage,
)
from tests.evidence_verdict_lab import GOOD, LAB, OTHER, ROOTS, reason
from workbench.identity.evidence import canonical, dsse
from workbench.identity.evidence.content import Certificate, Key, Tried
from workbench.identity.evidence.errors import EvidenceRefused
from workbench.identity.evidence.log import FIRST_PREV
from workbench.identity.evidence.statement import Place
from workbench.identity.evidence.verify import verify_evidence
from workbench.identity.storable import SecretRefused, ValueNotStorable


def resign(change: Callable[[dict[str, Any]], None], lab: Lab = LAB) -> bytes:
    """The good evidence with a changed statement, signed again by the station: what only rules can refuse."""
    statement = json.loads(dsse.unseal(GOOD).payload)
    change(statement)
    key_id = dsse.key_id(lab.signer.key.public_key())
    return dsse.seal(canonical.encode(statement), key_id, lab.sign)


def envelope(**changes: Any) -> bytes:
    return canonical.encode(json.loads(GOOD) | changes) + b"\n"


def test_good_evidence_is_believed_and_says_what_was_seen() -> None:
    found = verify_evidence(GOOD, ROOTS)
    assert found.predicate["unit"]["serial"] == "A1"
    assert found.sha256 == sha256(GOOD).hexdigest()
    assert found.signer == "CN=TEST station s1"
    assert (found.broken, found.in_log) == ((), False)
    assert reason(GOOD, ROOTS) == ""


def test_another_dsse_reader_would_find_the_specifications_bytes() -> None:
    told = json.loads(GOOD)
    payload = base64.b64decode(told["payload"])
    kind = "application/vnd.in-toto+json"
    signed = b" ".join([b"DSSEv1", b"%d" % len(kind), kind.encode(), b"%d" % len(payload), payload])
    signature = base64.b64decode(told["signatures"][0]["sig"])
    LAB.signer.key.public_key().verify(signature, signed, ec.ECDSA(SHA256()))
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"][1]["digest"]["sha256"] == sha256(LAB.device.der).hexdigest()


@settings(max_examples=400)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(at: int, mask: int) -> None:
    data = bytearray(GOOD)
    data[at] ^= mask
    assert reason(bytes(data), ROOTS) != ""


PAYLOAD = dsse.unseal(GOOD).payload


@settings(max_examples=400)
@given(st.integers(0, len(PAYLOAD) - 1), st.integers(1, 255))
def test_no_byte_of_the_statement_can_be_changed(at: int, mask: int) -> None:
    payload = bytearray(PAYLOAD)
    payload[at] ^= mask
    assert reason(envelope(payload=base64.b64encode(payload).decode()), ROOTS) != ""


@settings(max_examples=200)
@given(st.integers(0, len(GOOD) - 1))
def test_no_part_of_a_file_is_enough(end: int) -> None:
    assert reason(GOOD[:end], ROOTS) in ("envelope-malformed", "signature-wrong")


@settings(max_examples=200)
@given(st.binary(max_size=300) | st.text('{}[]",:0123456789tfn \\u', max_size=300).map(str.encode))
def test_anything_is_refused_with_a_reason(data: bytes) -> None:
    assert reason(data, ROOTS) != ""
    assert reason(data + b"\n", ROOTS) != ""


def _second_form(signature: str) -> str:
    r, s = decode_dss_signature(base64.b64decode(signature))
    return base64.b64encode(encode_dss_signature(r, dsse.P256_ORDER - s)).decode()


def _signed(**changes: str) -> bytes:
    (signature,) = json.loads(GOOD)["signatures"]
    return envelope(signatures=[signature | changes])


SIGNATURE = json.loads(GOOD)["signatures"][0]
ENVELOPES: dict[str, tuple[bytes, str]] = {
    "spaces": (json.dumps(json.loads(GOOD)).encode() + b"\n", "envelope-malformed"),
    "two lines at its end": (GOOD + b"\n", "envelope-malformed"),
    "a member twice": (GOOD.replace(b'{"payload":', b'{"payload":"","payload":', 1), "envelope-malformed"),
    "a member more": (envelope(more=1), "envelope-malformed"),
    "deep": (b"[" * 200_000 + b"\n", "envelope-malformed"),
    "a huge number": (b'{"payload":' + b"9" * 10_000 + b"}\n", "envelope-malformed"),
    "NaN": (b'{"payload":NaN}\n', "envelope-malformed"),
    "too large": (b" " * (1 << 20) + b"\n", "too-large"),
    "another payload type": (envelope(payloadType="text/plain"), "payload-type"),
    "no signature": (envelope(signatures=[]), "envelope-malformed"),
    "two signatures": (envelope(signatures=[SIGNATURE, SIGNATURE]), "envelope-malformed"),
    "another key's name": (_signed(keyid="0" * 64), "key-id"),
    "the other form of the signature": (_signed(sig=_second_form(SIGNATURE["sig"])), "signature-wrong"),
    "another's signature": (
        _signed(sig=base64.b64encode(dsse.low_s(OTHER.sign(dsse.pae("x", b"")))).decode()),
        "signature-wrong",
    ),
    "a signature that is none": (_signed(sig="AAAA"), "signature-wrong"),
    "another factory's": (OTHER.build(), "chain-root-unknown"),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelopes_that_are_not_as_they_must_be(name: str) -> None:
    data, why = ENVELOPES[name]
    assert reason(data, ROOTS) == why


def _at(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(statement: dict[str, Any]) -> None:
        place: Any = statement
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


P = "predicate"
STATEMENTS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "an older statement": (_at("_type", to="https://in-toto.io/Statement/v0.1"), "statement-malformed"),
    "a predicate of another kind": (
        _at("predicateType", to="https://slsa.dev/provenance/v1"),
        "predicate-type",
    ),
    "something more": (_at(P, "more", to=1), "predicate-malformed"),
    "a state that is none": (_at(P, "unit", "ledger_state", to="quarantined"), "predicate-malformed"),
    "an outcome that is none": (_at(P, "tried", 0, "outcome", to="ok"), "predicate-malformed"),
    "true as a number": (_at(P, "log", "line", to=True), "predicate-malformed"),
    "a negative number": (_at(P, "log", "line", to=-1), "predicate-malformed"),
    "a hash in capitals": (_at(P, "log", "prev", to="A" * 64), "predicate-malformed"),
    "a hash with an end of line": (_at(P, "log", "prev", to="a" * 64 + "\n"), "predicate-malformed"),
    "other digits": (_at(P, "times", "started", to="٢٠٢٦-02-03T04:04:00Z"), "predicate-malformed"),
    "a lone surrogate": (_at(P, "unit", "hardware_id", to="\ud800"), "predicate-malformed"),
    "a time without zone": (_at(P, "times", "started", to="2026-02-03T04:04:00"), "predicate-malformed"),
    "a day that is none": (_at(P, "signer", "signed_at", to="2026-02-30T00:00:00Z"), "predicate-malformed"),
    "a version that is a list": (_at(P, "versions", "x", to=["1"]), "predicate-malformed"),
    "too many": (_at(P, "tried", to=[{}] * 1001), "predicate-malformed"),
    "no chain": (_at(P, "signer", "chain", to=[]), "chain-malformed"),
    "a chain that is none": (_at(P, "signer", "chain", to=["AAAA", "AAAA"]), "chain-malformed"),
    "base64 of another form": (_at(P, "signer", "chain", 0, to="AAB="), "chain-malformed"),
    "signed before the certificates": (
        _at(P, "signer", "signed_at", to="2025-12-31T23:59:59Z"),
        "chain-time",
    ),
    "signed after the certificates": (_at(P, "signer", "signed_at", to="2036-01-01T00:00:00Z"), "chain-time"),
    "another label": (_at(P, "unit", "serial", to="A2"), "certificate-foreign"),
    "another model": (_at(P, "unit", "model", to="m2"), "subject-mismatch"),
    "another chip": (_at(P, "unit", "hardware_id", to="ff" * 8), "subject-mismatch"),
    "another subject": (_at("subject", 0, "name", to="unit:m1/A9"), "subject-mismatch"),
    "another key": (_at(P, "keys", 0, "spki_sha256", to="0" * 64), "certificate-foreign"),
    "the key of another role": (_at(P, "keys", 0, "role", to="iak"), "certificate-foreign"),
    "a certificate that is none": (_at(P, "certificates", 0, "der", to="AAAA"), "certificate-foreign"),
    "something else read back": (
        _at(P, "certificates", 0, "read_back_sha256", to="0" * 64),
        "certificate-not-stored",
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_statements_that_are_signed_and_wrong_all_the_same(name: str) -> None:
    change, why = STATEMENTS[name]
    assert reason(resign(change), ROOTS) == why


def test_a_certificate_that_was_not_read_back_is_believed_and_said_to_be_so() -> None:
    data = resign(_at(P, "certificates", 0, "read_back_sha256", to=None))
    assert reason(data, ROOTS) == ""


def _with(lab: Lab) -> bytes:
    """Evidence by a signer with another chain, as a station would sign it that checks nothing."""
    chain = [base64.b64encode(der).decode() for der in lab.chain]
    return resign(_at(P, "signer", "chain", to=chain), lab)


def _chain(**parts: Any) -> Lab:
    lab = Lab()
    lab.root, lab.issuing, lab.device = LAB.root, LAB.issuing, LAB.device
    lab.signer = LAB.signer
    for name, part in parts.items():
        setattr(lab, name, part)
    return lab


def test_a_signer_on_another_curve_is_refused() -> None:
    lab = _signer(key=ec.generate_private_key(ec.SECP384R1()))
    chain = [base64.b64encode(der).decode() for der in lab.chain]
    assert reason(resign(_at(P, "signer", "chain", to=chain)), ROOTS) == "signer-usage"


def _signer(**more: Any) -> Lab:
    return _chain(signer=certify("s", LAB.issuing, more.pop("extensions", SIGNS), **more))


NO_CA = certify("no ca", LAB.root, [(usage(digital_signature=True), True)])
NO_SIGN = certify(
    "no certs", LAB.root, [(x509.BasicConstraints(True, 0), True), (usage(crl_sign=True), True)]
)
SHORT_ROOT = ca("short", None, 0)
FORGED = certify("issuing", ca("root", None, 1), [(x509.BasicConstraints(True, 0), True), *CA])
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
OTHER_PURPOSE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
AS_CA = [(x509.BasicConstraints(True, None), True), (usage(digital_signature=True, key_cert_sign=True), True)]
CHAINS: dict[str, tuple[Callable[[], Lab], str]] = {
    "as it must be": (lambda: _signer(), ""),
    "run out": (lambda: _signer(ends=BEGAN + timedelta(days=1)), "chain-time"),
    "not begun": (lambda: _signer(begins=BEGAN + timedelta(days=100)), "chain-time"),
    "for code": (
        lambda: _signer(extensions=[(usage(digital_signature=True), True), (OTHER_PURPOSE, False)]),
        "signer-usage",
    ),
    "for nothing named": (
        lambda: _signer(extensions=[(usage(digital_signature=True), True)]),
        "signer-usage",
    ),
    "for keys only": (
        lambda: _signer(extensions=[(usage(key_agreement=True), True), SIGNS[1]]),
        "signer-usage",
    ),
    "a CA": (lambda: _signer(extensions=[*AS_CA, SIGNS[1]]), "signer-usage"),
    "a unit's": (lambda: _chain(signer=LAB.device), "signer-usage"),
    "with an unknown critical extension": (
        lambda: _signer(extensions=[*SIGNS, (UNKNOWN, True)]),
        "chain-malformed",
    ),
    "with an unknown extension": (lambda: _signer(extensions=[*SIGNS, (UNKNOWN, False)]), ""),
    "by a CA that is none": (
        lambda: _chain(issuing=NO_CA, signer=certify("s", NO_CA, SIGNS)),
        "chain-not-ca",
    ),
    "by a CA that may not sign certificates": (
        lambda: _chain(issuing=NO_SIGN, signer=certify("s", NO_SIGN, SIGNS)),
        "chain-not-ca",
    ),
    "by a CA of the same name": (
        lambda: _chain(issuing=FORGED, signer=certify("s", FORGED, SIGNS)),
        "chain-broken",
    ),
    "of another CA": (lambda: _chain(signer=certify("s", FORGED, SIGNS)), "chain-broken"),
}


@pytest.mark.parametrize("name", CHAINS)
def test_signers_whose_chain_does_not_hold(name: str) -> None:
    make, why = CHAINS[name]
    assert reason(_with(make()), ROOTS) == why


def test_a_chain_that_is_longer_than_its_root_permits_is_refused() -> None:
    issuing = ca("below", SHORT_ROOT, 0)
    lab = _chain(root=SHORT_ROOT, issuing=issuing, signer=certify("s", issuing, SIGNS))
    assert reason(_with(lab), [SHORT_ROOT.der]) == "chain-not-ca"


def test_a_root_must_be_the_one_that_is_trusted_byte_for_byte() -> None:
    again = certify("root", None, [(x509.BasicConstraints(True, 1), True), *CA], key=LAB.root.key)
    assert reason(GOOD, [again.der]) == "chain-root-unknown"
    assert reason(GOOD, []) == "chain-root-unknown"
    assert reason(GOOD, [again.der, LAB.root.der]) == ""


def test_a_certificate_of_a_unit_of_another_ca_is_refused() -> None:
    forged = certify("unit", OTHER.issuing, [(usage(digital_signature=True), True)], serial="A1")
    told = replace(
        LAB.content(),
        keys=(Key("device", spki(forged.key), "on-chip"),),
        certificates=(Certificate("device", forged.der, None),),
    )
    with pytest.raises(EvidenceRefused) as caught:
        LAB.build(told)
    assert caught.value.reason == "certificate-foreign"


def test_a_broken_act_is_authentic_but_not_a_good_unit() -> None:
    broken = Tried("read-flash", "refused", "4 KiB read", "broken")
    data = LAB.build(LAB.content(tried=(broken, Tried("clear", "0x120", "nothing", "not-tried"))))
    found = verify_evidence(data, ROOTS)
    assert (found.broken, found.not_tried) == (("read-flash",), ("clear",))
    assert reason(data, ROOTS) == ""
    assert reason(data, ROOTS, held=True) == "act-broken"
    assert reason(GOOD, ROOTS, held=True) == ""
    for tried in ((), (Tried("clear", "0x120", "-", "not-tried"),), (Tried("read", "-", "-", "shown"),)):
        data = LAB.build(LAB.content(tried=tried))
        assert (reason(data, ROOTS), reason(data, ROOTS, held=True)) == ("", "act-missing")


def test_evidence_holds_no_secret_and_says_so_before_it_signs() -> None:
    secret = bytes(range(32))
    for told in (
        {"observed": {"lockout_secret": "x"}},
        {"observed": {"value": secret.hex()}},
        {"observed": {"digest": secret.hex()}},
        {"tried": (Tried("read-flash", "refused", f"read {secret.hex()}", "broken"),)},
        {"intended": {"words": f"the key is {base64.b64encode(secret).decode()}"}},
    ):
        with pytest.raises(SecretRefused) as caught:
            dsse_build(LAB.content(**told), (secret,))
        assert secret.hex() not in caught.value.diagnostics()
    with pytest.raises(ValueNotStorable):
        LAB.build(LAB.content(tried=(Tried("x", "", "y", "held"),)))


def dsse_build(content: Any, secrets: tuple[bytes, ...]) -> bytes:
    from workbench.identity.evidence.build import build_evidence
    from workbench.identity.evidence.statement import Signer

    return build_evidence(content, Place(1, FIRST_PREV), Signer(LAB.chain, SIGNED_AT), LAB.sign, secrets)


def test_a_station_whose_certificate_has_run_out_signs_nothing() -> None:
    with pytest.raises(EvidenceRefused) as caught:
        LAB.build(signed_at="2036-01-01T00:00:00Z")
    assert caught.value.reason == "chain-time"
