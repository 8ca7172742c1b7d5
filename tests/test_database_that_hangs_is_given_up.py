"""A PostgreSQL server that keeps its connections and answers nothing is given up, and used again later."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from tests.fixtures_postgres import PostgresServer
from tests.line_lab import LineLab, begun, line_lab, wait_for, wait_phase
from workbench.database.engine import (
    DatabaseUnavailable,
    DatabaseUrlInvalid,
    library_errors,
    open_engine,
    writing,
)

pytestmark = pytest.mark.xdist_group("line database")

BOUNDS = "&answer_timeout=1&connect_timeout=2"


@pytest.fixture
def engine(postgres: PostgresServer) -> Iterator[Engine]:
    made = open_engine(postgres.new_database() + BOUNDS)
    with writing(made) as connection:
        connection.execute(text("CREATE TABLE made (unit TEXT PRIMARY KEY)"))
    yield made
    made.dispose()


def _count(engine: Engine) -> int:
    with library_errors(engine.url), engine.connect() as connection:
        counted: int = connection.execute(text("SELECT count(*) FROM made")).scalar_one()
        return counted


def test_a_statement_without_an_answer_is_given_up(engine: Engine, postgres: PostgresServer) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with (
            postgres.silent(),
            pytest.raises(DatabaseUnavailable, match="has not answered for 1 seconds"),
            library_errors(engine.url),
        ):
            connection.execute(text("SELECT 2"))
    assert _count(engine) == 0


def test_a_connection_of_the_pool_is_not_waited_for(engine: Engine, postgres: PostgresServer) -> None:
    assert _count(engine) == 0
    with postgres.silent(), pytest.raises(DatabaseUnavailable):
        _count(engine)
    assert _count(engine) == 0


def test_what_was_not_committed_is_not_there_afterwards(engine: Engine, postgres: PostgresServer) -> None:
    def insert() -> None:
        with library_errors(engine.url), writing(engine) as connection:
            connection.execute(text("INSERT INTO made VALUES ('A1')"))
            with postgres.silent():
                connection.execute(text("INSERT INTO made VALUES ('A2')"))

    with pytest.raises(DatabaseUnavailable):
        insert()
    assert _count(engine) == 0


def test_data_that_arrive_begin_the_time_anew(engine: Engine) -> None:
    slowly = text("SELECT pg_sleep(0.4), repeat('x', 9000) FROM generate_series(1, 4)")
    with engine.connect() as connection:
        assert len(connection.execute(slowly).all()) == 4


@pytest.mark.parametrize("told", ["0", "soon", "nan", "1e9", "-1"])
def test_a_bound_that_is_none_is_refused(told: str) -> None:
    with pytest.raises(DatabaseUrlInvalid):
        open_engine(f"postgresql://workbench@/x?answer_timeout={told}")


@pytest.fixture
def lab() -> Iterator[LineLab]:
    with line_lab(1) as made:
        yield made


def test_a_line_goes_on_meanwhile_and_each_unit_is_made_once(
    lab: LineLab, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_DATABASE", postgres.new_database() + BOUNDS)
    lot = lab.lot("silent", rule="range", prefix="D", first=1, last=9, digits=1)
    recipe = lab.recipe("gate", database={"on_loss": "continue", "reserve": 4})
    with lab.line(recipe, lot) as line:
        wait_for(line, lambda s: s.database == "ok" and s.reserved >= 3, "a reserve")
        first = begun(line.next_unit()).serial
        wait_for(line, lambda s: s.slots[0].current is not None)
        with postgres.silent():
            lab.open_gate("v1")
            assert wait_phase(line, "v1", "done").verdict == "PASS", "the unit that ran is finished"
            wait_for(line, lambda s: s.database == "lost", "the loss")
            second = begun(line.next_unit()).serial
            assert wait_phase(line, "v1", "done").verdict == "PASS", "and the next one, of the reserve"
        state = wait_for(line, lambda s: s.database == "ok" and s.lot is not None and s.lot.passed == 2)
        assert state.lot is not None
        assert first != second
