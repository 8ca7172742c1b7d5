"""Nothing wrong is signed, and nothing that came out wrong is given away; lints take any bytes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.certificate_lab import (
    NOW,
    PROFILES,
    Issued,
    extension,
    fields_for,
    issued,
    signed_again,
    signer_of,
)
from workbench.errors import Blame
from workbench.identity.certificates import oids, signature_only
from workbench.identity.certificates.build import (
    IssuerUnsuitable,
    Tbs,
    assemble,
    build_certificate,
    build_tbs,
    issuer_hash,
    new_serial,
)
from workbench.identity.certificates.finding import Finding, Severity
from workbench.identity.certificates.lint import CertificateLintFailed, lint, refuse_findings
from workbench.identity.certificates.lint_pkilint import pkilint_findings
from workbench.identity.certificates.profile import load_profile

GRAVE = (Severity.WARNING, Severity.ERROR)


def _build(sign, *, key: ec.EllipticCurvePublicKey | None = None, serial: int | None = None) -> bytes:  # type: ignore[no-untyped-def]
    public = key or ec.generate_private_key(ec.SECP256R1()).public_key()
    issuing = issued("issuing").certificate
    profile, fields = load_profile("idevid"), fields_for("idevid")
    return build_certificate(profile, fields, issuing, public, NOW, serial or new_serial(), sign)


def test_nothing_wrong_reaches_the_issuers_key() -> None:
    asked: list[bytes] = []

    def sign(tbs: bytes) -> bytes:
        asked.append(tbs)
        return signer_of(issued("issuing").key)(tbs)

    k256 = ec.generate_private_key(ec.SECP256K1()).public_key()
    with pytest.raises(CertificateLintFailed, match="key-algorithm"):
        _build(sign, key=k256)
    with pytest.raises(CertificateLintFailed, match="serial-length"):
        _build(sign, serial=77)
    with pytest.raises(CertificateLintFailed, match="key-of-issuer"):
        _build(sign, key=issued("issuing").key.public_key())
    assert asked == []
    _build(sign)
    assert len(asked) == 1


def test_the_second_lint_finds_what_a_lint_of_the_whole_finds() -> None:
    issuing, profile = issued("issuing"), load_profile("idevid")
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    tbs = build_tbs(profile, fields_for("idevid"), issuing.certificate, key, NOW, 77)
    sign, other = signer_of(issuing.key), signer_of(ec.generate_private_key(ec.SECP256R1()))
    for der in (assemble(tbs, sign(tbs.der)), assemble(tbs, other(tbs.der)), assemble(tbs, b"no signature")):
        signature_only.forget()
        whole = lint(der, profile, issuing.certificate, now=NOW)
        lint(tbs.dummy_certificate, profile, issuing.certificate, now=NOW, signed=False)
        assert signature_only.recall(der, (profile, _issuer_der(), NOW)) is not None
        assert set(lint(der, profile, issuing.certificate, now=NOW)) == set(whole)
        assert "serial-length" in {finding.code for finding in whole}


@settings(max_examples=40)
@given(st.data())
def test_only_the_same_bytes_are_not_looked_at_again(data: st.DataObject) -> None:
    profile = load_profile("idevid")
    tbs, signed = _known()
    der = bytearray(signed)
    about = (profile, _issuer_der(), NOW)
    assert signature_only.recall(bytes(der), about) is not None
    assert signature_only.recall(bytes(der), (load_profile("iak"), _issuer_der(), NOW)) is None
    assert signature_only.recall(bytes(der), (profile, _issuer_der(), None)) is None
    assert signature_only.recall(bytes(der) + b"\0", about) is None
    at = data.draw(st.integers(0, 4 + len(tbs.der)))
    der[at] ^= data.draw(st.integers(1, 255))
    assert signature_only.recall(bytes(der), about) is None


@given(st.binary(max_size=200))
def test_parts_of_a_certificate_are_exactly_three(garbage: bytes) -> None:
    with pytest.raises(ValueError, match=r"element|DER|parts"):
        signature_only.split(garbage)


@cache
def _known() -> tuple[Tbs, bytes]:
    """A certificate that was linted before it was signed, and signed."""
    key, profile = ec.generate_private_key(ec.SECP256R1()).public_key(), load_profile("idevid")
    issuing = issued("issuing")
    tbs = build_tbs(profile, fields_for("idevid"), issuing.certificate, key, NOW, new_serial())
    lint(tbs.dummy_certificate, profile, issuing.certificate, now=NOW, signed=False)
    return tbs, assemble(tbs, signer_of(issuing.key)(tbs.der))


def _issuer_der() -> bytes:
    return issued("issuing").certificate.public_bytes(Encoding.DER)


def test_signature_of_another_key_is_not_given_away() -> None:
    other = signer_of(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(CertificateLintFailed, match="signature-wrong") as caught:
        _build(other)
    assert caught.value.blame is Blame.TRUST
    assert {"signature-wrong", "pkix.signature_verification_failed"} <= {
        f.code for f in caught.value.findings
    }


def test_signature_with_another_hash_is_not_given_away() -> None:
    key = issued("issuing").key
    with pytest.raises(CertificateLintFailed, match="signature-wrong"):
        _build(lambda tbs: key.sign(tbs, ec.ECDSA(SHA384())))


def test_signature_is_over_what_was_linted() -> None:
    seen: list[bytes] = []

    def sign(tbs: bytes) -> bytes:
        seen.append(tbs)
        return signer_of(issued("issuing").key)(tbs)

    assert x509.load_der_x509_certificate(_build(sign)).tbs_certificate_bytes == seen[0]


def test_throw_away_signature_is_nobodys() -> None:
    issuing = issued("issuing")
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    tbs = build_tbs(
        load_profile("ldevid"), fields_for("ldevid"), issuing.certificate, public, NOW, new_serial()
    )
    found = Issued(load_profile("ldevid"), issuing.key, tbs.dummy_certificate, issuing)
    assert found.lint(signed=False) == []
    assert "signature-wrong" in found.codes()
    signed = assemble(tbs, signer_of(issuing.key)(tbs.der))
    x509.load_der_x509_certificate(signed).verify_directly_issued_by(issuing.certificate)


@pytest.mark.parametrize("name", PROFILES)
def test_pkilint_finds_nothing_that_counts(name: str) -> None:
    for curve in ("p256", "p384"):
        found = issued(name, curve)
        above = None if found.issuer is None else found.issuer.der
        findings = list(pkilint_findings(found.der, above))
        assert [f for f in findings if f.severity in GRAVE] == []


def test_pkilint_sees_what_it_should() -> None:
    """Its validators are there, and its severities are ours."""
    leaf, issuing = issued("ldevid"), issued("issuing")

    def codes(found: Issued, issuer: bytes) -> set[str]:
        return {f.code for f in pkilint_findings(found.der, issuer) if f.severity in GRAVE}

    forged = replace(leaf, der=leaf.der[:-1] + bytes([leaf.der[-1] ^ 1]))
    assert codes(forged, issuing.der) == {"pkix.signature_verification_failed"}
    assert "pkix.issuer_and_subject_key_identifier_not_equal" in codes(leaf, issued("issuing", "p384").der)
    extra = x509.SubjectAlternativeName([x509.DNSName("no good")]).public_bytes()
    assert codes(_changed(leaf, oids.SUBJECT_ALT_NAME, extra), issuing.der)
    assert {f.source for f in pkilint_findings(b"\x30\x00", issuing.der)} == {"pkilint"}


def test_profile_without_subject_key_identifier_keeps_the_warning_as_a_notice(tmp_path: Path) -> None:
    folder = Path(load_profile("mcu-idevid").path).parent
    text = (folder / "mcu-idevid.toml").read_text()
    (tmp_path / "mcu-idevid.toml").write_text(
        text.replace("[limits]", "[limits]").replace(
            "alt_names =", "subject_key_identifier = false\nalt_names ="
        )
    )
    profile = load_profile("mcu-idevid", folder=tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    issuing = issued("issuing")
    der = build_certificate(
        profile,
        fields_for("mcu-idevid"),
        issuing.certificate,
        key.public_key(),
        NOW,
        new_serial(),
        signer_of(issuing.key),
    )
    findings = lint(der, profile, issuing.certificate)
    assert [(f.code, f.severity) for f in findings] == [
        ("pkix.certificate_skid_end_entity_missing", Severity.NOTICE)
    ]


def test_notices_do_not_count_and_warnings_do() -> None:
    profile = load_profile("ldevid")
    refuse_findings([Finding("a", Severity.NOTICE, "b", "c")], profile)
    for severity in GRAVE:
        with pytest.raises(CertificateLintFailed, match="a: b"):
            refuse_findings([Finding("a", severity, "b", "c")], profile)
    many = [Finding(f"a{i}", Severity.ERROR, "b", "c") for i in range(9)]
    with pytest.raises(CertificateLintFailed, match="and 4 more") as caught:
        refuse_findings(many, profile)
    assert len(caught.value.findings) == 9


def test_issuer_of_another_kind_is_refused() -> None:
    with pytest.raises(IssuerUnsuitable):
        issuer_hash(ec.generate_private_key(ec.SECP521R1()).public_key())


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=400))
def test_any_bytes_give_findings(content: bytes) -> None:
    _refused(content)


@cache
def _good() -> bytes:
    return issued("idevid").der


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_any_changed_byte_gives_findings(data: st.DataObject) -> None:
    """Each byte of the TBS counts: the signature, at least, no longer fits."""
    at = data.draw(st.integers(0, len(_good()) - 1))
    wrong = bytearray(_good())
    wrong[at] ^= data.draw(st.integers(1, 255))
    _refused(bytes(wrong))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_any_changed_byte_signed_again_never_crashes_a_lint(data: st.DataObject) -> None:
    """As an attacker who holds the issuing key could make them."""
    found = issued("idevid")
    tbs = bytearray(found.certificate.tbs_certificate_bytes)
    at = data.draw(st.integers(4, len(tbs) - 1))
    tbs[at] ^= data.draw(st.integers(1, 255))
    for finding in signed_again(found, bytes(tbs)).lint():
        assert finding.code
        assert finding.message.isprintable() or "\n" not in finding.message


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 700))
def test_cut_certificate_gives_findings(length: int) -> None:
    _refused(_good()[: min(length, len(_good()) - 1)])


def test_trailing_bytes_give_findings() -> None:
    _refused(_good() + b"\0")


def _refused(der: bytes) -> None:
    findings = lint(der, load_profile("idevid"), issued("issuing").certificate, now=NOW)
    assert any(f.severity is Severity.ERROR for f in findings)


def _changed(found: Issued, oid: str, value: bytes) -> Issued:
    from tests.certificate_lab import changed

    return changed(found, extension(oid, value))
