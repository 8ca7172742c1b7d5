"""What a request gives reaches a certificate as it was given, or is refused: nothing invisible, no second
spelling, nothing that another reader would see otherwise.
"""

from __future__ import annotations

import contextlib
import unicodedata
from dataclasses import replace
from datetime import timedelta

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.certificate_lab import NOW, fields_for, issued, make, unlinted
from workbench.errors import WorkbenchError
from workbench.identity.certificates.build import IssuerUnsuitable, new_serial
from workbench.identity.certificates.fields import (
    CertificateFieldInvalid,
    CertificateFields,
    HardwareModule,
    PermanentIdentifier,
)
from workbench.identity.certificates.other_names import (
    hardware_module_der,
    permanent_identifier_der,
    read_hardware_module,
    read_permanent_identifier,
)
from workbench.identity.certificates.profile import load_profile
from workbench.identity.certificates.view import ASN1_ERRORS


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_refused_or_comes_back_as_it_was(name: str, serial: str) -> None:
    try:
        fields = replace(fields_for("mcu-idevid"), common_name=name, serial_number=serial)
    except CertificateFieldInvalid:
        return
    found = make(load_profile("mcu-idevid"), fields, issued("issuing"))
    subject = found.certificate.subject
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == name
    assert subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value == serial
    native = asn1.Certificate.load(found.der).subject.native
    assert (native["common_name"], native["serial_number"]) == (name, serial)
    assert found.lint() == []


_GOOD = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=16).filter(
    lambda t: unicodedata.normalize("NFC", t) == t
)


@settings(deadline=None, max_examples=60)
@given(_GOOD, st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 '()+,./:=?-]{0,30}[A-Za-z0-9]", fullmatch=True))
def test_visible_text_is_taken(name: str, serial: str) -> None:
    fields = replace(fields_for("mcu-idevid"), common_name=name, serial_number=serial)
    assert make(load_profile("mcu-idevid"), fields, issued("issuing")).lint() == []


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"common_name": ""}, "is empty"),
        ({"common_name": "   "}, "is empty"),
        ({"common_name": "x" * 65}, "at most 64"),
        ({"common_name": "é" * 33}, "at most 64"),
        ({"common_name": " x"}, "begins or ends"),
        ({"common_name": "a\u202eb"}, "cannot be seen"),
        ({"common_name": "a\u200bb"}, "cannot be seen"),
        ({"common_name": "a\x00b"}, "cannot be seen"),
        ({"common_name": "a\ud800b"}, "cannot be seen"),
        ({"common_name": "e\u0301"}, "composed form"),
        ({"serial_number": "SN_1"}, "PrintableString"),
        ({"serial_number": "SN\u00d71"}, "PrintableString"),
        ({"country": "de"}, "two capital"),
        ({"country": "DEU"}, "two capital"),
        ({"dns_names": ("*.example",)}, "no DNS name"),
        ({"dns_names": ("Updates.example",)}, "no DNS name"),
        ({"dns_names": ("a..b",)}, "no DNS name"),
        ({"dns_names": ("192.0.2.1",)}, "no DNS name"),
        ({"dns_names": ("a\n.example",)}, "no DNS name"),
        ({"dns_names": ("a.example\n",)}, "no DNS name"),
        ({"ip_addresses": ("192.0.2.300",)}, "no IP address"),
        ({"hardware_module": HardwareModule("1.2.3", b"")}, "1 to 256"),
        ({"hardware_module": HardwareModule("1.2.3", bytes(257))}, "1 to 256"),
        ({"permanent_identifier": PermanentIdentifier("")}, "visible ASCII"),
        ({"permanent_identifier": PermanentIdentifier("a", "nobody")}, "no object identifier"),
        ({"crl_urls": ("ftp://a.example/x",)}, "no http URL"),
        ({"crl_urls": ("http://a.example/x\ny",)}, "no http URL"),
    ],
)
def test_wrong_value_is_named(given_: dict[str, object], words: str) -> None:
    with pytest.raises(CertificateFieldInvalid, match=words):
        CertificateFields(**given_)  # type: ignore[arg-type]


