"""What the CA makes is read by OpenSSL, cryptography and asn1crypto as it was meant, and holds in a chain."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from asn1crypto import core
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from tests.certificate_lab import EK_DIGEST, EK_SERIAL, LEAVES, NOW, PROFILES, Issued, issued
from workbench.identity.certificates import oids
from workbench.images.chain import verify_chain
from workbench.images.refusals import SignerExpired, SignerWrongPurpose

CURVES = ["p256", "p384"]
AT = str(int(NOW.timestamp()) + 3600)


def _openssl(*arguments: str, data: bytes = b"") -> str:
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, timeout=60, check=False)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def _pem(found: Issued, path: Path) -> str:
    path.write_bytes(found.certificate.public_bytes(Encoding.PEM))
    return str(path)


@pytest.mark.parametrize("name", ["idevid", "iak"])
def test_openssl_shows_an_identity_as_tcg_wants_it(name: str) -> None:
    shown = _openssl("x509", "-inform", "DER", "-noout", "-text", data=issued(name).der)
    assert "Not After : Dec 31 23:59:59 9999 GMT" in shown
    assert "X509v3 Key Usage: critical\n                Digital Signature\n" in shown
    assert "Basic Constraints" not in shown
    assert "Policy: 2.23.133.11.1.1" in shown
    assert f"Policy: 2.23.133.11.1.{2 if name == 'idevid' else 3}" in shown
    assert "serialNumber = SN-0042" in shown.replace("serialNumber=SN-0042", "serialNumber = SN-0042")
    assert "1.3.6.1.5.5.7.8.4" in shown or "othername" in shown


@pytest.mark.parametrize("name", ["idevid", "iak"])
def test_openssl_reads_the_hardware_in_the_alternative_names(name: str) -> None:
    shown = _openssl("asn1parse", "-inform", "DER", "-dump", data=_alt_names(issued(name)))
    assert ":2.23.133.1.2" in shown or ":TPM 2.0" in shown
    assert ":2.23.133.12.1" in shown
    assert f":{EK_DIGEST.hex()}" in shown
    assert EK_SERIAL.encode() in _alt_names(issued(name))


@pytest.mark.parametrize("name", ["idevid", "iak"])
def test_asn1crypto_reads_the_hardware_by_a_grammar_of_its_own(name: str) -> None:
    class Hardware(core.Sequence):  # type: ignore[misc]
        _fields = [("type", core.ObjectIdentifier), ("serial", core.OctetString)]  # noqa: RUF012

    class Identifier(core.Sequence):  # type: ignore[misc]
        _fields = [("value", core.UTF8String), ("assigner", core.ObjectIdentifier)]  # noqa: RUF012

    certificate = x509.load_der_x509_certificate(issued(name).der)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert not names.critical
    values = {n.type_id.dotted_string: n.value for n in names.value.get_values_for_type(x509.OtherName)}
    hardware = Hardware.load(values["1.3.6.1.5.5.7.8.4"], strict=True)
    identifier = Identifier.load(values["1.3.6.1.5.5.7.8.3"], strict=True)
    assert (hardware["type"].dotted, hardware["serial"].native) == ("2.23.133.1.2", EK_SERIAL.encode())
    assert (identifier["value"].native, identifier["assigner"].dotted) == (EK_DIGEST.hex(), oids.EK_SHA256)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("name", LEAVES)
def test_openssl_verifies_the_chain(name: str, curve: str, tmp_path: Path) -> None:
    root, issuing = issued("root", curve), issued("issuing", curve)
    said = _openssl(
        "verify", "-x509_strict", "-attime", AT, "-check_ss_sig",
        "-CAfile", _pem(root, tmp_path / "root.pem"),
        "-untrusted", _pem(issuing, tmp_path / "issuing.pem"),
        _pem(issued(name, curve), tmp_path / "leaf.pem"),
    )  # fmt: skip
    assert said.strip().endswith(": OK"), said


@pytest.mark.parametrize(("name", "policy", "holds"), [
    ("idevid", oids.VERIFIED_TPM_FIXED, True),
    ("idevid", oids.VERIFIED_TPM_RESTRICTED, False),
    ("iak", oids.VERIFIED_TPM_RESTRICTED, True),
    ("mcu-idevid", oids.VERIFIED_TPM_FIXED, False),
])  # fmt: skip
def test_tcg_policies_hold_in_the_path(name: str, policy: str, holds: bool, tmp_path: Path) -> None:
    """Path validation that asks for a policy: the issuing CA must let it through."""
    said = _openssl(
        "verify", "-attime", AT, "-policy_check", "-explicit_policy", "-policy", policy,
        "-CAfile", _pem(issued("root"), tmp_path / "root.pem"),
        "-untrusted", _pem(issued("issuing"), tmp_path / "issuing.pem"),
        _pem(issued(name), tmp_path / "leaf.pem"),
    )  # fmt: skip
    assert said.strip().endswith(": OK") == holds, said


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("name", PROFILES)
def test_signature_is_of_the_curves_own_hash(name: str, curve: str) -> None:
    found = issued(name, curve).certificate
    hash_algorithm = found.signature_hash_algorithm
    assert hash_algorithm is not None
    assert hash_algorithm.name == {"p256": "sha256", "p384": "sha384"}[curve]
    found.verify_directly_issued_by(issued(name, curve).issuer_certificate or found)


def test_a_device_takes_the_release_signer() -> None:
    """By the bootloader's rules, which know basic constraints, key usage and extended key usage only."""
    chain = issued("release-signer").der + issued("issuing").der
    signer = verify_chain(chain, issued("root").certificate, int(AT))
    assert "TEST release-signer" in signer.name
    with pytest.raises(SignerExpired):
        verify_chain(chain, issued("root").certificate, int(AT) + 1096 * 86400)


@pytest.mark.parametrize("name", sorted(set(LEAVES) - {"release-signer"}))
def test_a_device_takes_no_other_certificate_for_a_signer(name: str) -> None:
    chain = issued(name).der + issued("issuing").der
    with pytest.raises(SignerWrongPurpose):
        verify_chain(chain, issued("root").certificate, int(AT))


def test_a_browser_finds_the_servers_names() -> None:
    shown = _openssl("x509", "-inform", "DER", "-noout", "-checkhost", "updates.example",
                     data=issued("update-server").der)  # fmt: skip
    assert "does match certificate" in shown
    shown = _openssl(
        "x509", "-inform", "DER", "-noout", "-checkip", "192.0.2.7", data=issued("update-server").der
    )
    assert "does match certificate" in shown


def test_asn1crypto_gives_the_same_bytes_again() -> None:
    for name in PROFILES:
        assert asn1.Certificate.load(issued(name).der, strict=True).dump(force=True) == issued(name).der


def _alt_names(found: Issued) -> bytes:
    extension = found.certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    return extension.value.public_bytes()
