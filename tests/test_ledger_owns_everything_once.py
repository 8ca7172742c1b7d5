"""Label, chip, EK certificate, key, CSR and certificate belong to one unit; a second claim stops both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ledger_lab import certificate_of, claim_of, digest, enrol, spki_of
from workbench.database.engine import open_engine
from workbench.identity.ledger import (
    CertificateForeign,
    ClaimDiffers,
    IdentityConflict,
    Ledger,
    LedgerValueInvalid,
    Unit,
    UnitUnknown,
    WrongState,
)
from workbench.identity.state import State


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    ledger = Ledger(open_engine(database_url), station="s1")
    yield ledger
    ledger.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(open_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}"), station="s1")
    yield ledger
    ledger.close()


def again(ledger: Ledger, unit: Unit) -> Unit:
    found = ledger.find(unit_id=unit.unit_id)
    assert found is not None
    return found


def test_a_unit_goes_its_way_and_is_found_by_all_its_names(ledger: Ledger) -> None:
    unit = enrol(ledger, claim_of("A1", "chip", ek_cert_sha256=digest("ek")), "k")
    assert unit.state is State.VERIFIED
    assert unit == ledger.find(serial="A1") == ledger.find(hardware_id=digest("chip"))
    assert unit == ledger.find(spki=spki_of("k/iak")) == ledger.find(unit_id=unit.unit_id)
    assert ledger.find(serial="A2") is None
    assert set(unit.certificates) == {"idevid", "iak"}
    told = [entry.what for entry in ledger.history(unit.unit_id)]
    assert told == ["claimed", "keyed", "requested", "certified", "locked", "verified"]
    for words in ("A1", digest("chip"), spki_of("k/idevid"), unit.request_id, unit.unit_id[:8]):
        assert ledger.search(words) == (unit,)


def test_every_step_may_be_repeated(ledger: Ledger) -> None:
    claim = claim_of("A1", "chip")
    unit = enrol(ledger, claim, "k")
    told = ledger.history(unit.unit_id)
    assert ledger.claim(claim) == unit
    assert ledger.keyed(unit.unit_id, unit.keys, "tpm", unit.details) == unit
    assert ledger.requested(unit.unit_id, unit.csrs[0]) == unit
    assert ledger.certified(unit.unit_id, unit.certificates) == unit
    assert ledger.locked(unit.unit_id, {"clear": "0x120"}) == unit
    assert unit.evidence_sha256 is not None
    assert ledger.verified(unit.unit_id, unit.evidence_sha256) == unit
    assert ledger.history(unit.unit_id) == told


CLONES: dict[str, Callable[[], tuple[str, str]]] = {
    "the same label on another chip": lambda: ("A1", "other"),
    "another label on the same chip": lambda: ("A2", "chip"),
    "the label of one and the chip of another": lambda: ("A1", "chip B"),
}


@pytest.mark.parametrize("clone", CLONES)
def test_a_clone_stops_both(ledger: Ledger, clone: str) -> None:
    first = enrol(ledger, claim_of("A1", "chip"), "k")
    other = ledger.claim(claim_of("B1", "chip B"))
    serial, chip = CLONES[clone]()
    with pytest.raises(IdentityConflict) as caught:
        ledger.claim(claim_of(serial, chip))
    assert first.unit_id in caught.value.units
    assert len(caught.value.units) == 2
    assert again(ledger, first).state is State.QUARANTINED
    assert {again_state for unit in caught.value.units for again_state in [_state(ledger, unit)]} == {
        State.QUARANTINED
    }
    assert (_state(ledger, other.unit_id) is State.QUARANTINED) == (chip == "chip B")
    with pytest.raises(IdentityConflict) as twice:
        ledger.claim(claim_of(serial, chip))
    assert set(twice.value.units) == set(caught.value.units)
    assert len(ledger.units()) <= 3


def _state(ledger: Ledger, unit_id: str) -> State:
    found = ledger.find(unit_id=unit_id)
    assert found is not None
    return found.state


def test_the_same_ek_certificate_on_two_chips_stops_both(ledger: Ledger) -> None:
    first = ledger.claim(claim_of("A1", "chip", ek_cert_sha256=digest("ek")))
    with pytest.raises(IdentityConflict) as caught:
        ledger.claim(claim_of("A2", "other", ek_cert_sha256=digest("ek")))
    assert len(caught.value.units) == 2
    assert again(ledger, first).state is State.QUARANTINED


@pytest.mark.parametrize("later", [None, "other"])
def test_a_chip_whose_ek_certificate_changes_is_stopped(ledger: Ledger, later: str | None) -> None:
    first = ledger.claim(claim_of("A1", "chip", ek_cert_sha256=digest("ek")))
    with pytest.raises(IdentityConflict):
        ledger.claim(claim_of("A1", "chip", ek_cert_sha256=later and digest(later)))
    assert again(ledger, first).state is State.QUARANTINED


def test_a_chip_cannot_come_back_under_another_of_its_names(ledger: Ledger) -> None:
    claim = claim_of("A1", "chip", other_hardware_ids=(digest("rsa"),))
    unit = ledger.claim(claim)
    assert ledger.claim(replace(claim, other_hardware_ids=(digest("rsa"), digest("p384")))) == unit
    with pytest.raises(IdentityConflict) as caught:
        ledger.claim(claim_of("A2", "p384"))
    assert unit.unit_id in caught.value.units


@pytest.mark.parametrize("crossed", [False, True])
def test_a_key_in_two_units_stops_both(ledger: Ledger, crossed: bool) -> None:
    first, second = ledger.claim(claim_of("A1", "a")), ledger.claim(claim_of("A2", "b"))
    ledger.keyed(first.unit_id, {"idevid": spki_of("x"), "iak": spki_of("y")}, "tpm", {})
    keys = {"idevid": spki_of("y" if crossed else "x"), "iak": spki_of("z")}
    with pytest.raises(IdentityConflict) as caught:
        ledger.keyed(second.unit_id, keys, "tpm", {})
    assert set(caught.value.units) == {first.unit_id, second.unit_id}
    assert {again(ledger, unit).state for unit in (first, second)} == {State.QUARANTINED}
    assert ledger.find(spki=spki_of("z")) is None


def test_a_csr_of_another_unit_stops_both(ledger: Ledger) -> None:
    first, second = ledger.claim(claim_of("A1", "a")), ledger.claim(claim_of("A2", "b"))
    for unit, key in ((first, "x"), (second, "y")):
        ledger.keyed(unit.unit_id, {"device": spki_of(key)}, "on-chip", {})
    ledger.requested(first.unit_id, digest("csr"))
    ledger.requested(first.unit_id, digest("csr with a new nonce"))
    with pytest.raises(IdentityConflict):
        ledger.requested(second.unit_id, digest("csr"))
    assert {again(ledger, unit).state for unit in (first, second)} == {State.QUARANTINED}


def test_a_unit_that_shows_other_keys_or_certificates_is_stopped(ledger: Ledger) -> None:
    first = enrol(ledger, claim_of("A1", "a"), "k")
    with pytest.raises(IdentityConflict, match="second identity"):
        ledger.keyed(first.unit_id, {"idevid": spki_of("new"), "iak": spki_of("k/iak")}, "tpm", {})
    second = enrol(ledger, claim_of("A2", "b"), "l")
    other = {role: certificate_of(f"l/{role}", 77) for role in ("idevid", "iak")}
    with pytest.raises(IdentityConflict, match="second identity"):
        ledger.certified(second.unit_id, other)
    assert {again(ledger, unit).state for unit in (first, second)} == {State.QUARANTINED}
    assert again(ledger, second).certificates == second.certificates


def test_a_certificate_for_another_key_is_not_taken(ledger: Ledger) -> None:
    unit = ledger.claim(claim_of("A1", "a"))
    ledger.keyed(unit.unit_id, {"idevid": spki_of("x"), "iak": spki_of("y")}, "tpm", {})
    good = {"idevid": certificate_of("x"), "iak": certificate_of("y")}
    for bad in (
        {**good, "iak": certificate_of("x")},
        {"idevid": good["iak"], "iak": good["idevid"]},
        {"idevid": good["idevid"]},
        {**good, "device": certificate_of("x")},
        {**good, "iak": b"no certificate"},
        {},
    ):
        with pytest.raises(CertificateForeign):
            ledger.certified(unit.unit_id, bad)
    assert again(ledger, unit).state is State.KEYED
    assert ledger.certified(unit.unit_id, good).state is State.CERTIFIED


def test_a_unit_with_a_shared_secret_needs_no_certificate(ledger: Ledger) -> None:
    unit = ledger.claim(claim_of("A1", "a", kind="mcu"))
    ledger.keyed(unit.unit_id, {"challenge": digest("secret")}, "injected", {"derivation": "hkdf"})
    assert ledger.certified(unit.unit_id, {}).state is State.CERTIFIED
    assert ledger.certified(unit.unit_id, {}).origin == "injected"


def test_no_step_can_be_skipped(alone: Ledger) -> None:
    unit = alone.claim(claim_of("A1", "a"))
    steps: list[Callable[[], Unit]] = [
        lambda: alone.requested(unit.unit_id, digest("csr")),
        lambda: alone.certified(unit.unit_id, {"idevid": certificate_of("x")}),
        lambda: alone.locked(unit.unit_id, {}),
        lambda: alone.verified(unit.unit_id, digest("evidence")),
    ]
    for step in steps:
        with pytest.raises(WrongState, match="is blank"):
            step()
    assert len(alone.history(unit.unit_id)) == 1


def test_a_unit_in_quarantine_goes_nowhere(alone: Ledger) -> None:
    unit = enrol(alone, claim_of("A1", "a"), "k")
    assert alone.quarantine(unit.unit_id, "it smells").reason == "it smells"
    assert alone.quarantine(unit.unit_id, "another reason").reason == "it smells"
    assert alone.claim(claim_of("A1", "a")).state is State.QUARANTINED
    with pytest.raises(WrongState) as caught:
        alone.verified(unit.unit_id, digest("evidence"))
    assert "RMA" in caught.value.action
    with pytest.raises(WrongState):
        alone.intend(unit.unit_id, "clear", {})
    assert again(alone, unit).state is State.QUARANTINED


def test_another_recipe_for_a_known_unit_changes_nothing(alone: Ledger) -> None:
    unit = alone.claim(claim_of("A1", "a"))
    for other in ({"model": "m2"}, {"target": "t2"}, {"kind": "mcu"}):
        with pytest.raises(ClaimDiffers):
            alone.claim(claim_of("A1", "a", **other))
    assert again(alone, unit) == unit


def test_values_that_are_none_are_refused(alone: Ledger) -> None:
    for bad in (
        {"serial": ""},
        {"serial": "A\n1"},
        {"serial": " A1"},
        {"serial": "A" * 129},
        {"hardware_id": "ABCDEF01"},
        {"hardware_id": "abc"},
        {"kind": "pc"},
        {"ek_cert_sha256": "00"},
        {"other_hardware_ids": (digest("a"),)},
    ):
        with pytest.raises(LedgerValueInvalid):
            replace(claim_of("A1", "a"), **bad)
    unit = alone.claim(claim_of("A1", "a"))
    for keys in ({}, {"IDevID": digest("k")}, {"idevid": "00"}, {"idevid": digest("k"), "iak": digest("k")}):
        with pytest.raises(LedgerValueInvalid):
            alone.keyed(unit.unit_id, keys, "tpm", {})
    with pytest.raises(LedgerValueInvalid):
        alone.find()
    with pytest.raises(UnitUnknown):
        alone.locked("nobody", {})


def test_acts_are_written_before_and_after(ledger: Ledger) -> None:
    unit = ledger.claim(claim_of("A1", "a"))
    act = ledger.intend(unit.unit_id, "nv-write", {"index": "0x01c90200"})
    assert ledger.intend(unit.unit_id, "nv-write", {"index": "0x01c90200"}) == act
    other = ledger.intend(unit.unit_id, "nv-write", {"index": "0x01c90100"})
    assert [found.act_id for found in ledger.open_acts(unit.unit_id)] == [act, other]
    assert again(ledger, unit).open_acts == 2
    ledger.observe(act, {"rc": 0})
    ledger.observe(act, {"rc": 0})
    with pytest.raises(WrongState):
        ledger.observe(act, {"rc": 1})
    (left,) = ledger.open_acts(unit.unit_id)
    assert left.act_id == other
    assert ledger.intend(unit.unit_id, "nv-write", {"index": "0x01c90200"}) not in (act, other)
    with pytest.raises(UnitUnknown):
        ledger.observe("nothing", {})
