"""Each of our lints takes a certificate as the CA makes it, and refuses one that was changed for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest
from asn1crypto import core
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.certificate_changes_lab import (
    Make,
    begins,
    below_an_issuing_ca,
    by_a_leaf,
    constraints,
    divisible,
    ends,
    for_issuers_on_p384,
    forged,
    general_time,
    hardware,
    identifier,
    in_one_part,
    leave_out,
    of,
    of_the_issuers_key,
    other,
    p521,
    policies,
    purposes,
    put,
    roca,
    san,
    small_exponent,
    subject,
    text,
    too_large,
    usage,
    utc_time,
    utf8,
    with_an_address_of_five_bytes,
    with_another_fixed_value,
    with_key,
)
from tests.certificate_lab import (
    LEAVES,
    NOW,
    PROFILES,
    also,
    bytes_changed,
    extension,
    issued,
    made_critical,
    without,
)
from workbench.identity.certificates import oids
from workbench.identity.certificates.finding import Severity
from workbench.identity.certificates.lint import RULES, lint
from workbench.identity.certificates.pair import PAIR_CODES, lint_pair
from workbench.identity.certificates.profile import load_profile
from workbench.identity.certificates.view import ASN1_ERRORS, Extension, reencoded

ALMOST_NO_END = datetime(9999, 12, 31, 23, 59, 58, tzinfo=UTC)
KU, BC, EKU, SAN = oids.KEY_USAGE, oids.BASIC_CONSTRAINTS, oids.EXTENDED_KEY_USAGE, oids.SUBJECT_ALT_NAME
CP, AKI, SKI = oids.CERTIFICATE_POLICIES, oids.AUTHORITY_KEY_IDENTIFIER, oids.SUBJECT_KEY_IDENTIFIER
CHIP: Final = load_profile("mcu-idevid").extensions.hardware_type or ""
EK_SERIAL: Final = b"IFX:" + b"ab" * 20 + b":01f2"

WRONG: Final[list[tuple[str, Make]]] = [
    ("x509-version", of("ldevid", put("version", value="v2"))),
    ("x509-der", lambda: bytes_changed(issued("ldevid"), b"\x01\x01\xff", b"\x01\x01\x01")),
    ("x509-der", lambda: bytes_changed(issued("ldevid"), b"\x03\x02\x07\x80", b"\x03\x02\x00\x80")),
    ("serial-length", of("ldevid", put("serial_number", value=0x12345678))),
    ("serial-length", of("ldevid", put("serial_number", value=-(1 << 100) + 0x123456789))),
    ("serial-length", of("ldevid", put("serial_number", value=(1 << 160) + 0x123456789ABCDEF))),
    ("serial-random", of("ldevid", put("serial_number", value=1 << 150))),
    ("serial-random", of("ldevid", put("serial_number", value=0x7777777777777777777777))),
    ("time-form", of("ldevid", ends(general_time, days=9))),
    (
        "validity-length",
        of("release-signer", ends(utc_time, days=6000)),
    ),
    ("validity-length", of("ldevid", ends(utc_time, days=-1))),
    ("validity-length", of("idevid", put("validity", "not_after", value=general_time(ALMOST_NO_END)))),
    ("extension-duplicated", of("ldevid", also(KU, usage("digital_signature"), critical=True))),
    ("extension-unexpected", of("mcu-idevid", also("2.5.29.54", core.Integer(0).dump()))),
    ("extension-unexpected", of("mcu-idevid", also("1.3.6.1.4.1.311.1", b"\x05\x00"))),
    ("extension-critical", of("update-server", made_critical(SAN))),
    ("extension-critical", of("issuing", made_critical(BC, critical=False))),
    ("certificate-size", too_large),
    ("signature-algorithm", of("ldevid", put("signature", "algorithm", value="sha384_ecdsa"))),
    ("signature-algorithm", for_issuers_on_p384),
    ("signature-wrong", forged),
    ("issuer-name", of("ldevid", put("issuer", value=asn1.Name.build({"common_name": "somebody else"})))),
    ("issuer-may-not", by_a_leaf),
    ("issuer-may-not", below_an_issuing_ca),
    (
        "validity-beyond-issuer",
        of("idevid", begins(days=-2)),
    ),
    ("validity-beyond-issuer", of("ldevid", ends(utc_time, days=8000))),
    ("validity-beyond-issuer", of("idevid", begins(days=7400))),
    ("not-before", of("idevid", begins(days=-2))),
    (
        "not-before",
        of("idevid", begins(days=1)),
    ),
    ("authority-key-identifier", of("ldevid", without(AKI))),
    (
        "authority-key-identifier",
        of("ldevid", extension(AKI, asn1.AuthorityKeyIdentifier({"key_identifier": bytes(20)}).dump())),
    ),
    ("key-of-issuer", of_the_issuers_key),
    ("key-algorithm", with_key("release-signer", p521)),
    ("key-weak", with_key("release-signer", small_exponent)),
    ("key-weak", with_key("release-signer", roca)),
    ("key-weak", with_key("release-signer", divisible)),
    ("subject-attributes", of("mcu-idevid", subject(leave_out("common_name")))),
    ("subject-attributes", of("ldevid", text("locality_name", utf8("Bonn")))),
    ("subject-attributes", of("ldevid", subject(lambda found: [*found, found[-1]]))),
    ("subject-attributes", of("idevid", in_one_part)),
    ("subject-attributes", with_another_fixed_value),
    ("subject-text", of("ldevid", text("common_name", utf8("gauge ")))),
    ("subject-text", of("ldevid", text("common_name", utf8("gau\u202ege")))),
    ("subject-text", of("ldevid", text("common_name", utf8("x" * 65)))),
    ("subject-text", of("idevid", text("serial_number", utf8("SN-0042")))),
    ("key-usage", of("ldevid", made_critical(KU, critical=False))),
    ("key-usage", of("ldevid", without(KU))),
    ("key-usage", of("ldevid", extension(KU, usage("digital_signature", "key_cert_sign"), critical=True))),
    ("basic-constraints", of("ldevid", without(BC))),
    ("basic-constraints", of("ldevid", extension(BC, constraints(ca=True), critical=True))),
    ("extended-key-usage", of("ldevid", extension(EKU, purposes("email_protection")))),
    ("extended-key-usage", of("ldevid", without(EKU))),
    ("certificate-policies", of("ldevid", extension(CP, policies("1.2.3.4")))),
    ("alt-names", of("update-server", san(x509.RFC822Name("a@b.example")))),
    ("alt-names", of("mcu-idevid", without(SAN))),
    ("subject-key-identifier", of("ldevid", without(SKI))),
    ("subject-key-identifier", of("ldevid", extension(SKI, core.OctetString(bytes(19)).dump()))),
    ("devid-serial-number", of("idevid", subject(leave_out("serial_number")))),
    ("devid-serial-number", of("iak", subject(lambda found: [*found, found[-1]]))),
    (
        "devid-no-end",
        of(
            "idevid",
            put("validity", "not_after", value=general_time(ALMOST_NO_END)),
        ),
    ),
    (
        "devid-signs-only",
        of("iak", extension(KU, usage("key_agreement"), critical=True)),
    ),
    ("devid-signs-only", of("idevid", made_critical(KU, critical=False))),
    ("devid-no-constraints", of("iak", extension(BC, constraints(ca=False), critical=True))),
    ("devid-never-ca", of("mcu-idevid", extension(BC, constraints(ca=True), critical=True))),
    ("devid-never-ca", of("idevid", extension(KU, usage("key_cert_sign"), critical=True))),
    ("devid-alt-name-critical", of("idevid", made_critical(SAN))),
    ("devid-alt-name-critical", of("mcu-idevid", without(SAN))),
    ("hardware-module-name", of("idevid", san(hardware(EK_SERIAL, "1.2.3.4")))),
    ("hardware-module-name", of("idevid", san(hardware(EK_SERIAL), hardware(EK_SERIAL)))),
    ("hardware-module-name", of("mcu-idevid", san(hardware(bytes(8), CHIP)))),
    ("hardware-module-name", of("mcu-idevid", san(other(oids.HARDWARE_MODULE_NAME, b"\x04\x01a")))),
    ("tpm-hardware-serial", of("idevid", san(hardware(b"SN-0042")))),
    ("tpm-hardware-serial", of("idevid", san(hardware(b"IFX:ab:cd:01")))),
    ("tpm-permanent-identifier", of("idevid", san(hardware(EK_SERIAL), identifier("AB" * 32)))),
    ("tpm-permanent-identifier", of("idevid", san(hardware(EK_SERIAL), identifier("ab" * 32, None)))),
    (
        "tpm-permanent-identifier",
        of("iak", san(hardware(EK_SERIAL), identifier("ab" * 32), identifier("cd" * 32))),
    ),
    ("tpm-ek-certificate-named", of("idevid", san(hardware(EK_SERIAL)))),
    ("tpm-policies", of("iak", extension(CP, policies(*load_profile("idevid").extensions.policies)))),
    ("tpm-policies", of("idevid", without(CP))),
    ("tpm-policies-critical", of("idevid", made_critical(CP))),
    ("tpm-key-template", with_key("idevid", lambda: ed25519.Ed25519PrivateKey.generate().public_key())),
    ("tpm-claims-elsewhere", of("mcu-idevid", extension(CP, policies(oids.VERIFIED_TPM_RESIDENCY)))),
    ("tpm-claims-elsewhere", of("ldevid", extension(EKU, purposes(oids.EKU_EK)))),
    ("tpm-claims-elsewhere", of("mcu-idevid", san(hardware(b"12345678")))),
    ("tpm-not-an-ek", of("iak", extension(EKU, purposes(oids.EKU_EK)))),
    ("ca-powers", of("issuing", extension(BC, constraints(ca=True, length=1), critical=True))),
    ("ca-powers", of("issuing", extension(BC, constraints(ca=False), critical=True))),
    ("ca-powers", of("root", extension(KU, usage("key_cert_sign"), critical=True))),
    ("ca-policies", of("issuing", without(CP))),
    ("release-signer", of("release-signer", extension(EKU, purposes(oids.EKU_CODE, oids.EKU_SERVER)))),
    ("release-signer", of("release-signer", without(BC))),
    ("release-signer", of("release-signer", extension(KU, usage("non_repudiation"), critical=True))),
    ("server-names", of("update-server", san(x509.DNSName("*.updates.example")))),
    ("server-names", of("update-server", without(SAN))),
    ("server-names", of("update-server", san(x509.DNSName("other.example")))),
    ("server-names", with_an_address_of_five_bytes),
    ("server-purpose", of("update-server", extension(EKU, purposes(oids.EKU_SERVER, oids.EKU_CLIENT)))),
]


@pytest.mark.parametrize(("code", "make"), WRONG, ids=[f"{i}-{code}" for i, (code, _) in enumerate(WRONG)])
def test_changed_certificate_is_refused(code: str, make: Make) -> None:
    found = [f for f in make().lint() if f.code == code]
    assert found, "the rule did not see it"
    assert all(f.severity is Severity.ERROR and f.message and f.reference for f in found)


@pytest.mark.parametrize("curve", ["p256", "p384"])
@pytest.mark.parametrize("name", PROFILES)
def test_certificate_of_the_ca_has_no_finding(name: str, curve: str) -> None:
    assert issued(name, curve).lint() == []


def test_every_rule_has_a_certificate_that_it_refuses_and_one_that_it_takes() -> None:
    assert {code for code, _ in WRONG} == {rule.code for rule in RULES}
    for rule in RULES:
        assert rule.kinds is None or set(rule.kinds) & set(PROFILES), rule.code


@pytest.mark.parametrize("serial", [b"ab" * 32, b"0a" * 48])
def test_tpm_without_an_ek_certificate_is_named_by_the_digest_of_its_ek(serial: bytes) -> None:
    assert of("idevid", san(hardware(serial)))().lint() == []
    assert of("iak", san(hardware(serial), identifier("ab" * 32)))().lint() == []


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (BC, "3003010100"),  # the default, spelled out
        (KU, "03020080"),  # zeros that DER cuts off
        (EKU, "30800606010203040500000"[:-1]),  # length that BER leaves open
        (SKI, "048114" + "00" * 20),  # length in more bytes than it needs
    ],
)
def test_extension_in_another_encoding_is_seen(oid: str, value: str) -> None:
    found = Extension(oid, False, bytes.fromhex(value))
    try:
        assert reencoded(found) != found.value
    except ASN1_ERRORS:
        return


def test_rules_have_codes_of_their_own() -> None:
    codes = [*(rule.code for rule in RULES), *PAIR_CODES]
    assert len(set(codes)) == len(codes)


def test_one_wrong_thing_is_found_by_few_rules() -> None:
    """A rule that fires for everything would make the tests above true for nothing."""
    for code, make in WRONG:
        others = {f.code for f in make().lint() if f.source == "workbench"} - {code}
        assert len(others) <= 5, (code, others)


def test_iak_of_the_same_unit_fits() -> None:
    assert lint_pair(issued("idevid").der, issued("iak").der) == []


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("pair-subject", of("iak", text("common_name", utf8("Gauge 8")))),
        ("pair-alt-names", of("iak", san(hardware(b"STM:abcd:01")))),
        ("pair-alt-names", of("iak", without(SAN))),
        ("pair-keys", lambda: issued("idevid")),
        ("pair-issuer", of("iak", put("issuer", value=asn1.Name.build({"common_name": "somebody else"})))),
    ],
)
def test_iak_of_another_unit_is_refused(code: str, make: Make) -> None:
    assert code in {f.code for f in lint_pair(issued("idevid").der, make().der)}


@pytest.mark.parametrize("name", LEAVES)
def test_certificate_of_another_profile_is_refused(name: str) -> None:
    for wrong in set(LEAVES) - {name}:
        profile = load_profile(wrong)
        findings = lint(issued(name).der, profile, issued("issuing").certificate, now=NOW)
        assert any(f.severity is Severity.ERROR for f in findings), wrong
