"""A TPM has several endorsement keys and gets one identity: the CA says which keys count, and the ledger
knows the TPM by its seed, whatever certificates it shows.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.tpm_ca_lab import another_ca
from tests.tpm_enrol_lab import Line, open_line, tpm_of
from tests.tpm_lab import needs_swtpm
from workbench.identity.ca.errors import CaRefused
from workbench.identity.ledger.errors import IdentityConflict
from workbench.identity.state import State
from workbench.identity.tpm.ek import EK_TEMPLATES
from workbench.identity.tpm.errors import IdentityRefused
from workbench.identity.tpm.policy import EkMode, EkPolicy
from workbench.identity.tpm_enroll import ek
from workbench.virtual.tpm_boards import TpmBoard
from workbench.wires.tpm.values import Hierarchy

pytestmark = needs_swtpm
BOTH = 'ek_templates = ["H-3", "L-1"]'


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with open_line(tmp_path) as made:
        yield made


def found(board: TpmBoard, policy: EkPolicy) -> ek.Ek:
    """The EK that a station with this policy takes the board's TPM for."""
    with tpm_of(board) as tpm:
        return ek.find(tpm, policy, tpm.properties(), datetime.now(UTC))


def hide(board: TpmBoard, template: str) -> None:
    """Takes an EK certificate away, as whoever has the platform before the lock can."""
    with tpm_of(board) as tpm:
        tpm.nv_undefine(EK_TEMPLATES[template].cert_index, Hierarchy.PLATFORM)


def test_only_endorsement_keys_of_allowed_templates_are_taken(line: Line) -> None:
    board = line.board("b1")
    eks = {}
    for allowed in ("L-1", "H-3"):
        policy = another_ca(line, f"ca-{allowed}", f'ek_templates = ["{allowed}"]')
        eks[allowed] = found(board, policy)
        assert eks[allowed].found.template.id == allowed
    assert eks["L-1"].digest != eks["H-3"].digest
    assert eks["L-1"].others == eks["H-3"].others != ()
    policy = replace(policy, templates=frozenset({"H-2"}))
    with pytest.raises(IdentityRefused) as refused:
        found(board, policy)
    assert refused.value.reason == "ek-certificate-missing"


@pytest.mark.parametrize("allowed", ["L-1", "H-3"])
def test_a_ca_that_allows_one_template_enrols_under_it(line: Line, allowed: str) -> None:
    policy = another_ca(line, "ca-one", f'ek_templates = ["{allowed}"]')
    outcome = line.enrol(line.board("b1"), "S1", recipe=line.recipe(ek=policy))
    assert outcome.state == "verified", outcome.why
    unit = line.ledger.find(serial="S1")
    assert unit is not None
    assert unit.details["ek"]["template"] == allowed


def test_a_station_that_believes_more_than_the_ca_gets_nothing(line: Line) -> None:
    another_ca(line, "ca-one", 'ek_templates = ["L-1"]')
    with pytest.raises(CaRefused, match="EK: template H-3 is not accepted"):
        line.enrol(line.board("b1"), "S1")
    unit = line.ledger.find(serial="S1")
    assert unit is not None
    assert (unit.state, unit.certificates) == (State.KEYED, {})


def test_lists_count_for_allowed_templates_only(line: Line) -> None:
    board = line.board("b1")
    certified = EkPolicy(EkMode.REQUIRE_CERTIFICATE, line.roots, templates=frozenset({"L-1"}))
    low = found(board, certified)
    hide(board, "L-1")
    hide(board, "H-3")
    listed = EkPolicy(EkMode.ALLOW_LIST, line.roots, allow_list=frozenset({low.digest}))
    seen = found(board, replace(listed, templates=frozenset({"L-1"})))
    assert (seen.digest, seen.checked.trust) == (low.digest, "allow-list")
    with pytest.raises(IdentityRefused) as refused:
        found(board, replace(listed, templates=frozenset({"H-3"})))
    assert refused.value.reason == "ek-not-on-list"


@pytest.mark.parametrize("way", ["hidden", "another-policy"])
def test_the_same_tpm_gets_no_second_identity_under_another_key(line: Line, way: str) -> None:
    """The worst case: somebody has brought the TPM back to how its vendor made it, its seeds kept, and asks
    for keys of another template, so that no key, label or certificate is one that is known.
    """
    policy = another_ca(line, "ca-both", BOTH)
    board = line.board("b1")
    board.power.off()
    blank = line.folder / "blank"
    shutil.copytree(board.folder, blank)
    first = line.enrol(board, "S1", recipe=line.recipe(ek=policy))
    assert first.state == "verified", first.why
    board.power.off()
    shutil.rmtree(board.folder)
    shutil.copytree(blank, board.folder)
    board.power.on()
    if way == "hidden":
        hide(board, "H-3")
    else:
        policy = replace(policy, templates=frozenset({"L-1"}))
    second = line.enrol(board, "S2", recipe=line.recipe(ek=policy, template="H-2"))
    assert second.state == "quarantined"
    assert isinstance(second.error, IdentityConflict)
    assert second.hardware_id != first.hardware_id
    units = [line.ledger.find(serial=serial) for serial in ("S1", "S2")]
    assert [unit.state for unit in units if unit] == [State.QUARANTINED] * 2
    assert not any(unit.certificates for unit in units[1:] if unit)
