"""`identity enroll --production` refuses what was made for tests before anything is touched; the same run
without that word ends verified, and so does a production run with material of production.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.ca_lab import PASSPHRASE, ca_at
from tests.mcu_lab import MODEL, STATION, McuLab, mcu_lab
from tests.tpm_lab import needs_swtpm
from workbench.boards.bench import Slot, load_bench
from workbench.boards.bench_write import write_virtual_bench
from workbench.cli.main import run
from workbench.events import ignore
from workbench.identity.ca.create import NewCa, create_ca
from workbench.identity.ca.errors import CaRefused
from workbench.identity.certificates.production import NotForProduction
from workbench.images import keys as key_folders
from workbench.station.enroll import TpmWanted, Wanted, enroll, open_ledger
from workbench.station.enroll_orders import key_folder
from workbench.station.production import material_of, refuse_software_tpm
from workbench.station.rehearse import certify_station, prepare, vendor_roots
from workbench.station.slots import hold

pytestmark = pytest.mark.xdist_group("production")
RFC6979_P256 = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
"""RFC 6979 appendix A.2.5: a private key that anybody can read."""


def codes(refused: pytest.ExceptionInfo[NotForProduction]) -> set[str]:
    return {reason.code for reason in refused.value.reasons}


def of_production(folder: Path, roots: bytes | None = None) -> Path:
    """A CA that is not marked TEST, its keys in files."""
    create_ca(folder, NewCa("ACME works", "ACME", test=False, vendor_roots=roots), PASSPHRASE)
    return folder


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McuLab]:
    with mcu_lab(tmp_path_factory.mktemp("production") / "lab") as made:
        made.provision()
        yield made


@pytest.fixture(scope="module")
def good(lab: McuLab) -> Wanted:
    """An order for the lab's unit, with nothing in it that was made for tests."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    wanted = Wanted(
        serial="S1",
        model=MODEL,
        station=STATION,
        ca=of_production(lab.folder / "works"),
        ledger=f"sqlite:///{lab.folder / 'works.db'}",
        evidence=lab.folder / "works-evidence",
        ca_passphrase=lambda: PASSPHRASE,
        permit_lock=True,
        production=True,
        tpm=TpmWanted(escrow_key=_pem(lab.folder / "escrow.pem", key), escrow_folder=lab.folder / "escrow"),
        keys=key_folders.create(lab.folder / "works-keys", ["ecdsa-p256"], test=False).path,
    )
    certify_station(wanted)
    return wanted


def _pem(path: Path, key: ec.EllipticCurvePublicKey) -> Path:
    path.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def refused(lab: McuLab, wanted: Wanted) -> set[str]:
    """Why the run is refused; nothing may have been touched."""
    power = lab.slot.need_power()
    power.off()
    with pytest.raises(NotForProduction) as caught:
        enroll(lab.slot, wanted, ignore, accept_chip=True)
    assert power.state() == "off"
    ledger = open_ledger(wanted.ledger, wanted.station)
    assert ledger.find(serial=wanted.serial) is None
    ledger.close()
    return codes(caught)


def test_a_test_ca_is_refused(lab: McuLab, good: Wanted) -> None:
    wanted = replace(good, ca=lab.ca, evidence=lab.folder / "test-evidence")
    certify_station(wanted)
    assert refused(lab, wanted) == {"test-certificate"}


def test_evidence_signed_under_a_test_ca_is_refused(lab: McuLab, good: Wanted) -> None:
    wanted = replace(good, ca=lab.ca, evidence=lab.folder / "other-evidence")
    certify_station(wanted)
    assert refused(lab, replace(good, evidence=wanted.evidence)) == {"test-certificate"}


def test_a_published_escrow_key_is_refused(lab: McuLab, good: Wanted) -> None:
    known = ec.derive_private_key(RFC6979_P256, ec.SECP256R1()).public_key()
    tpm = replace(good.tpm, escrow_key=_pem(lab.folder / "known.pem", known))
    assert refused(lab, replace(good, tpm=tpm)) == {"known-test-key"}


def test_a_test_key_folder_is_refused(lab: McuLab, good: Wanted) -> None:
    assert refused(lab, replace(good, keys=lab.keys.path)) == {"test-certificate", "test-keys"}
    bare = key_folders.create(lab.folder / "bare", ["master"], test=False)
    assert refused(lab, replace(good, keys=bare.path)) == {"test-keys"}


