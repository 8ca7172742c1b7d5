"""A shared database that goes while the line works costs no unit, and what it missed it is told when it is
back.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures_postgres import PostgresServer
from tests.line_lab import LineLab, begun, code, line_lab, run_unit, wait_for, wait_phase
from tests.twin_lab import wait_until

pytestmark = pytest.mark.xdist_group("line database")


@pytest.fixture
def lab() -> Iterator[LineLab]:
    with line_lab(1) as made:
        yield made


def test_reserved_units_go_on_without_the_database(
    lab: LineLab, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_DATABASE", postgres.new_database())
    lot = lab.lot("shared", rule="range", prefix="D", first=1, last=9, digits=1)
    recipe = lab.recipe("gate", database={"on_loss": "continue", "reserve": 4})
    with lab.line(recipe, lot) as line:
        wait_for(line, lambda s: s.database == "ok" and s.reserved >= 3, "a reserve")
        begun(line.next_unit())
        wait_for(line, lambda s: s.slots[0].current is not None)
        postgres.stop()
        try:
            lab.open_gate("v1")
            assert wait_phase(line, "v1", "done").verdict == "PASS", "the unit that ran is finished"
            wait_for(line, lambda s: s.database == "lost", "the loss")
            answer = begun(line.next_unit())
            assert wait_phase(line, "v1", "done").verdict == "PASS", "and the next one, of the reserve"
        finally:
            postgres.start()
        state = wait_for(line, lambda s: s.database == "ok" and s.lot is not None and s.lot.passed == 2)
        assert state.lot is not None
        serial = answer.serial or ""
        wait_until(lambda: code(line.scan(serial)) == "serial-duplicate", "the database's word")


def test_a_recipe_may_stop_instead(
    lab: LineLab, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_DATABASE", postgres.new_database())
    with lab.line(lab.recipe("pass", database={"on_loss": "stop"})) as line:
        assert run_unit(line, "S1").verdict == "PASS"
        postgres.stop()
        try:
            assert code(line.scan("S2")) == "line-stops-without-database"
        finally:
            postgres.start()
        wait_until(lambda: line.scan("S2").kind == "started", "the database's word")
        view = wait_phase(line, "v1", "done")
        assert view.verdict == "PASS", view.error