def test_tpm_names_take_text_only_in_ascii() -> None:
    for wrong in ("", "IFX:ä:1", "IFX 1", "x" * 257):
        with pytest.raises(CertificateFieldInvalid):
            HardwareModule.tpm(wrong)
    with pytest.raises(CertificateFieldInvalid, match="32 bytes"):
        PermanentIdentifier.ek(bytes(20))


@pytest.mark.parametrize(
    ("profile", "change", "words"),
    [
        ("idevid", {"serial_number": None}, "needs serialNumber"),
        ("idevid", {"hardware_module": None}, "needs hardwareModuleName"),
        ("idevid", {"dns_names": ("a.example",)}, "no place for dNSName"),
        ("idevid", {"hardware_module": HardwareModule("1.2.3.4", b"x")}, "is for 2.23.133.1.2"),
        ("ldevid", {"hardware_module": HardwareModule("1.2.3.4", b"x")}, "no place for hardwareModuleName"),
        ("update-server", {"serial_number": "1"}, "no place for serialNumber"),
        ("update-server", {"dns_names": (), "ip_addresses": ()}, "needs a DNS name"),
    ],
)
def test_request_must_fit_its_profile(profile: str, change: dict[str, object], words: str) -> None:
    fields = replace(fields_for(profile), **change)  # type: ignore[arg-type]
    with pytest.raises(CertificateFieldInvalid, match=words):
        unlinted(load_profile(profile), fields, issued("issuing"))


def test_profile_without_hardware_makes_no_hardware_name() -> None:
    with pytest.raises(CertificateFieldInvalid):
        load_profile("ldevid").hardware_module(b"1")


@pytest.mark.parametrize("days", [-1, 8000])
def test_issuer_that_is_not_valid_issues_nothing(days: int) -> None:
    with pytest.raises(IssuerUnsuitable, match="the issuer is valid from"):
        make(load_profile("ldevid"), fields_for("ldevid"), issued("issuing"), now=NOW + timedelta(days=days))


def test_certificate_ends_with_its_issuer_unless_it_is_an_identity() -> None:
    late = NOW + timedelta(days=7299)
    issuing = issued("issuing")
    signer = make(load_profile("release-signer"), fields_for("release-signer"), issuing, now=late)
    unit = make(load_profile("idevid"), fields_for("idevid"), issuing, now=late)
    assert signer.certificate.not_valid_after_utc == issuing.certificate.not_valid_after_utc
    assert unit.certificate.not_valid_after_utc.year == 9999


def test_certificate_begins_not_before_its_issuer() -> None:
    found = make(load_profile("ldevid"), fields_for("ldevid"), issued("issuing"), now=NOW)
    assert found.certificate.not_valid_before_utc == issued("issuing").certificate.not_valid_before_utc


def test_serial_numbers_are_long_and_differ() -> None:
    serials = {new_serial() for _ in range(2000)}
    assert len(serials) == 2000
    assert {serial.bit_length() for serial in serials} == {159}


@given(st.binary(max_size=80))
@settings(deadline=None)
def test_other_names_take_der_only(der: bytes) -> None:
    with contextlib.suppress(*ASN1_ERRORS):
        assert hardware_module_der(read_hardware_module(der)) == der
    with contextlib.suppress(*ASN1_ERRORS):
        assert permanent_identifier_der(read_permanent_identifier(der)) == der


def test_crl_urls_stand_in_the_certificate_where_the_profile_has_them() -> None:
    url = "http://ca.example/issuing.crl"
    fields = replace(fields_for("ldevid"), crl_urls=(url,))
    found = make(load_profile("ldevid"), fields, issued("issuing"))
    points = found.certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert [name.value for name in points[0].full_name or ()] == [url]
    unit = make(load_profile("idevid"), replace(fields_for("idevid"), crl_urls=(url,)), issued("issuing"))
    with pytest.raises(x509.ExtensionNotFound):
        unit.certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)


def test_refusals_are_of_the_workbench() -> None:
    assert issubclass(CertificateFieldInvalid, WorkbenchError)
