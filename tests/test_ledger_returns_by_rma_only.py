"""Only an RMA that names the old record lets label, chip and keys go over; all stays in the history."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ledger_lab import claim_of, digest, enrol, spki_of
from workbench.database.engine import open_engine
from workbench.identity.ledger import IdentityConflict, Ledger, RmaRefused, RmaRequired, Unit, UnitUnknown
from workbench.identity.state import State


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    ledger = Ledger(open_engine(database_url), station="s1")
    yield ledger
    ledger.close()


def state(ledger: Ledger, unit: Unit | str) -> State:
    found = ledger.find(unit_id=unit if isinstance(unit, str) else unit.unit_id)
    assert found is not None
    return found.state


def test_a_repaired_unit_gets_its_label_chip_and_keys_back(ledger: Ledger) -> None:
    claim = claim_of("A1", "chip", ek_cert_sha256=digest("ek"))
    old = enrol(ledger, claim, "k")
    rma = ledger.rma(old.unit_id, "certificate run over by a truck", "eve")
    assert state(ledger, old) is State.RETIRED
    with pytest.raises(RmaRequired):
        ledger.claim(claim)
    new = enrol(ledger, claim, "k", rma)
    assert new.unit_id != old.unit_id
    assert new.request_id != old.request_id
    assert (new.state, new.rma, new.replaces) == (State.VERIFIED, rma, (old.request_id,))
    assert new == ledger.find(serial="A1") == ledger.find(spki=spki_of("k/iak")) == ledger.claim(claim, rma)
    assert ledger.claim(claim) == new
    assert [entry.what for entry in ledger.history(old.unit_id)][-2:] == ["retired", "replaced"]
    kept = ledger.find(unit_id=old.unit_id)
    assert kept is not None
    assert kept.certificates == old.certificates
    assert [found.unit_id for found in ledger.search("A1")] == [new.unit_id, old.unit_id]
    (told,) = ledger.rmas(old.unit_id)
    assert (told.old_units, told.new_unit_id, told.operator) == ((old.unit_id,), new.unit_id, "eve")


def test_a_new_board_takes_over_a_label(ledger: Ledger) -> None:
    old = enrol(ledger, claim_of("A1", "old board"), "k")
    rma = ledger.rma(old.unit_id, "board replaced", "eve")
    new = enrol(ledger, claim_of("A1", "new board"), "l", rma)
    assert ledger.find(hardware_id=digest("old board")) == ledger.find(unit_id=old.unit_id)
    with pytest.raises(RmaRequired):
        ledger.claim(claim_of("A9", "old board"))
    second = ledger.rma(old.unit_id, "old board repaired", "eve")
    again = ledger.claim(claim_of("A9", "old board"), second)
    assert {unit.state for unit in (new, again)} == {State.VERIFIED, State.BLANK}


def test_an_rma_serves_one_unit(ledger: Ledger) -> None:
    old = enrol(ledger, claim_of("A1", "chip"), "k")
    rma = ledger.rma(old.unit_id, "why not", "eve")
    assert ledger.rma(old.unit_id, "asked twice", "eve") == rma
    ledger.claim(claim_of("A1", "chip 2"), rma)
    for claim in (claim_of("A2", "chip"), claim_of("A3", "chip 3")):
        with pytest.raises((RmaRefused, RmaRequired)):
            ledger.claim(claim, rma)
    assert len(ledger.units()) == 2


def test_an_rma_of_another_unit_helps_nobody(ledger: Ledger) -> None:
    old, other = enrol(ledger, claim_of("A1", "chip"), "k"), ledger.claim(claim_of("B1", "b"))
    rma = ledger.rma(old.unit_id, "why not", "eve")
    with pytest.raises(RmaRefused):
        ledger.claim(claim_of("C1", "c"), rma)
    with pytest.raises(RmaRefused):
        ledger.claim(claim_of("B1", "b"), rma)
    with pytest.raises(RmaRefused):
        ledger.claim(claim_of("A1", "chip"), "rma-000000000000")
    assert state(ledger, other) is State.BLANK
    with pytest.raises(IdentityConflict) as caught:
        ledger.claim(claim_of("A1", "b"), rma)
    assert state(ledger, other) is State.QUARANTINED
    assert state(ledger, old) is State.RETIRED
    assert other.unit_id in caught.value.units
    assert ledger.claim(claim_of("A1", "chip"), rma).state is State.BLANK


def test_both_units_of_a_conflict_are_freed_together(ledger: Ledger) -> None:
    enrol(ledger, claim_of("A1", "chip"), "k")
    with pytest.raises(IdentityConflict) as caught:
        ledger.claim(claim_of("A1", "clone"))
    first, *more = caught.value.units
    rma = ledger.rma(first, "the chip was replaced before the label was", "eve", tuple(more))
    new = enrol(ledger, claim_of("A1", "clone"), "l", rma)
    assert len(new.replaces) == 2
    assert {state(ledger, unit) for unit in caught.value.units} == {State.RETIRED}


def test_a_key_of_another_unit_does_not_come_with_an_rma(ledger: Ledger) -> None:
    old = enrol(ledger, claim_of("A1", "chip"), "k")
    stranger = enrol(ledger, claim_of("B1", "b"), "l")
    new = ledger.claim(claim_of("A1", "chip"), ledger.rma(old.unit_id, "why not", "eve"))
    with pytest.raises(IdentityConflict):
        ledger.keyed(new.unit_id, stranger.keys, "tpm", {})
    assert state(ledger, new) is state(ledger, stranger) is State.QUARANTINED


def test_a_csr_is_not_sent_again_under_an_rma(ledger: Ledger) -> None:
    old = enrol(ledger, claim_of("A1", "chip"), "k")
    new = ledger.claim(claim_of("A1", "chip"), ledger.rma(old.unit_id, "why not", "eve"))
    ledger.keyed(new.unit_id, old.keys, "tpm", {})
    with pytest.raises(IdentityConflict):
        ledger.requested(new.unit_id, old.csrs[0])


def test_an_rma_of_nobody_is_refused_as_a_whole(ledger: Ledger) -> None:
    unit = ledger.claim(claim_of("A1", "chip"))
    with pytest.raises(UnitUnknown):
        ledger.rma(unit.unit_id, "why not", "eve", ("nobody",))
    assert state(ledger, unit) is State.BLANK
    assert ledger.rmas(unit.unit_id) == ()