def test_a_software_token_is_refused(lab: McuLab, good: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the CA's worker says of its keys, and by module and label in its settings."""
    with ca_at(good.ca) as ca:
        status = ca.status()
    assert {r.code for r in _reasons(replace(status, key_store="softhsm"), good)} == {"software-token"}
    settings = lab.folder / "settings"
    shutil.copytree(good.ca, settings, ignore=shutil.ignore_patterns("run"))
    text = (settings / "ca.toml").read_text()
    for module, label, code in (
        ("/usr/lib/softhsm/libsofthsm2.so", "works", "software-token"),
        ("/opt/hsm.so", "works-TEST", "test-token"),
    ):
        uri = f"pkcs11:token={label};object=issuing?module-path={module}"
        (settings / "ca.toml").write_text(text.replace("file:keys/issuing.key.pem", uri))
        assert uri in (settings / "ca.toml").read_text()
        assert {r.code for r in _reasons(status, replace(good, ca=settings))} == {code}


def _reasons(status: Any, wanted: Wanted) -> list[Any]:
    from workbench.identity.certificates.production import production_reasons

    return production_reasons(material_of(wanted, status))


def test_material_of_production_gives_a_verified_unit(lab: McuLab, good: Wanted) -> None:
    assert key_folder(good) is not None
    assert enroll(lab.slot, good, ignore, accept_chip=True).state == "verified"


@needs_swtpm
def test_a_software_tpm_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    bench = load_bench(write_virtual_bench(tmp_path, 0, tpms=1))
    slot: Slot = bench.slot("t1")
    power: Any = slot.need_power()
    power.on()
    try:
        made = prepare(bench)
        roots = vendor_roots(bench).read_bytes()
        works = of_production(tmp_path / "works", roots)
        wanted = replace(
            made,
            ca=works,
            ca_passphrase=lambda: PASSPHRASE,
            evidence=tmp_path / "works-evidence",
            production=True,
        )
        certify_station(wanted)
        power.count_operations()
        with pytest.raises(NotForProduction) as caught:
            enroll(slot, wanted, ignore)
        assert codes(caught) == {"software-tpm"}
        assert "EK certificate" in caught.value.what
        writes = ("NV_Write", "NV_Define", "EvictControl", "HierarchyChange", "Clear", "CreatePrimary")
        assert not [name for name in power.operation_names() if any(word in name for word in writes)]
        with hold(slot, purpose="look", emit=ignore) as held, pytest.raises(NotForProduction):
            refuse_software_tpm(held)
        ledger = open_ledger(wanted.ledger, wanted.station)
        assert ledger.find(serial=wanted.serial) is None
        ledger.close()
        assert enroll(slot, made, ignore).state == "verified"
    finally:
        power.off()


@needs_swtpm
def test_the_command_takes_the_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = load_bench(write_virtual_bench(tmp_path, 0, tpms=1))
    power: Any = bench.slot("t1").need_power()
    power.on()
    try:
        made = prepare(bench)
        power.off()
        secret = tmp_path / "passphrase"
        secret.write_bytes(made.ca_passphrase())
        secret.chmod(0o600)
        words = ["identity", "enroll", "t1", "--serial", "A", "--model", "m", "--bench", str(bench.path)]
        words += ["--ca", str(made.ca), "--credential", str(secret), "--station", made.station]
        words += ["--escrow-key", str(made.tpm.escrow_key), "--permit-lock", "--off", "0"]
        assert run([*words, "--production"]) == 4
        assert "test-material-refused" in capsys.readouterr().err
        assert power.state() == "off"
        assert run(words) == 0
    finally:
        power.off()


def test_a_published_key_gets_no_certificate_by_hand(lab: McuLab) -> None:
    fields = {"common_name": "signer"}
    with ca_at(lab.ca) as ca:
        ca.unlock(PASSPHRASE)
        for scalar, whose in ((RFC6979_P256, "known"), (int.from_bytes(os.urandom(31), "big"), "own")):
            key = ec.derive_private_key(scalar, ec.SECP256R1()).public_key()
            spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            if whose == "own":
                assert ca.issue("release-signer", fields=fields, public_key=spki).certificates
                continue
            with pytest.raises(CaRefused) as caught:
                ca.issue("release-signer", fields=fields, public_key=spki, request_id=str(uuid4()))
            assert caught.value.reason == "known-key"
