"""The worker's socket takes anything: wrong lengths, wrong types, silence, too many; it goes on serving."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.ca_lab import (
    PASSPHRASE,
    STATION,
    Chip,
    as_map,
    ca_at,
    new_ca,
    now_s,
    openssl,
    public_der,
    worker_pid,
)
from workbench.errors import WorkbenchError
from workbench.identity.ca import framing, places, worker
from workbench.identity.ca.client import CaClient
from workbench.identity.ca.errors import CaBusy, CaRefused, CaUnreachable
from workbench.identity.ca.mcu_wire import mcu_from_map
from workbench.identity.ca.messages import MAX_MESSAGE_BYTES, Nonce
from workbench.identity.ca.opened import opened_ca
from workbench.identity.ca.replies import (
    challenge_from_map,
    error_from_map,
    issued_from_map,
    nonce_from_map,
    status_from_map,
)
from workbench.identity.ca.service import Caller, Service

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), 1 << 63)
    | st.binary(max_size=40)
    | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with opened_ca(new_ca(tmp_path_factory.mktemp("service")), PASSPHRASE) as ca:
        yield Service(ca, PASSPHRASE)


@pytest.fixture
def client(folder: Path) -> Iterator[CaClient]:
    with ca_at(folder) as ca:
        yield ca


def raw(folder: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(str(places.socket_path(folder)))
    return connection


def closes(connection: socket.socket) -> bool:
    """Whether the worker hangs up without a word."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",
        (MAX_MESSAGE_BYTES + 1).to_bytes(4, "big"),
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x01\xff",
        b"\x00\x00\x00\x01\x00",
        b"\x00\x00\x00\x01\x80",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_message_ends_the_connection_and_nothing_else(
    folder: Path, client: CaClient, data: bytes
) -> None:
    with raw(folder) as connection:
        connection.sendall(data)
        assert closes(connection)
    assert client.status().name == "Lab"


def test_a_message_that_does_not_end_is_given_up(
    folder: Path, client: CaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert worker.MESSAGE_S < 30  # the worker's own limit, in its own process
    with raw(folder) as connection:
        connection.sendall(b"\x00\x00\x00\x10\xa1")
        assert client.status().name == "Lab", "others are served meanwhile"
        assert closes(connection)


def test_a_crowd_that_says_nothing_keeps_nobody_out(folder: Path, client: CaClient) -> None:
    """The longest silent ones lose their places; whoever has a question is answered."""
    crowd = [raw(folder) for _ in range(worker.MAX_CONNECTIONS + 4)]
    try:
        for connection in crowd:
            connection.settimeout(30)
        with ca_at(folder) as late:
            assert late.status().name == "Lab"
        assert closes(crowd[0])
        assert client.status().name == "Lab", "one that lost its place connects again"
    finally:
        for connection in crowd:
            connection.close()


def test_a_connection_that_says_nothing_is_given_up(folder: Path, client: CaClient) -> None:
    assert client.status().name == "Lab"
    with raw(folder) as silent:
        assert closes(silent)
    assert client.status().name == "Lab"


def test_a_worker_that_is_gone_is_unreachable_and_can_be_had_again(tmp_path: Path) -> None:
    folder = new_ca(tmp_path)
    with ca_at(folder) as ca:
        os.kill(worker_pid(folder), 9)
        with pytest.raises(CaUnreachable):
            ca.status()
        with ca_at(folder) as other:
            assert other.status().name == "Lab"
            assert ca.status().name == "Lab", "the next request finds the new worker"


def test_two_workers_on_one_folder_are_refused(folder: Path, client: CaClient) -> None:
    with pytest.raises(CaBusy):
        worker.serve(folder, PASSPHRASE)
    assert client.status().name == "Lab"


def test_a_worker_ends_with_its_last_client_and_leaves_no_socket(tmp_path: Path) -> None:
    folder = new_ca(tmp_path)
    with ca_at(folder) as first:
        pid = worker_pid(folder)
        with ca_at(folder):
            assert worker_pid(folder) == pid
        assert first.status().name == "Lab"
    assert not Path(f"/proc/{pid}").exists()
    assert not places.socket_path(folder).exists()


def test_a_folder_with_a_long_path_is_served(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    folder = new_ca(deep)
    with ca_at(folder) as ca:
        assert ca.status().name == "Lab"
        assert not (folder / "run" / "ca.sock").exists()


@given(st.binary(max_size=64) | PLAIN.map(lambda value: cbor2.dumps(value)))
def test_a_decoded_message_is_a_map_of_plain_values_or_refused(data: bytes) -> None:
    try:
        found = framing.decode(data)
    except framing.MessageMalformed:
        return
    assert cbor2.dumps(found) == data
    assert all(isinstance(key, str) for key in found)


@pytest.mark.parametrize(
    "data", ["d81c81d81d00", "a16161d81c81d81d00", "a161619f00ff", "a2616100616100", "a1616100ff"]
)
def test_tags_loops_and_other_encodings_are_refused(data: str) -> None:
    with pytest.raises(framing.MessageMalformed):
        framing.decode(bytes.fromhex(data))


OPS = (
    "status",
    "nonce",
    "submit-tpm",
    "activate",
    "submit-mcu",
    "issued",
    "unlock",
    "issue",
    "revoke",
    "crl",
    "approve-replacement",
    "x",
)
NAMES = (
    "request_id",
    "serial",
    "model",
    "station",
    "station_time",
    "kind",
    "replaces",
    "request",
    "secret",
    "proof",
)


@given(st.sampled_from(OPS), st.dictionaries(st.sampled_from(NAMES), PLAIN))
def test_any_request_is_answered_or_refused_and_never_a_defect(
    service: Service, op: str, rest: dict[str, Any]
) -> None:
    answer = service.answer({**rest, "op": op}, Caller())
    assert ("ok" in answer) != ("error" in answer)
    if "error" in answer:
        assert "defect" not in answer["error"]["what"]
        assert isinstance(error_from_map(answer["error"]), CaRefused | CaUnreachable)


GOOD = as_map(Chip().request(Nonce(b"n" * 32, b"s" * 32, datetime.now(UTC))))


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), PLAIN))
def test_an_mcus_request_has_exactly_its_fields(changes: dict[str, Any]) -> None:
    try:
        made = mcu_from_map({**GOOD, **changes})
    except CaRefused:
        return
    assert all(type(changes[name]) is type(GOOD[name]) for name in changes)
    assert as_map(made) == {**GOOD, **changes}


