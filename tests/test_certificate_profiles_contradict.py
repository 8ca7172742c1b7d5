"""A certificate profile whose certificates nobody could accept does not load, and its refusal says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificate_lab import NOW, PROFILES, fields_for, issued, make
from workbench.identity.certificates.lint import lint
from workbench.identity.certificates.profile import (
    CertificateProfileInvalid,
    CertificateProfileUnknown,
    load_profile,
    parse_profile,
    profile_paths,
)

FOLDER = Path(__file__).parent.parent / "workbench" / "identity" / "certificates" / "profiles"

CONTRADICTIONS = [
    # profile, changes, key, words of the reason
    ("idevid", {'"commonName", "serialNumber"': '"commonName"'}, "subject.required", "names its unit"),
    ("idevid", {'optional = ["org': 'optional = ["commonName", "org'}, "subject.commonName", "only one"),
    (
        "ldevid",
        {"[validity]": '[subject.fixed]\ncountryName = "Germany"\n[validity]'},
        "subject.fixed",
        "two capital",
    ),
    (
        "root",
        {'required = ["commonName"]': 'required = ["organizationName"]'},
        "subject.required",
        "needs a name",
    ),
    ("ldevid", {'required = ["commonName"]': "required = []"}, "subject.required", "no subject"),
    ("idevid", {"without_end = true": "days = 3650"}, "validity.days", "lasts as long as"),
    ("mcu-idevid", {"without_end = true": "days = 3650"}, "validity.days", "lasts as long as"),
    ("release-signer", {"days = 1096": "without_end = true"}, "validity.without_end", "needs an end"),
    ("ldevid", {"days = 365": "days = 365\nwithout_end = true"}, "validity.days", "not both"),
    ("ldevid", {"days = 365": ""}, "validity.days", "not both"),
    ("root", {'"ecdsa-p384"]': '"rsa-4096"]'}, "key.algorithms", "signs with ecdsa"),
    ("iak", {'"rsa-2048"]': '"ed25519"]'}, "key.algorithms", "no TCG template"),
    ("root", {', "cRLSign"]': "]"}, "key_usage", "revocations"),
    (
        "ldevid",
        {'["digitalSignature"]': '["digitalSignature", "keyCertSign"]'},
        "key_usage",
        "only CAs",
    ),
    ("ldevid", {'["digitalSignature"]': '["keyAgreement"]'}, "key_usage", "must have"),
    (
        "iak",
        {'["digitalSignature"]': '["digitalSignature", "keyAgreement"]'},
        "key_usage",
        "alone",
    ),
    ("idevid", {'"absent"': '"ca"'}, "basic_constraints", "must not issue"),
    ("idevid", {'"absent"': '"no-ca"'}, "basic_constraints", "must be 'absent'"),
    ("root", {'"ca"': '"no-ca"', "path_length = 1": ""}, "basic_constraints", "must be 'ca'"),
    ("release-signer", {'"no-ca"': '"absent"'}, "basic_constraints", "must be 'no-ca'"),
    ("ldevid", {'"no-ca"': '"no-ca"\npath_length = 0'}, "path_length", "only a CA"),
    ("issuing", {"path_length = 0": "path_length = 1"}, "path_length", "no CA below"),
    ("release-signer", {"5.5.7.3.3": "5.5.7.3.1"}, "extended_key_usage", "one purpose"),
    (
        "update-server",
        {'3.1"]': '3.1", "1.3.6.1.5.5.7.3.2"]'},
        "extended_key_usage",
        "one purpose",
    ),
    (
        "root",
        {"path_length = 1": 'extended_key_usage = ["1.2.3"]'},
        "extended_key_usage",
        "left out",
    ),
    ("ldevid", {"5.5.7.3.2": "5.5.7.3.3"}, "extended_key_usage", "kinds of their own"),
    ("ldevid", {"1.3.6.1.5.5.7.3.2": "2.23.133.8.1"}, "extended_key_usage", "by TPM"),
    ("ldevid", {"1.3.6.1.5.5.7.3.2": "2.5.29.37.0"}, "extended_key_usage", "every purpose"),
    ("ldevid", {"1.3.6.1.5.5.7.3.2": "2.23.133.8.3"}, "extended_key_usage", "only an IAK"),
    ("idevid", {"11.1.2": "11.1.3"}, "policies", "claims"),
    (
        "mcu-idevid",
        {"alt_names =": 'policies = ["2.23.133.11.1.1"]\nalt_names ='},
        "policies",
        "none",
    ),
    ("issuing", {'"2.5.29.32.0"': '"1.2.3"'}, "policies", "anyPolicy"),
    ("issuing", {'"2.5.29.32.0"': '"2.5.29.32.0", "2.5.29.32.0"'}, "policies", "each policy once"),
    ("idevid", {'names = ["hardwareModuleName"]': "names = []"}, "alt_names", "names its chip"),
    (
        "idevid",
        {'optional = ["permanent': 'optional = ["hardwareModuleName", "permanent'},
        "alt_names_optional",
        "required and optional",
    ),
    ("idevid", {"2.23.133.1.2": "1.2.3.4"}, "hardware_type", "TPM 2.0 is of type"),
    (
        "ldevid",
        {"crl_dis": 'hardware_type = "2.23.133.1.2"\ncrl_dis'},
        "hardware_type",
        "not of a TPM",
    ),
    (
        "ldevid",
        {"crl_dis": 'hardware_type = "1.2.3.4"\ncrl_dis'},
        "hardware_type",
        "needs a hardware_type",
    ),
    ("mcu-idevid", {'"]\nhard': '", "permanentIdentifier"]\nhard'}, "alt_names", "only a TPM has"),
    ("ldevid", {"crl_dis": 'alt_names = ["dNSName"]\ncrl_dis'}, "alt_names", "only a server"),
    ("update-server", {'["dNSName", "iPAddress"]': "[]"}, "alt_names", "look for a server"),
    (
        "ldevid",
        {"crl_dis": "authority_key_identifier = false\ncrl_dis"},
        "authority",
        "which of the issuer",
    ),
    (
        "root",
        {"path_length": "subject_key_identifier = false\npath_length"},
        "subject",
        "for a CA",
    ),
    (
        "root",
        {"path_length": "crl_distribution_points = true\npath_length"},
        "crl",
        "does not revoke",
    ),
]


def _changed(name: str, changes: dict[str, str]) -> bytes:
    text = (FOLDER / f"{name}.toml").read_text()
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text.encode()


@pytest.mark.parametrize(("name", "changes", "key", "words"), CONTRADICTIONS)
def test_contradiction_is_refused_with_its_reason(
    name: str, changes: dict[str, str], key: str, words: str
) -> None:
    with pytest.raises(CertificateProfileInvalid) as caught:
        parse_profile(_changed(name, changes), Path(f"{name}.toml"))
    assert any(key in p.key and words in p.right for p in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "ldevid"', 'kind = "ldevip"', "did you mean 'ldevid'?"),
        ("days = 365", "days = 0", "a number of days"),
        ('"ecdsa-p256"', '"ecdsa-p257"', "must be one of"),
        ("1.3.6.1.5.5.7.3.2", "1.3.06", "object identifiers with dots"),
        ("[key]", "[keys]", "unknown key"),
        ('name = "ldevid"', 'name = "other"', "as the file is called"),
    ],
)
def test_mistake_is_named(old: str, new: str, words: str) -> None:
    with pytest.raises(CertificateProfileInvalid) as caught:
        parse_profile(_changed("ldevid", {old: new}), Path("ldevid.toml"))
    assert words in str(caught.value)
    assert caught.value.code == "certificate-profile-invalid"


def test_profiles_are_those_of_the_documentation() -> None:
    assert set(profile_paths()) == set(PROFILES)


def test_a_copy_in_the_folder_comes_first_and_changes_the_certificate(tmp_path: Path) -> None:
    content = _changed("ldevid", {"[validity]": '[subject.fixed]\nlocality = "x"\n[validity]'})
    (tmp_path / "broken.toml").write_bytes(content)
    with pytest.raises(CertificateProfileInvalid):
        load_profile("broken", folder=tmp_path)
    content = _changed(
        "ldevid", {"days = 365": "days = 7", ', "organizationName"': "", "[validity]": "[validity]"}
    )
    content = content.replace(b"[validity]", b'[subject.fixed]\norganizationName = "ACME"\n[validity]')
    (tmp_path / "ldevid.toml").write_bytes(content)
    profile = load_profile("ldevid", folder=tmp_path)
    found = make(profile, fields_for("ldevid"), issued("issuing"))
    assert "O=ACME" in found.certificate.subject.rfc4514_string()
    assert (found.certificate.not_valid_after_utc - NOW).days < 7
    assert found.lint() == []


def test_fixed_value_is_linted(tmp_path: Path) -> None:
    """A certificate of the same kind, made without the fixed value, does not pass as one of the copy."""
    content = _changed("ldevid", {', "organizationName"': ""})
    content = content.replace(b"[validity]", b'[subject.fixed]\norganizationName = "ACME"\n[validity]')
    (tmp_path / "ldevid.toml").write_bytes(content)
    profile = load_profile("ldevid", folder=tmp_path)
    findings = lint(issued("ldevid").der, profile, issued("issuing").certificate)
    assert "subject-attributes" in {f.code for f in findings}


def test_unknown_profile_names_those_that_are_known() -> None:
    with pytest.raises(CertificateProfileUnknown, match="did you mean 'idevid'"):
        load_profile("idevic")
    with pytest.raises(CertificateProfileInvalid, match="a folder"):
        load_profile(FOLDER)
