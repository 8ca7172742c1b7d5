"""The database itself refuses what must not be, with every check of the program taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.ledger_lab import claim_of, digest, enrol, spki_of
from workbench.database import engine as database
from workbench.database.engine import DatabaseUnavailable, open_engine, writing
from workbench.identity.ledger import Ledger, claiming, moves, rows_owned, rows_units
from workbench.identity.ledger.claims import Fresh, identifiers
from workbench.identity.ledger.tables import CERTIFICATES, HISTORY, IDENTIFIERS, UNITS
from workbench.identity.state import State


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    ledger = Ledger(open_engine(database_url), station="s1")
    yield ledger
    ledger.close()


OWNED = {
    "serial": "a1",
    "hardware-id": digest("chip"),
    "ek-certificate": digest("ek"),
    "key": spki_of("k/idevid"),
    "csr": "",
    "certificate": "",
    "request-id": "",
}


@pytest.mark.parametrize("kind", OWNED)
def test_nothing_that_a_unit_owns_can_be_written_twice(ledger: Ledger, kind: str) -> None:
    first = enrol(ledger, claim_of("A1", "chip", ek_cert_sha256=digest("ek")), "k")
    second = ledger.claim(claim_of("B1", "b"))
    with ledger._engine.connect() as connection:
        rows = connection.execute(
            IDENTIFIERS.select().where(IDENTIFIERS.c.unit_id == first.unit_id, IDENTIFIERS.c.kind == kind)
        ).all()
    assert rows
    assert not OWNED[kind] or OWNED[kind] in [row.value for row in rows]
    for row in rows:
        values = {"kind": kind, "value": row.value, "role": "other", "unit_id": second.unit_id}
        with pytest.raises(IntegrityError), writing(ledger._engine) as connection:
            connection.execute(insert(IDENTIFIERS).values(values))


def test_a_unit_has_one_label_one_chip_and_one_key_for_each_role(ledger: Ledger) -> None:
    unit = enrol(ledger, claim_of("A1", "chip"), "k")
    for kind, role in (("serial", ""), ("hardware-id", ""), ("key", "idevid"), ("certificate", "iak")):
        values = {"kind": kind, "value": digest(kind), "role": role, "unit_id": unit.unit_id}
        with pytest.raises(IntegrityError), writing(ledger._engine) as connection:
            connection.execute(insert(IDENTIFIERS).values(values))
    again: dict[str, Any] = {"unit_id": unit.unit_id, "role": "idevid", "der": b"x", "sha256": digest("x")}
    with pytest.raises(IntegrityError), writing(ledger._engine) as connection:
        connection.execute(insert(CERTIFICATES).values(again))


@pytest.mark.parametrize("state", ["blank", "keyed", "verified", "nonsense", ""])
def test_the_way_out_of_quarantine_is_closed(ledger: Ledger, state: str) -> None:
    unit = ledger.claim(claim_of("A1", "chip"))
    ledger.quarantine(unit.unit_id, "it smells")
    with pytest.raises(DBAPIError), writing(ledger._engine) as connection:
        connection.execute(update(UNITS).where(UNITS.c.unit_id == unit.unit_id).values(state=state))
    ledger.rma(unit.unit_id, "why not", "eve")
    with pytest.raises(DBAPIError), writing(ledger._engine) as connection:
        connection.execute(update(UNITS).where(UNITS.c.unit_id == unit.unit_id).values(state=state))


def test_history_is_only_added_to(ledger: Ledger) -> None:
    unit = enrol(ledger, claim_of("A1", "chip"), "k")
    told = ledger.history(unit.unit_id)
    for change in (update(HISTORY).values(what="nothing"), delete(HISTORY), delete(UNITS)):
        with pytest.raises(DBAPIError), writing(ledger._engine) as connection:
            connection.execute(change)
    assert ledger.history(unit.unit_id) == told


def test_without_the_programs_checks_a_second_claim_still_makes_no_second_unit(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.claim(claim_of("A1", "chip"))
    monkeypatch.setattr(claiming, "decide", lambda *_args, **_how: Fresh(()))
    for claim in (claim_of("A1", "other"), claim_of("A2", "chip"), claim_of("A1", "chip")):
        assert len(identifiers(claim)) == 2
        with pytest.raises(DatabaseUnavailable):
            ledger.claim(claim)
    assert len(ledger.units()) == 1


def _blind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_owned, "owners", lambda *_: {})


STEPS: dict[str, Callable[[Ledger, Any, Any], Any]] = {
    "keys": lambda ledger, first, second: ledger.keyed(second, first.keys, "tpm", {}),
    "a CSR": lambda ledger, first, second: (
        ledger.keyed(second, {"idevid": spki_of("x")}, "tpm", {}),
        ledger.requested(second, first.csrs[0]),
    ),
}


@pytest.mark.parametrize("step", STEPS)
def test_without_the_programs_checks_nothing_goes_into_a_second_unit(
    ledger: Ledger, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = enrol(ledger, claim_of("A1", "chip"), "k")
    second = ledger.claim(claim_of("B1", "b"))
    _blind(monkeypatch)
    with pytest.raises(DatabaseUnavailable):
        STEPS[step](ledger, first, second.unit_id)
    monkeypatch.undo()
    found = ledger.find(spki=first.keys["idevid"])
    assert found is not None
    assert found.unit_id == first.unit_id
    assert found.state is State.VERIFIED


def test_a_database_of_the_records_alone_is_brought_up_to_date(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "REVISIONS", ("0001",))
    engine = open_engine(database_url)
    with engine.connect() as connection:
        assert not engine.dialect.has_table(connection, "units")
    engine.dispose()
    monkeypatch.undo()
    ledger = Ledger(open_engine(database_url))
    unit = enrol(ledger, claim_of("A1", "chip"), "k")
    assert unit.state is State.VERIFIED
    ledger.close()


def test_commits_are_on_the_disk_when_they_are_told(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    tell = rows_units.insert_unit

    def watch(connection: Any, *given: Any, **more: Any) -> str:
        if connection.dialect.name == "postgresql":
            seen.append(connection.execute(text("SHOW synchronous_commit")).scalar_one())
        else:
            seen.append(connection.execute(text("PRAGMA synchronous")).scalar_one())
        return tell(connection, *given, **more)

    if ledger._engine.dialect.name == "postgresql":
        name = ledger._engine.url.database
        with ledger._engine.connect() as connection:
            connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
            connection.commit()
        ledger._engine.dispose()
    monkeypatch.setattr(rows_units, "insert_unit", watch)
    ledger.claim(claim_of("A1", "chip"))
    assert seen in (["on"], [2])
    assert moves.__doc__
