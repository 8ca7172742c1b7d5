"""A TPM's certificates are revealed only to who opens the challenge: the TPM that has both EK and IAK."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.ca_lab import ca_at, doomed_worker, new_ca, now_s, openssl
from tests.tpm_identity_lab import MODEL, SERIAL, STATION, Bid, Lab, open_lab
from workbench.identity.ca.client import CaClient
from workbench.identity.ca.errors import CaRefused, CaRequestConflict, CaUnreachable
from workbench.identity.ca.inspect import public_part
from workbench.identity.ca.messages import Challenge
from workbench.identity.ca.store import Store
from workbench.identity.ca.units import MAX_TRIES
from workbench.identity.tpm.request import TpmRequest, qualifying_data
from workbench.identity.tpm.structures import parse_public


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with open_lab() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path, lab: Lab) -> Path:
    """A CA that trusts the lab's TPM vendor."""
    made = new_ca(tmp_path)
    roots = [
        x509.load_der_x509_certificate(der)
        for der in (*lab.vendor.policy.roots, *lab.vendor.policy.intermediates)
    ]
    (made / "vendor-roots.pem").write_bytes(b"".join(found.public_bytes(Encoding.PEM) for found in roots))
    with (made / "ca.toml").open("a") as file:
        file.write('[tpm]\nvendor_roots = "vendor-roots.pem"\n')
    return made


@pytest.fixture
def ca(folder: Path) -> Iterator[CaClient]:
    with ca_at(folder) as client:
        yield client


def nonce_for(ca: CaClient, request_id: str, serial: str) -> bytes:
    made = ca.nonce(request_id, serial=serial, model=MODEL, station=STATION, station_time=now_s())
    return made.nonce


def bid_for(lab: Lab, ca: CaClient, request_id: str, *, serial: str = SERIAL) -> Bid:
    """A request of the TPM with this CA's nonce."""
    nonce = nonce_for(ca, request_id, serial)
    request = {"request_id": request_id, "serial": serial, "station_time": now_s()}
    fields = {"ca_data": nonce, "serial": serial.encode()}
    bound = qualifying_data(nonce, serial, STATION)
    return lab.real(qualifying=bound, creation_qualifying=bound, request=request, fields=fields)


def request_for(lab: Lab, ca: CaClient, request_id: str, *, serial: str = SERIAL) -> TpmRequest:
    return bid_for(lab, ca, request_id, serial=serial).request


def opened(lab: Lab, challenge: Challenge) -> bytes:
    """TPM2_ActivateCredential."""
    from workbench.identity.tpm.policies import devid_branches
    from workbench.wires.tpm.values import KeyPolicy

    area = parse_public(lab.publics["iak"])
    policy = KeyPolicy(area.name_alg, devid_branches("iak", area.name_alg))
    blob = (challenge.credential_blob, challenge.secret)
    return lab.tpm.activate_credential(lab.handles["iak"], 0x81010002, *blob, key_policy=policy, ek_kind="H")


def test_both_certificates_come_for_the_right_secret(
    lab: Lab, ca: CaClient, folder: Path, tmp_path: Path
) -> None:
    request_id = str(uuid4())
    request = request_for(lab, ca, request_id)
    challenge = ca.submit_tpm(request)
    assert ca.issued(request_id) is None, "nothing before the challenge"
    assert ca.status().certificates == 0
    secret = opened(lab, challenge)
    issued = ca.activate(request_id, secret)
    assert ca.activate(request_id, secret) == issued == ca.issued(request_id)
    assert set(issued.certificates) == {"idevid", "iak"}
    for name in ("idevid", "iak"):
        made = x509.load_der_x509_certificate(issued.certificates[name])
        der = made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert der == spki_of(lab.publics[name])
    (tmp_path / "root.pem").write_bytes(public_part(folder, "root"))
    (tmp_path / "issuing.pem").write_bytes(public_part(folder, "issuing"))
    (tmp_path / "leaf.pem").write_bytes(made.public_bytes(Encoding.PEM))
    words = ["-x509_strict", "-CAfile", tmp_path / "root.pem", "-untrusted", tmp_path / "issuing.pem"]
    assert "OK" in openssl("verify", *words, tmp_path / "leaf.pem").stdout


def spki_of(public: bytes) -> bytes:
    from workbench.identity.tpm.public_key import spki

    return spki(parse_public(public))


def test_a_wrong_secret_reveals_nothing_and_ends_after_a_few(lab: Lab, ca: CaClient) -> None:
    request_id = str(uuid4())
    request = request_for(lab, ca, request_id)
    secret = opened(lab, ca.submit_tpm(request))
    for wrong in (b"", secret[:-1], secret + b"\x00", bytes(32))[: MAX_TRIES - 1]:
        with pytest.raises(CaRefused) as caught:
            ca.activate(request_id, wrong)
        assert caught.value.reason == "challenge-wrong"
    with pytest.raises(CaRefused):
        ca.activate(request_id, bytes(32))
    with pytest.raises(CaRefused) as over:
        ca.activate(request_id, secret)
    assert over.value.reason == "challenge-over"
    assert ca.issued(request_id) is None
    assert set(ca.activate(request_id, opened(lab, ca.submit_tpm(request))).certificates) == {"idevid", "iak"}
    with pytest.raises(CaRefused) as late:
        ca.activate(request_id, bytes(32))
    assert late.value.reason == "challenge-wrong", "also after it was issued"


