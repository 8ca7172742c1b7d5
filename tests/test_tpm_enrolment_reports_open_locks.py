"""A unit whose lock does not hold is never called verified, unless its recipe gives that up by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tpm_enrol_lab import Line, open_line, tpm_of
from tests.tpm_lab import needs_swtpm
from workbench.identity.state import State
from workbench.identity.tpm_enroll.flow import enroll, verify_again
from workbench.identity.tpm_enroll.outcome import UnitOutcome
from workbench.virtual.tpm_boards import TpmBoard
from workbench.wires.tpm.tpm import Tpm
from workbench.wires.tpm.values import Hierarchy, TpmProperties

pytestmark = needs_swtpm


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with open_line(tmp_path_factory.mktemp("line")) as made:
        yield made


@pytest.fixture
def board(line: Line, tmp_path: Path) -> Iterator[TpmBoard]:
    made = line.board(tmp_path.name[-20:])
    yield made
    made.power.off()


def open_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a board whose firmware leaves the platform hierarchy open: so says the TPM from now on."""
    real = Tpm.properties

    def properties(self: Tpm, known: TpmProperties | None = None) -> TpmProperties:
        found = real(self, known)
        return replace(found, startup_clear=found.startup_clear | 1)

    monkeypatch.setattr(Tpm, "properties", properties)


def test_an_open_platform_is_quarantined_and_the_fatal_acts_are_not_tried(
    line: Line, board: TpmBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_platform(monkeypatch)
    outcome = line.enrol(board, "SN-open")
    assert outcome.state == "quarantined"
    assert outcome.error is not None
    assert outcome.error.code == "tpm-lock-open"
    unit = line.ledger.find(serial="SN-open")
    assert unit is not None
    assert unit.state == State.QUARANTINED
    with tpm_of(board) as tpm:  # nobody has tried what would have destroyed it
        assert tpm.handles(0x81020000) == (0x81020000, 0x81020001)


def test_an_open_platform_that_the_recipe_allows_is_verified_and_says_so(
    line: Line, board: TpmBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_platform(monkeypatch)
    outcome = line.enrol(board, "SN-allowed", recipe=line.recipe(allow=frozenset({"platform-open"})))
    assert outcome.state == "verified"
    assert outcome.observed["platform_closed"] is False
    not_tried = {found.act for found in outcome.tried if found.outcome == "not-tried"}
    assert not_tried == {
        "platform-undefine-iak",
        "platform-undefine-idevid",
        "platform-clear",
        "change-eps",
    }


def test_a_closed_platform_before_the_certificates_are_stored_stops_the_enrolment(
    line: Line, board: TpmBoard
) -> None:
    means = line.means(board, connect=lambda: Closing(line, board))
    with pytest.raises(Exception, match="platform hierarchy is closed"):
        enroll(line.order("SN-closed"), means)
    unit = line.ledger.find(serial="SN-closed")
    assert unit is None or unit.state == State.BLANK


def test_an_owner_may_store_where_the_recipe_allows_it_and_the_record_is_weaker(
    line: Line, board: TpmBoard
) -> None:
    recipe = line.recipe(allow=frozenset({"owner-nv", "platform-open"}))
    means = line.means(board, connect=lambda: Closing(line, board))
    outcome = enroll(line.order("SN-owner", recipe=recipe), means)
    assert outcome.state == "verified", outcome.why
    tried = {found.act: found.outcome for found in outcome.tried}
    assert tried["owner-undefine-idevid"] == "not-tried"
    assert tried["nv-write-idevid"] == "held"


def test_verifying_again_changes_nothing_and_notices_a_removed_key(line: Line, board: TpmBoard) -> None:
    assert line.enrol(board, "SN-again").state == "verified"
    before = line.ledger.find(serial="SN-again")
    assert looked_at(line, board).state == "verified"
    assert looked_at(line, board, restart=False).state == "verified"
    with tpm_of(board) as tpm:
        tpm.evict(0x81020000, 0x81020000)
    with pytest.raises(Exception, match="there is no key at 0x81020000"):
        looked_at(line, board)
    assert line.ledger.find(serial="SN-again") == before


def test_a_unit_that_nobody_enrolled_is_not_verified(line: Line, board: TpmBoard) -> None:
    with pytest.raises(Exception, match="the ledger has no unit"):
        looked_at(line, board)


def looked_at(line: Line, board: TpmBoard, *, restart: bool = True) -> UnitOutcome:
    return verify_again(line.order("", permit_lock=False), line.means(board), restart=restart)


class Closing:
    """A connection to a board whose firmware always closes the platform hierarchy first."""

    def __init__(self, line: Line, board: TpmBoard) -> None:
        self._inner = line.means(board).connect()

    def __enter__(self) -> Tpm:
        tpm = self._inner.__enter__()
        if tpm.properties().ph_enable:
            tpm.hierarchy_control(Hierarchy.PLATFORM, state=False)
        return tpm

    def __exit__(self, *about: Any) -> Any:
        return self._inner.__exit__(*about)
