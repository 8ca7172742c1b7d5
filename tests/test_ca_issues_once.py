"""A request has one certificate, whoever dies and however often it is sent; nothing is certified twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.ca_doomed_worker import MOMENTS
from tests.ca_lab import MODEL, PASSPHRASE, Chip, as_map, ca_at, doomed_worker, new_ca, now_s, public_der
from workbench.identity.ca.errors import CaRefused, CaRequestConflict, CaUnreachable
from workbench.identity.ca.opened import Opened, opened_ca
from workbench.identity.ca.store import Store
from workbench.identity.mcu.errors import McuRefused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_ca(tmp_path)


@pytest.fixture
def ca(folder: Path) -> Iterator[Opened]:
    with opened_ca(folder, PASSPHRASE) as opened:
        yield opened


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_worker_killed_anywhere_leaves_one_certificate(folder: Path, moment: str) -> None:
    chip = Chip()
    with doomed_worker(folder, moment) as process:
        with ca_at(folder) as client:
            request = chip.asks(client)
            with pytest.raises(CaUnreachable):
                client.submit_mcu(request)
        assert process.wait(10) == -9
    store = Store(folder / "ca.db")
    reserved = {row.serial_number for row in store.certificates(chip.request_id)}
    store.close()

    with ca_at(folder) as client:
        first = client.submit_mcu(request)
        again = client.submit_mcu(request)
    assert first == again
    number = f"{x509.load_der_x509_certificate(first.certificates['device']).serial_number:x}"
    assert reserved in (set(), {number})
    store = Store(folder / "ca.db")
    assert [row.der for row in store.certificates(chip.request_id)] == [first.certificates["device"]]
    store.close()


@pytest.mark.parametrize("moment", ["after-sign", "before-answer"])
def test_a_worker_killed_while_an_operator_asks_leaves_one_certificate(folder: Path, moment: str) -> None:
    number, key = str(uuid4()), public_der(ec.generate_private_key(ec.SECP256R1()))
    fields = {"common_name": "Releases"}
    with doomed_worker(folder, moment), ca_at(folder) as client:
        client.unlock(PASSPHRASE)
        with pytest.raises(CaUnreachable):
            client.issue("release-signer", fields=fields, public_key=key, request_id=number)
    with ca_at(folder) as client:
        client.unlock(PASSPHRASE)
        first = client.issue("release-signer", fields=fields, public_key=key, request_id=number)
        assert client.issue("release-signer", fields=fields, public_key=key, request_id=number) == first
        assert client.status().certificates == 1


def test_a_nonce_stays_while_it_is_unused_and_the_secret_for_ever(ca: Opened) -> None:
    chip = Chip()
    order = {**chip.order(), "kind": "mcu", "replaces": None}
    first = ca.authority.nonce(chip.request_id, **order)
    assert ca.authority.nonce(chip.request_id, **order) == first
    moved = ca.authority.nonce(chip.request_id, **{**order, "station": "station-2"})
    assert moved.nonce != first.nonce
    assert moved.secret == first.secret, "it lies in the unit's flash already"
    with pytest.raises(CaRefused) as caught:
        ca.units.submit_mcu(as_map(chip.request(first)))
    assert caught.value.reason == "nonce-of-another-station"


def test_a_nonce_is_used_once(ca: Opened) -> None:
    chip = Chip()
    request = chip.asks_inside(ca)
    issued = ca.units.submit_mcu(as_map(request))
    assert ca.units.submit_mcu(as_map(request)) == issued
    for changed in (replace(request, station_time=now_s() + 1), replace(request, chip_id=bytes(range(8)))):
        with pytest.raises(CaRequestConflict):
            ca.units.submit_mcu(as_map(changed))
    with pytest.raises(CaRefused) as caught:
        chip.asks_inside(ca)
    assert caught.value.reason == "already-issued"
    assert ca.authority.issued(chip.request_id) == issued


def test_an_expired_nonce_is_refused(ca: Opened) -> None:
    chip = Chip()
    request = chip.asks_inside(ca)
    store = ca.authority.store
    found = store.request(chip.request_id)
    assert found is not None
    assert found.nonce is not None
    with store.writing():
        store.set_nonce(chip.request_id, chip.station, found.nonce, now_s())
    with pytest.raises(CaRefused) as caught:
        ca.units.submit_mcu(as_map(request))
    assert caught.value.reason == "nonce-expired"


def test_a_request_without_nonce_is_refused(ca: Opened) -> None:
    asked = Chip()
    request = asked.asks_inside(ca)
    stranger = replace(request, request_id=str(uuid4()))
    with pytest.raises(CaRefused) as caught:
        ca.units.submit_mcu(as_map(stranger))
    assert caught.value.reason == "nonce-unknown"


def test_another_chips_secret_is_refused(ca: Opened) -> None:
    first, second = Chip(serial="SN-1"), Chip(serial="SN-2")
    order = {**first.order(), "kind": "mcu", "replaces": None}
    nonce = ca.authority.nonce(first.request_id, **order)
    secret = ca.authority.nonce(second.request_id, **{**order, "serial": "SN-2"}).secret
    with pytest.raises(McuRefused) as caught:
        ca.units.submit_mcu(as_map(first.request(replace(nonce, secret=secret))))
    assert caught.value.reason == "enrolment-mac"
    assert ca.authority.issued(first.request_id) is None


def test_a_request_that_was_broken_off_is_finished_by_its_own_chip_only(
    ca: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    first = Chip()
    with monkeypatch.context() as patched:
        patched.setattr(ca.authority.certifier, "finish", dies)
        with pytest.raises(KeyboardInterrupt):
            first.enrol_inside(ca)
    other = Chip(request_id=first.request_id)
    for chip in (first, other):
        with ca.authority.store.writing():
            ca.authority.store.set_nonce(first.request_id, first.station, uuid4().bytes * 2, now_s())
        if chip is other:
            with pytest.raises(CaRequestConflict) as caught:
                chip.enrol_inside(ca)
            assert caught.value.reason == "chip-changed"
            assert ca.authority.store.holder("chip", other.chip_id.hex()) is None
    assert first.enrol_inside(ca).certificates


@pytest.mark.parametrize("shared", ["chip", "key", "serial"])
def test_what_another_unit_has_is_refused(ca: Opened, shared: str) -> None:
    first = Chip(serial="SN-1")
    first.enrol_inside(ca)
    clone = Chip(serial="SN-2")
    if shared == "chip":
        clone.chip_id = first.chip_id
    elif shared == "key":
        clone.key = first.key
    else:
        clone.serial = first.serial
    with pytest.raises(CaRequestConflict) as caught:
        clone.enrol_inside(ca)
    assert caught.value.reason == f"{shared}-used"
    assert ca.authority.issued(clone.request_id) is None
    assert ca.authority.store.counts() == (1, 0)


def test_the_database_itself_refuses_a_second_claim(ca: Opened) -> None:
    store = ca.authority.store
    first = Chip(serial="SN-1")
    first.enrol_inside(ca)
    second = Chip(serial="SN-2")
    second.asks_inside(ca)
    with pytest.raises(CaRequestConflict), store.writing():
        store.claim(second.request_id, [("chip", first.chip_id.hex())], replaces=None)
    assert store.holder("chip", first.chip_id.hex()) == first.request_id


def test_only_an_rma_that_names_the_old_request_gets_its_serial_number(ca: Opened) -> None:
    old = Chip(serial="SN-1")
    old.enrol_inside(ca)
    new = Chip(serial="SN-1")
    with pytest.raises(CaRefused) as caught:
        new.asks_inside(ca, replaces=str(uuid4()))
    assert caught.value.reason == "replaces-unknown"
    with pytest.raises(CaRefused) as caught:
        new.asks_inside(ca, replaces=old.request_id)
    assert caught.value.reason == "replacement-not-approved"
    ca.authority.approve_replacement(old.request_id, "board replaced")
    issued = new.enrol_inside(ca, replaces=old.request_id)
    assert set(issued.certificates) == {"device"}
    with pytest.raises(CaRefused) as caught:
        ca.authority.issued(old.request_id)
    assert caught.value.reason == "revoked"
    assert ca.authority.store.counts() == (2, 1)
    third = Chip(serial="SN-1")
    with pytest.raises(CaRequestConflict) as again:
        third.asks_inside(ca, replaces=old.request_id)
    assert again.value.reason in ("serial-used", "replaced-already")


def test_an_rma_that_fails_revokes_nothing(ca: Opened) -> None:
    old, other = Chip(serial="SN-1"), Chip(serial="SN-2")
    old.enrol_inside(ca)
    other.enrol_inside(ca)
    ca.authority.approve_replacement(old.request_id, "board replaced")
    new = Chip(serial="SN-1", key=other.key)
    with pytest.raises(CaRequestConflict):
        new.enrol_inside(ca, replaces=old.request_id)
    assert ca.authority.issued(old.request_id) is not None
    assert ca.authority.store.holder("serial", "SN-1") == old.request_id


def test_a_request_number_belongs_to_one_unit(ca: Opened) -> None:
    first = Chip(serial="SN-1")
    first.asks_inside(ca)
    for changes in ({"serial": "SN-2"}, {"model": "other"}, {"kind": "tpm"}):
        with pytest.raises(CaRequestConflict):
            first.asks_inside(ca, **changes)


def test_racing_stations_get_one_certificate_for_one_request(folder: Path) -> None:
    chip = Chip()
    with ca_at(folder) as client:
        request = chip.asks(client)

        def send(_: int) -> bytes:
            with ca_at(folder) as mine:
                return mine.submit_mcu(request).certificates["device"]

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(send, range(16)))) == 1
        assert client.status().certificates == 1


def test_racing_units_with_one_serial_number_get_one_certificate(folder: Path) -> None:
    chips = [Chip(serial="SN-1") for _ in range(8)]
    with ca_at(folder) as client:

        def send(chip: Chip) -> str:
            with ca_at(folder) as mine:
                try:
                    chip.enrol(mine)
                except CaRequestConflict as error:
                    return error.reason
                return "issued"

        with ThreadPoolExecutor(8) as pool:
            outcomes = sorted(pool.map(send, chips))
        assert outcomes == ["issued", *["serial-used"] * 7]
        assert client.status().certificates == 1


def test_an_order_book_and_a_list_of_models_are_kept_to(tmp_path: Path, folder: Path) -> None:
    path = folder / "ca.toml"
    path.write_text(
        path.read_text().replace("[product]", f'[product]\nmodels = ["{MODEL}"]\nserials = ["SN-1"]')
    )
    with opened_ca(folder, PASSPHRASE) as ca:
        Chip(serial="SN-1").enrol_inside(ca)
        for changes, reason in (
            ({"model": "other"}, "model-unknown"),
            ({"serial": "SN-2"}, "serial-not-ordered"),
        ):
            with pytest.raises(CaRefused) as caught:
                Chip(serial="SN-1").asks_inside(ca, **changes)
            assert caught.value.reason == reason