def reserved(folder: Path, request_id: str) -> dict[str, str]:
    """Numbers of the certificates that are going to be signed."""
    store = Store(folder / "ca.db")
    rows = store.certificates(request_id)
    store.close()
    return {row.name: row.serial_number for row in rows}


def test_only_the_last_challenge_counts_and_the_numbers_stay(lab: Lab, ca: CaClient, folder: Path) -> None:
    request_id = str(uuid4())
    request = request_for(lab, ca, request_id)
    first = opened(lab, ca.submit_tpm(request))
    numbers = reserved(folder, request_id)
    second = opened(lab, ca.submit_tpm(request))
    assert set(numbers) == {"idevid", "iak"}
    assert reserved(folder, request_id) == numbers
    with pytest.raises(CaRefused):
        ca.activate(request_id, first)
    assert ca.activate(request_id, second).certificates


def test_no_challenge_no_certificate(lab: Lab, ca: CaClient) -> None:
    for request_id in (str(uuid4()), "not-a-uuid"):
        with pytest.raises(CaRefused):
            ca.activate(request_id, bytes(32))
    request_id = str(uuid4())
    request_for(lab, ca, request_id)
    with pytest.raises(CaRefused) as caught:
        ca.activate(request_id, bytes(32))
    assert caught.value.reason == "challenge-unknown"


def test_a_new_nonce_after_a_broken_enrolment_leads_to_the_same_keys(lab: Lab, ca: CaClient) -> None:
    request_id = str(uuid4())
    old = request_for(lab, ca, request_id)
    secret = opened(lab, ca.submit_tpm(old))
    new = request_for(lab, ca, request_id)  # the station was killed, and begins again
    with pytest.raises(CaRefused) as caught:
        ca.activate(request_id, secret)
    assert caught.value.reason == "challenge-unknown"
    with pytest.raises(CaRefused):
        ca.submit_tpm(old)  # its nonce is over
    assert ca.activate(request_id, opened(lab, ca.submit_tpm(new))).certificates
    with pytest.raises(CaRequestConflict):
        ca.submit_tpm(old)


def test_a_replayed_request_of_another_number_is_refused(lab: Lab, ca: CaClient) -> None:
    first, second = str(uuid4()), str(uuid4())
    request = request_for(lab, ca, first)
    ca.submit_tpm(request)
    request_for(lab, ca, second, serial="SN-0002")
    with pytest.raises(CaRefused) as caught:
        ca.submit_tpm(replace(request, request_id=second, serial="SN-0002"))
    assert caught.value.action


def test_the_same_tpm_under_another_serial_number_is_refused(lab: Lab, ca: CaClient) -> None:
    first, second = str(uuid4()), str(uuid4())
    ca.activate(first, opened(lab, ca.submit_tpm(request_for(lab, ca, first))))
    clone = request_for(lab, ca, second, serial="SN-0002")
    with pytest.raises(CaRefused) as caught:
        ca.submit_tpm(clone)
    assert caught.value.reason in ("ek-taken", "ek-used")
    assert ca.issued(second) is None


def test_software_keys_that_pose_as_a_tpms_cannot_open_the_challenge(lab: Lab, ca: CaClient) -> None:
    """Nothing in such a request is wrong; only the challenge tells: the EK's TPM does not have that IAK."""
    request_id = str(uuid4())
    bid = bid_for_soft(lab, ca, request_id)
    challenge = ca.submit_tpm(bid.request)
    from workbench.wires.tpm.errors import TpmRefused

    with pytest.raises(TpmRefused):
        opened(lab, challenge)
    assert ca.issued(request_id) is None


def bid_for_soft(lab: Lab, ca: CaClient, request_id: str) -> Bid:
    """A forged request whose attestation carries the right nonce."""
    nonce = nonce_for(ca, request_id, SERIAL)
    bound = qualifying_data(nonce, SERIAL, STATION)

    def fresh(attest: object) -> object:
        return dataclasses.replace(attest, extra=bound)  # type: ignore[type-var]

    request = {"request_id": request_id, "station_time": now_s()}
    return lab.soft(attest=fresh, creation=fresh, request=request, fields={"ca_data": nonce})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "moment", ["before-sign", "after-sign", "in-issuing-transaction", "after-commit", "before-answer"]
)
def test_a_worker_killed_while_it_reveals_has_one_pair_of_certificates(
    lab: Lab, folder: Path, moment: str
) -> None:
    request_id = str(uuid4())
    with doomed_worker(folder, moment) as process:
        with ca_at(folder) as client:
            request = request_for(lab, client, request_id)
            secret = opened(lab, client.submit_tpm(request))
            with pytest.raises(CaUnreachable):
                client.activate(request_id, secret)
        assert process.wait(10) == -9
    with ca_at(folder) as client:
        first = client.activate(request_id, secret)
        assert client.activate(request_id, secret) == first
        assert client.status().certificates == 2


def test_a_ca_that_was_told_of_no_vendor_refuses_every_tpm(lab: Lab, tmp_path: Path) -> None:
    with ca_at(new_ca(tmp_path)) as client:
        request = request_for(lab, client, str(uuid4()))
        with pytest.raises(CaRefused):
            client.submit_tpm(request)
