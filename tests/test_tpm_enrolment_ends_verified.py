"""A board with a TPM gets one identity, which is locked, and which everything shows again after a cold
restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tpm_enrol_lab import Line, no_ca, open_line, tpm_of
from tests.tpm_lab import needs_swtpm
from workbench.identity.state import State
from workbench.identity.tpm_enroll.errors import LockNotPermitted
from workbench.identity.tpm_enroll.escrow import unseal
from workbench.identity.tpm_enroll.flow import enroll
from workbench.wires.tpm.values import Hierarchy

pytestmark = needs_swtpm


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with open_line(tmp_path) as made:
        yield made


def test_a_blank_board_ends_verified_and_every_forbidden_act_failed_with_its_code(line: Line) -> None:
    outcome = line.enrol(line.board("b1"), "SN-1")
    assert outcome.state == "verified", outcome.why
    assert outcome.resumed is None
    tried = {found.act: found for found in outcome.tried}
    assert {act: found.observed for act, found in tried.items()} == {
        "nv-write-iak": "0x148",
        "nv-write-idevid": "0x148",
        "owner-undefine-iak": "0x149",
        "owner-undefine-idevid": "0x149",
        "platform-undefine-iak": "0x185",
        "platform-undefine-idevid": "0x185",
        "clear": "0x120",
        "platform-clear": "0x185",
        "change-eps": "0x185",
        "iak-signs-external-digest": "0x3e0",
    }
    assert all(found.outcome == "held" and found.observed == found.expected for found in outcome.tried)
    assert outcome.observed["platform_closed"] is True
    unit = line.ledger.find(serial="SN-1")
    assert unit is not None
    assert unit.state == State.VERIFIED
    assert not line.ledger.open_acts(unit.unit_id)


def test_a_second_run_finds_the_same_unit_and_changes_nothing(line: Line) -> None:
    board = line.board("b1")
    first = line.enrol(board, "SN-1")
    before = line.ledger.find(serial="SN-1")
    second = line.enrol(board, "SN-1")
    after = line.ledger.find(serial="SN-1")
    assert (second.state, second.resumed, second.unit_id) == ("verified", "verified", first.unit_id)
    assert before == after


def test_without_permission_nothing_is_touched(line: Line) -> None:
    board = line.board("b1")
    before = board.power.operations()
    with pytest.raises(LockNotPermitted):
        enroll(line.order("SN-1", permit_lock=False), line.means(board))
    assert board.power.operations() == before
    assert line.ledger.find(serial="SN-1") is None


def test_without_the_ca_a_unit_is_held_at_keyed_and_goes_on_when_it_is_back(line: Line) -> None:
    board = line.board("b1")
    held = enroll(line.order("SN-1"), line.means(board, ca=no_ca))
    assert held.state == "keyed"
    assert held.error is not None
    assert held.error.code == "ca-unreachable"
    keyed = line.ledger.find(serial="SN-1")
    assert keyed is not None
    assert keyed.state == State.KEYED
    with tpm_of(board) as tpm:
        assert not tpm.properties().lockout_auth_set
    done = line.enrol(board, "SN-1")
    assert (done.state, done.resumed) == ("verified", "keyed")
    unit = line.ledger.find(serial="SN-1")
    assert unit is not None
    assert unit.keys == keyed.keys


def test_the_lockout_password_is_in_its_escrow_and_nowhere_else(line: Line) -> None:
    board = line.board("b1")
    outcome = line.enrol(board, "SN-1")
    (file,) = line.escrow_folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    password = unseal(file.read_bytes(), line.escrow_pem, outcome.unit_id)
    with tpm_of(board) as tpm:
        tpm.use_auth(Hierarchy.LOCKOUT, password)
        tpm.da_lock_reset()  # refused with any other password


@pytest.mark.parametrize("template", ["H-2", "H-3"])
def test_other_templates(line: Line, template: str) -> None:
    outcome = line.enrol(line.board("b1"), "SN-1", recipe=line.recipe(template=template))
    assert outcome.state == "verified", outcome.why


def test_a_key_of_the_other_form_is_recognised(line: Line) -> None:
    board = line.board("b1")
    other = line.recipe(unique="y-equal")
    assert enroll(line.order("SN-1", recipe=other), line.means(board, ca=no_ca)).state == "keyed"
    outcome = line.enrol(board, "SN-1")  # by a recipe that prefers y-empty
    assert outcome.state == "verified", outcome.why
    unit = line.ledger.find(serial="SN-1")
    assert unit is not None
    assert {told["variant"] for told in unit.details["keys"].values()} == {"y-equal"}
