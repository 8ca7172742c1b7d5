"""What the CA writes means to another program what it should: chain, leafs, revocation lists."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.ca_lab import NEW, PASSPHRASE, PIN, Chip, ca_at, new_ca, openssl, public_der, softhsm_token
from workbench.identity.ca.client import open_ca
from workbench.identity.ca.create import create_ca
from workbench.identity.ca.crl import crl_pem
from workbench.identity.ca.errors import CaBusy, CaRefused
from workbench.identity.ca.inspect import Part, public_part
from workbench.identity.ca.messages import Issued
from workbench.identity.ca.root_work import renew_issuing, revoke_issuing, root_crl


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def verified(folder: Path, work: Path, der: bytes, *more: str) -> str:
    """What `openssl verify` says of the leaf, with both CRLs, as strict as it can."""
    (work / "root.pem").write_bytes(public_part(folder, "root"))
    (work / "issuing.pem").write_bytes(public_part(folder, "issuing"))
    (work / "crls.pem").write_bytes(public_part(folder, "crl") + public_part(folder, "root-crl"))
    (work / "leaf.pem").write_bytes(pem(der))
    words = ["-x509_strict", "-crl_check_all", "-CRLfile", work / "crls.pem", *more]
    said = openssl(
        "verify", *words, "-CAfile", work / "root.pem", "-untrusted", work / "issuing.pem", work / "leaf.pem"
    )
    return said.stdout + said.stderr


def device(issued: Issued) -> bytes:
    return issued.certificates["device"]


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384"])
def test_a_leaf_is_valid_until_it_is_revoked(tmp_path: Path, algorithm: str) -> None:
    folder = new_ca(tmp_path, algorithm)
    with ca_at(folder) as ca:
        first, second = device(Chip("SN-1").enrol(ca)), device(Chip("SN-2").enrol(ca))
        assert verified(folder, tmp_path, first).endswith("leaf.pem: OK\n")
        ca.unlock(PASSPHRASE)
        number = f"{x509.load_der_x509_certificate(first).serial_number:X}"
        crl = ca.revoke(number, "keyCompromise")
    assert "certificate revoked" in verified(folder, tmp_path, first)
    assert verified(folder, tmp_path, second).endswith("leaf.pem: OK\n")

    (tmp_path / "crl.pem").write_bytes(crl_pem(crl))
    words = ["-in", tmp_path / "crl.pem", "-CAfile", tmp_path / "issuing.pem", "-text", "-noout"]
    text = openssl("crl", *words)
    assert "verify OK" in text.stderr
    assert re.search(
        rf"Serial Number: {number}\n.*\n.*CRL entry extensions:\n.*CRL Reason Code: \n\s+Key Compromise",
        text.stdout,
    )
    assert re.search(r"X509v3 CRL Number: \n\s+2\n", text.stdout)


def test_a_servers_certificate_is_good_for_its_name_only(tmp_path: Path) -> None:
    folder = new_ca(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    with ca_at(folder) as ca:
        ca.unlock(PASSPHRASE)
        fields = {"common_name": "updates.example", "dns_names": ["updates.example"]}
        issued = ca.issue("update-server", fields=fields, public_key=public_der(key))
    der = issued.certificates["update-server"]
    assert "OK" in verified(
        folder, tmp_path, der, "-purpose", "sslserver", "-verify_hostname", "updates.example"
    )
    assert "mismatch" in verified(folder, tmp_path, der, "-verify_hostname", "other.example")
    assert "unsuitable" in verified(folder, tmp_path, der, "-purpose", "sslclient")


def test_a_test_ca_says_so_in_both_names(tmp_path: Path) -> None:
    for test in (True, False):
        folder = tmp_path / str(test)
        create_ca(folder, replace(NEW, test=test), PASSPHRASE)
        parts: tuple[Part, ...] = ("root", "issuing")
        for part in parts:
            subject = x509.load_pem_x509_certificate(public_part(folder, part)).subject.rfc4514_string()
            assert ("TEST" in subject) is test


def test_keys_in_a_token_sign_what_openssl_accepts(tmp_path: Path) -> None:
    with softhsm_token(tmp_path / "hsm") as token:
        folder = tmp_path / "ca"
        create_ca(folder, replace(NEW, token=token, algorithm="ecdsa-p384"), PIN)
        with open_ca(folder, lambda: PIN) as ca:
            assert ca.status().key_store == "softhsm"
            der = device(Chip().enrol(ca))
        assert verified(folder, tmp_path, der).endswith("leaf.pem: OK\n")
        assert list((folder / "keys").iterdir()) == []


def test_a_renewed_issuing_certificate_keeps_old_leafs_valid(tmp_path: Path) -> None:
    folder = new_ca(tmp_path)
    with ca_at(folder) as ca:
        old = device(Chip("SN-1").enrol(ca))
        with pytest.raises(CaBusy):
            renew_issuing(folder, PASSPHRASE)
    before = x509.load_pem_x509_certificate(public_part(folder, "issuing"))
    after = renew_issuing(folder, PASSPHRASE)
    assert after.serial_number != before.serial_number
    with ca_at(folder) as ca:
        new = device(Chip("SN-2").enrol(ca))
        ca.unlock(PASSPHRASE)
        ca.crl()
    root_crl(folder, PASSPHRASE)
    for der in (old, new):
        assert verified(folder, tmp_path, der).endswith("leaf.pem: OK\n")
    revoke_issuing(folder, PASSPHRASE, f"{after.serial_number:x}", "superseded")
    assert "certificate revoked" in verified(folder, tmp_path, new)
    with pytest.raises(CaRefused):
        revoke_issuing(
            folder, PASSPHRASE, f"{x509.load_der_x509_certificate(old).serial_number:x}", "superseded"
        )
