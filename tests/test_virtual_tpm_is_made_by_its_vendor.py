"""A virtual TPM board comes from its vendor with certificates of its keys, and keeps what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.tpm_lab import make_ek, needs_swtpm, write_certificate
from workbench.identity.tpm.ek import EK_TEMPLATES, ek_template
from workbench.identity.tpm.public_key import spki
from workbench.identity.tpm.structures import parse_public
from workbench.virtual.tpm_boards import TpmBoard, plug
from workbench.virtual.tpm_factory import ECC_P384, RSA_2048
from workbench.virtual.twins import TwinFailed
from workbench.virtual.twins import plug as plug_any
from workbench.wires.tpm import open_tpm
from workbench.wires.tpm.values import ALG_SHA256, First, Hierarchy, Nv

pytestmark = needs_swtpm


@pytest.fixture
def board(tmp_path: Path, twin_runtime: Path) -> Iterator[TpmBoard]:
    made = plug(tmp_path, "one")
    made.power.on()
    yield made
    made.power.off()


def certificates(board: TpmBoard) -> dict[str, x509.Certificate]:
    with open_tpm(board.tcti) as tpm:
        return {
            id: x509.load_der_x509_certificate(tpm.nv_read(EK_TEMPLATES[id].cert_index))
            for id in ("L-1", "H-3")
        }


def test_its_templates_are_the_profiles() -> None:
    assert ek_template("L-1") == RSA_2048
    assert ek_template("H-3") == ECC_P384


def test_certificates_are_the_vendors_and_of_the_keys(board: TpmBoard) -> None:
    root = x509.load_pem_x509_certificate(board.vendor_roots.read_bytes())
    issuer_key = root.public_key()
    assert isinstance(issuer_key, ec.EllipticCurvePublicKey)
    for id, certificate in certificates(board).items():
        certificate.verify_directly_issued_by(root)
        with open_tpm(board.tcti) as tpm:
            key = spki(parse_public(make_ek(tpm, id).public))
        form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        assert certificate.public_key().public_bytes(*form) == key
        extensions = certificate.extensions
        usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        assert [u.dotted_string for u in usage.value] == ["2.23.133.8.1"]
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert names.critical
        found = {a.oid.dotted_string: a.value for name in names.value for a in name.value}
        assert found == {
            "2.23.133.2.1": "id:49424D00",
            "2.23.133.2.2": "swtpm",
            "2.23.133.2.3": "id:20191023",
        }
        assert len(certificate.subject.rdns) == 0
        assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_each_board_has_its_own_and_one_vendor(board: TpmBoard, tmp_path: Path) -> None:
    other = plug(tmp_path, "two")
    other.power.on()
    try:
        mine, theirs = certificates(board), certificates(other)
    finally:
        other.power.off()
    assert other.vendor_roots == board.vendor_roots
    prints = {c.fingerprint(hashes.SHA256()) for c in (*mine.values(), *theirs.values())}
    assert len(prints) == 4


def test_the_certificates_are_locked_and_no_key_is_left_behind(board: TpmBoard) -> None:
    with open_tpm(board.tcti) as tpm:
        assert tpm.handles(First.NV) == (0x01C00002, 0x01C00016)
        assert tpm.handles(First.TRANSIENT) == tpm.handles(First.PERSISTENT) == ()
        for index in (0x01C00002, 0x01C00016):
            public = tpm.nv_public(index)
            assert public is not None
            assert public.has(Nv.WRITELOCKED)
            assert tpm.attempt(lambda index=index: tpm.nv_undefine(index, Hierarchy.OWNER)) == 0x149  # type: ignore[misc]
        assert tpm.pcr_read({ALG_SHA256: [0]})[ALG_SHA256][0] != bytes(32)


def test_what_is_in_it_survives_the_power(board: TpmBoard) -> None:
    before = certificates(board)
    with open_tpm(board.tcti) as tpm:
        name = make_ek(tpm).name
        resets = tpm.clock().reset_count
    board.power.cycle()
    assert certificates(board) == before
    with open_tpm(board.tcti) as tpm:
        assert make_ek(tpm).name == name
        assert tpm.clock().reset_count == resets + 1


def test_its_firmware_locks_the_platform_once_the_identity_is_in(board: TpmBoard) -> None:
    with open_tpm(board.tcti) as tpm:
        tpm.nv_define(0x01C90200, 4, Nv.PLATFORMCREATE | Nv.PPWRITE | Nv.PPREAD, hierarchy=Hierarchy.PLATFORM)
        tpm.nv_write(0x01C90200, b"half", auth=Hierarchy.PLATFORM)
    board.power.cycle()
    with open_tpm(board.tcti) as tpm:
        assert tpm.properties().ph_enable, "a certificate without its lock is no identity yet"
        tpm.nv_undefine(0x01C90200, Hierarchy.PLATFORM)
        write_certificate(tpm, b"certificate")
    board.power.cycle()
    with open_tpm(board.tcti) as tpm:
        assert not tpm.properties().ph_enable
        assert tpm.attempt(tpm.change_eps) == 0x185
        assert tpm.attempt(lambda: tpm.nv_undefine(0x01C90200, Hierarchy.PLATFORM)) == 0x185
        assert tpm.nv_read(0x01C90200) == b"certificate"


def test_a_folder_of_another_board_is_refused(tmp_path: Path, twin_runtime: Path) -> None:
    plug_any(tmp_path, "chip", "microbit")
    with pytest.raises(TwinFailed, match="is a microbit"):
        plug(tmp_path, "chip")
    plug(tmp_path, "tpm")
    with pytest.raises(TwinFailed, match="is a tpm"):
        plug_any(tmp_path, "tpm", "microbit")
