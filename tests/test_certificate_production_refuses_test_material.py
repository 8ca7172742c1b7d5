"""Production refuses what was made for tests, and says what; what is not, it takes."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from tests.certificate_lab import NOW, issued, make
from workbench.errors import Blame
from workbench.identity.certificates import known_keys, production
from workbench.identity.certificates.fields import CertificateFields
from workbench.identity.certificates.production import (
    Material,
    NotForProduction,
    known_key,
    known_key_hashes,
    production_reasons,
    refuse_production,
)
from workbench.identity.certificates.profile import load_profile

RFC6979_P256 = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
"""RFC 6979 appendix A.2.5: a private key that anybody can read."""


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@cache
def _production_root() -> bytes:
    return make(load_profile("root"), CertificateFields(common_name="ACME factory root"), None).der


def _ek_certificate(issuer: str, manufacturer: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.ObjectIdentifier("2.23.133.2.1"), manufacturer)])
    return (
        x509.CertificateBuilder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
            x509.Name([]),
            key.public_key(),
            12345,
            NOW,
            NOW + timedelta(days=1),
        )
        .add_extension(x509.SubjectAlternativeName([x509.DirectoryName(name)]), critical=True)
        .sign(key, SHA256())
        .public_bytes(Encoding.DER)
    )


GOOD = Material(
    key_store="pkcs11",
    token=("Yubico", "YubiHSM", "factory", "libyubihsm"),
    tpm_manufacturer="IFX\0",
    tpm_vendor="SLB9672",
)


def test_material_of_production_is_taken() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    refuse_production(
        Material(
            certificates=(_production_root(),),
            public_keys=(_spki(key),),
            key_store=GOOD.key_store,
            token=GOOD.token,
            tpm_manufacturer=GOOD.tpm_manufacturer,
            tpm_vendor=GOOD.tpm_vendor,
            ek_certificates=(_ek_certificate("Infineon OPTIGA TPM CA 042", "id:49465800"),),
        )
    )
    refuse_production(Material(key_store="file"))
    refuse_production(Material())


def test_each_test_material_is_refused_for_its_reason() -> None:
    example = ec.derive_private_key(RFC6979_P256, ec.SECP256R1())
    cases: list[tuple[str, Material]] = [
        ("test-certificate", Material(certificates=(issued("root").der,))),
        ("test-certificate", Material(certificates=(_production_root(), issued("issuing").der))),
        ("test-certificate", Material(certificates=(issued("idevid").der,))),
        ("software-token", Material(key_store="softhsm")),
        ("software-token", Material(key_store="pkcs11", token=("SoftHSM project", "SoftHSM v2", "factory"))),
        ("software-token", Material(token=("/usr/lib/softhsm/libsofthsm2.so",))),
        ("test-token", Material(token=("Yubico", "YubiHSM", "test-token"))),
        ("software-tpm", Material(tpm_manufacturer="IBM ")),
        ("software-tpm", Material(tpm_manufacturer="IBM\0")),
        ("software-tpm", Material(tpm_manufacturer="MSFT")),
        ("software-tpm", Material(tpm_manufacturer="IFX", tpm_vendor="SW  \0 TPM\0\0")),
        ("software-tpm", Material(tpm_vendor="xCG fTPM")),
        ("software-tpm", Material(ek_certificates=(_ek_certificate("swtpm-localca", "id:49465800"),))),
        ("software-tpm", Material(ek_certificates=(_ek_certificate("somebody", "id:00001014"),))),
        (
            "known-test-key",
            Material(public_keys=(_spki(example),)),
        ),
        ("known-test-key", Material(public_keys=(_spki(ec.derive_private_key(1, ec.SECP384R1())),))),
        ("unreadable", Material(public_keys=(b"junk",))),
        ("unreadable", Material(certificates=(b"junk",))),
        ("unreadable", Material(ek_certificates=(b"junk",))),
    ]
    for code, material in cases:
        assert code in {reason.code for reason in production_reasons(material)}, (code, material)
        with pytest.raises(NotForProduction) as caught:
            refuse_production(material)
        assert caught.value.blame is Blame.TRUST
        assert caught.value.reasons


def test_every_reason_is_named_at_once() -> None:
    with pytest.raises(NotForProduction, match=r"software token.*manufacturer IBM") as caught:
        refuse_production(Material(key_store="softhsm", tpm_manufacturer="IBM "))
    assert len(caught.value.reasons) == 2


def test_known_key_is_known_in_a_certificate_and_in_any_form() -> None:
    key = ec.derive_private_key(RFC6979_P256, ec.SECP256R1())
    root = make(load_profile("root"), CertificateFields(common_name="ACME root"), None, key=key)
    assert {r.code for r in production_reasons(Material(certificates=(root.der,)))} == {"known-test-key"}
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    compressed = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    assert "RFC 6979" in (known_key(compressed) or "")
    assert known_key(_spki(ec.generate_private_key(ec.SECP256R1()))) is None


def test_hashes_are_hashes_each_once() -> None:
    found = [digest for digests in known_keys.KNOWN_KEYS.values() for digest in digests]
    assert len(found) == len(set(found)) > 60
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in found)
    assert {"MCUboot", "TF-M"} <= {whose.split("'")[0] for whose in known_keys.KNOWN_KEYS}


def test_set_of_hashes_is_the_same_list() -> None:
    spki = _spki(ec.derive_private_key(RFC6979_P256, ec.SECP256R1()))
    one = _spki(ec.derive_private_key(1, ec.SECP256R1()))
    hashes = known_key_hashes()
    assert {hashlib.sha256(spki).digest(), hashlib.sha256(one).digest()} <= hashes
    assert hashlib.sha256(_spki(ec.generate_private_key(ec.SECP256R1()))).digest() not in hashes


def test_the_list_is_what_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    spki = _spki(ec.generate_private_key(ec.SECP256R1()))
    assert known_key(spki) is None
    listed = {"somebody's": frozenset({hashlib.sha256(spki).hexdigest()})}
    monkeypatch.setattr(production, "KNOWN_KEYS", listed)
    assert known_key(spki) == "somebody's"


def test_imgtools_own_sample_key_is_known() -> None:
    """MCUboot's root-ec-p256: its public point, as it is compiled into stock bootloaders."""
    whose = next(w for w, digests in known_keys.KNOWN_KEYS.items() if MCUBOOT_P256 in digests)
    assert whose.startswith("MCUboot")


MCUBOOT_P256 = "e30466f6b8470c1f29070b17f1e2d3e94d445e3f608087fdc711e4382bb538b6"
"""KEYHASH that imgtool writes into images signed with it."""
