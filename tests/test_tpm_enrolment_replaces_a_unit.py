"""A label goes over to another board by an RMA only, and only where the CA's operator agreed as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tpm_enrol_lab import PASSPHRASE, no_ca, open_line
from workbench.identity.ca.errors import CaRefused
from workbench.identity.state import State
from workbench.identity.tpm_enroll.flow import enroll


def test_a_new_board_takes_over_the_label_of_a_broken_one(tmp_path: Path) -> None:
    with open_line(tmp_path) as line:
        old, new = line.board("old"), line.board("new")
        assert line.enrol(old, "A-1").state == "verified"
        before = line.ledger.find(serial="A-1")
        assert before is not None
        rma = line.ledger.rma(before.unit_id, "board replaced", "eve")

        with pytest.raises(CaRefused) as caught:
            line.enrol(new, "A-1", rma=rma)
        assert caught.value.reason == "replacement-not-approved"
        held = line.ledger.find(serial="A-1")
        assert held is not None
        assert held.state in (State.BLANK, State.KEYED), "the unit waits for the agreement"

        with line.ca() as ca:
            ca.unlock(PASSPHRASE)
            ca.approve_replacement(before.request_id, "board replaced")
        assert line.enrol(new, "A-1", rma=rma).state == "verified"
        after = line.ledger.find(serial="A-1")
        assert after is not None
        assert after.hardware_id != before.hardware_id
        with line.ca() as ca:
            assert ca.issued(after.request_id) is not None
            with pytest.raises(CaRefused) as revoked:
                ca.issued(before.request_id)
            assert revoked.value.reason == "revoked"
            assert ca.status().revoked == 2


def test_a_unit_that_never_reached_the_ca_is_replaced_without_its_agreement(tmp_path: Path) -> None:
    with open_line(tmp_path) as line:
        old, new = line.board("old"), line.board("new")
        held = enroll(line.order("A-1"), line.means(old, ca=no_ca))
        assert held.state == "keyed"
        assert held.unit_id is not None
        rma = line.ledger.rma(held.unit_id, "dropped", "eve")
        assert line.enrol(new, "A-1", rma=rma).state == "verified"
