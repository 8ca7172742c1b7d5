"""Serial numbers that readers of certificates take for one are one: for the ledger and for the CA."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ca_lab import PASSPHRASE, Chip, as_map, new_ca
from tests.ledger_lab import claim_of
from workbench.database.engine import open_engine
from workbench.identity.ca.errors import CaRequestConflict
from workbench.identity.ca.opened import Opened, opened_ca
from workbench.identity.labels import compared, fits_certificate
from workbench.identity.ledger import Ledger
from workbench.identity.ledger.errors import ClaimDiffers, IdentityConflict, LedgerValueInvalid
from workbench.identity.state import State

ALIKE = ["sn-1 a", "SN-1  A", "Sn-1   a"]
LOOK_ALIKES = ["\u0410-1", "A\u20111", "\uff21-1", "A-1\u200b", "A_1", "A" * 65, "A\u00a01"]
"""Cyrillic, another hyphen, full width, nothing visible, a character that PrintableString lacks, too long."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(open_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}"), station="s1")
    yield made
    made.close()


@pytest.fixture
def ca(tmp_path: Path) -> Iterator[Opened]:
    with opened_ca(new_ca(tmp_path), PASSPHRASE) as opened:
        yield opened


@pytest.mark.parametrize("serial", ALIKE)
def test_the_ledger_takes_a_label_in_other_letters_for_the_same(ledger: Ledger, serial: str) -> None:
    first = ledger.claim(claim_of("SN-1 A", "one"))
    with pytest.raises(IdentityConflict) as caught:
        ledger.claim(claim_of(serial, "two"))
    assert first.unit_id in caught.value.units
    found = ledger.find(serial=serial)
    assert found is not None
    assert (found.unit_id, found.state) == (first.unit_id, State.QUARANTINED)


@pytest.mark.parametrize("serial", ALIKE)
def test_a_known_unit_keeps_its_label_letter_by_letter(ledger: Ledger, serial: str) -> None:
    first = ledger.claim(claim_of("SN-1 A", "one"))
    with pytest.raises(ClaimDiffers):
        ledger.claim(claim_of(serial, "one"))
    assert ledger.find(serial="SN-1 A") == first


@pytest.mark.parametrize("serial", LOOK_ALIKES)
def test_a_label_that_no_certificate_can_hold_is_refused_before_it_is_claimed(serial: str) -> None:
    with pytest.raises(LedgerValueInvalid):
        claim_of(serial, "one")


@pytest.mark.parametrize("serial", ["sn-1A", "SN-1A", "Sn-1a"])
def test_the_ca_takes_a_label_in_other_letters_for_the_same(ca: Opened, serial: str) -> None:
    Chip("SN-1a").enrol_inside(ca)
    with pytest.raises(CaRequestConflict) as caught:
        Chip(serial).enrol_inside(ca)
    assert caught.value.reason == "serial-used"


def test_two_requests_that_were_open_at_once_get_one_certificate(ca: Opened) -> None:
    """Both had their nonce before either claimed the label."""
    chips = [Chip("SN-1"), Chip("sn-1")]
    requests = [chip.asks_inside(ca) for chip in chips]
    ca.units.submit_mcu(as_map(requests[0]))
    with pytest.raises(CaRequestConflict):
        ca.units.submit_mcu(as_map(requests[1]))


@given(st.text("aA1 -'()+,./:=?", min_size=1, max_size=64).map(str.strip).filter(bool))
def test_labels_compare_as_x520_does(serial: str) -> None:
    assert fits_certificate(serial)
    assert compared(serial) == compared(serial.upper()) == compared(serial.replace(" ", "  "))
    assert compared(compared(serial)) == compared(serial)
    assert compared(serial) != compared(serial + "2")
