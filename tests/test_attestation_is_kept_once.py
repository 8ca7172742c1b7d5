"""What a unit attested is kept in the ledger, and a run that ended in between leaves nothing open."""

from __future__ import annotations

from pathlib import Path

from tests.attest_lab import ASKED, SIGNED, claims, signed
from tests.ledger_lab import claim_of, digest, enrol
from workbench.database.engine import open_engine
from workbench.identity.attest.verify import verify_eat
from workbench.identity.ledger import Ledger
from workbench.identity.mcu.attesting import ATTEST, keep, last_of


def test_an_answer_that_was_not_kept_is_closed_by_the_next_one(tmp_path: Path) -> None:
    attested = verify_eat(signed(claims()), ASKED, SIGNED, ASKED.at_s)
    ledger = Ledger(open_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}"), station="s1")
    unit = enrol(ledger, claim_of("A1", "chip"), "k")
    begun = ledger.intend(unit.unit_id, ATTEST, {"eat_sha256": digest("lost")})
    assert [act.act_id for act in ledger.open_acts(unit.unit_id)] == [begun]

    keep(ledger, unit, attested)

    assert ledger.open_acts(unit.unit_id) == ()
    assert last_of(ledger.acts(unit.unit_id)) == attested.last
    ledger.close()