@given(PLAIN)
def test_an_answer_of_another_form_is_no_answer(sent: object) -> None:
    for read in (status_from_map, nonce_from_map, challenge_from_map, issued_from_map):
        with pytest.raises(CaUnreachable):
            read(sent)
    assert isinstance(error_from_map(sent), WorkbenchError)


@pytest.mark.parametrize("name", ["serial", "model", "station"])
@pytest.mark.parametrize("value", ["", " a", "a ", "x" * 201, "a\x00b", "a\nb", "\u202eabc", 7, b"abc", None])
def test_texts_are_bounded_and_visible(service: Service, name: str, value: object) -> None:
    message = {"op": "nonce", "request_id": str(uuid4()), "kind": "mcu", "station_time": now_s()}
    message |= {"serial": "SN", "model": "M", "station": STATION, name: value}
    assert service.answer(message, Caller())["error"]["reason"] == "field-invalid"


@pytest.mark.parametrize("op", ["issue", "revoke", "crl", "approve-replacement"])
def test_operators_work_needs_the_passphrase(service: Service, op: str) -> None:
    caller = Caller()
    assert service.answer({"op": op}, caller)["error"]["reason"] == "operator-only"
    salt = service.answer({"op": "unlock"}, caller)["ok"]["salt"]
    assert (
        service.answer({"op": "unlock", "proof": bytes(32)}, caller)["error"]["reason"] == "passphrase-wrong"
    )
    from workbench.identity.ca.replies import passphrase_proof

    late = {"op": "unlock", "proof": passphrase_proof(PASSPHRASE, salt)}
    service.answer(late, caller)
    assert not caller.operator, "a salt is good for one proof"


@pytest.mark.parametrize("profile", ["root", "issuing", "idevid", "iak", "mcu-idevid"])
def test_identities_and_authorities_are_not_issued_by_hand(client: CaClient, profile: str) -> None:
    client.unlock(PASSPHRASE)
    key = public_der(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(CaRefused) as caught:
        client.issue(profile, fields={"common_name": "x", "serial_number": "y"}, public_key=key)
    assert caught.value.reason == "profile-refused"


def test_a_csr_that_its_key_did_not_sign_is_refused(client: CaClient, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    openssl("req", "-new", "-key", key, "-subj", "/CN=a", "-outform", "DER", "-out", tmp_path / "a.csr")
    good = (tmp_path / "a.csr").read_bytes()
    client.unlock(PASSPHRASE)
    for data in (
        good[:-1] + bytes((good[-1] ^ 1,)),
        good[:-1],
        b"",
        good.replace(b"\x06\x03U\x04\x03\x0c\x01a", b"\x06\x03U\x04\x03\x0c\x01b"),
    ):
        with pytest.raises(CaRefused) as caught:
            client.issue("evidence-signer", fields={"common_name": "a"}, csr=data)
        assert caught.value.reason in ("csr-signature", "csr-form")
    issued = client.issue("evidence-signer", fields={"common_name": "a"}, csr=good)
    assert client.issued(str(uuid4())) is None
    with pytest.raises(CaRefused) as again:
        client.issue("evidence-signer", fields={"common_name": "b"}, csr=good)
    assert again.value.reason == "key-used"
    assert set(issued.certificates) == {"evidence-signer"}


def test_a_reason_to_revoke_is_one_of_the_standards(client: CaClient) -> None:
    client.unlock(PASSPHRASE)
    for reason in ("certificateHold", "because"):
        with pytest.raises(CaRefused):
            client.revoke("12", reason)
    with pytest.raises(CaRefused) as caught:
        client.revoke("12", "superseded")
    assert caught.value.reason == "certificate-unknown"
