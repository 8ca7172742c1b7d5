"""`identity show` tells all that the ledger knows, and `identity rma` ends records only if told to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_bench import CliBench
from tests.ledger_lab import claim_of, digest, enrol, spki_of
from workbench.boards.bench_write import write_virtual_bench
from workbench.database.engine import open_engine
from workbench.identity.ledger import IdentityConflict, Ledger
from workbench.station.places import database_url


@pytest.fixture
def bench(tmp_path: Path) -> CliBench:
    write_virtual_bench(tmp_path, 1)
    (tmp_path / ".workbench").mkdir(exist_ok=True)
    return CliBench(tmp_path, tmp_path / "run")


def test_a_unit_is_shown_by_all_its_names_and_returned_by_its_id(bench: CliBench) -> None:
    ledger = Ledger(open_engine(database_url(bench.folder)), station="s1")
    unit = enrol(ledger, claim_of("A1", "chip"), "k")
    ledger.intend(unit.unit_id, "clear", {"handle": "lockout"})
    for words in ("A1", digest("chip"), spki_of("k/iak"), unit.unit_id[:8], unit.request_id):
        shown = bench.run("identity", "show", words)
        assert shown.code == 0, shown.err
        assert unit.unit_id in shown.out
    for part in ("verified", "NOT OBSERVED", "idevid", "make-keys", "certified"):
        assert part in shown.out
    (told,) = bench.run("identity", "show", "A1", "--json").observed("unit")
    assert told["state"] == "verified"
    assert (told["next"]["look"], told["next"]["do"]) == (True, "verify-again")
    assert told["certificates"]["iak"]["der"] == unit.certificates["iak"].hex()
    assert told["history"][0]["what"] == "claimed"
    assert bench.run("identity", "show", "A9").code == 2
    assert "A1" in bench.run("identity", "show").out

    refused = bench.run("identity", "rma", unit.unit_id, "--reason", "board replaced")
    assert refused.code == 2
    assert "nothing was ended" in refused.err
    short = bench.run("identity", "rma", unit.unit_id[:8], "--reason", "board replaced", "--yes")
    assert short.code == 2
    done = bench.run("identity", "rma", unit.unit_id, "--reason", "board replaced", "--yes", "--json")
    rma = done.last["result"]["rma_id"]
    new = ledger.claim(claim_of("A1", "new chip"), rma)
    shown = bench.run("identity", "show", "A1")
    assert shown.out.index(new.unit_id) < shown.out.index("retired")
    ledger.close()


def test_a_clone_is_named_with_what_to_do(bench: CliBench) -> None:
    ledger = Ledger(open_engine(database_url(bench.folder)), station="s1")
    enrol(ledger, claim_of("A1", "chip"), "k")
    with pytest.raises(IdentityConflict) as caught:
        ledger.claim(claim_of("A1", "clone"))
    ledger.close()
    first, second = caught.value.units
    shown = bench.run("identity", "show", "A1")
    assert shown.out.count("quarantined") >= 2
    assert "only an RMA" in shown.out
    done = bench.run("identity", "rma", first, second, "--reason", "clone was destroyed", "--yes")
    assert done.code == 0
    assert "--rma rma-" in done.out
