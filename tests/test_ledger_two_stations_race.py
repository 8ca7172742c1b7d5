"""Two stations that work on the same label, chip, key or CSR at once never make two units of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.ledger_lab import claim_of, digest
from workbench.database.engine import open_engine
from workbench.identity.ledger import Ledger
from workbench.identity.ledger.tables import IDENTIFIERS, UNITS
from workbench.identity.state import State

ROUNDS = 25

STATION = """
import json, sys
from workbench.database.engine import open_engine
from workbench.errors import WorkbenchError
from workbench.identity.ledger import Ledger, UnitClaim

ledger = Ledger(open_engine(sys.argv[1]), station=sys.argv[2])
ledger.search("warm up")
print("ready", flush=True)
for line in sys.stdin:
    method, given = json.loads(line)
    try:
        if method == "claim":
            unit = ledger.claim(UnitClaim(**given))
        else:
            unit = getattr(ledger, method)(*given)
        told = ["unit", unit.unit_id]
    except WorkbenchError as error:
        told = [error.code, *getattr(error, "units", ())]
    print(json.dumps(told), flush=True)
"""


@dataclass
class Station:
    """A process with the ledger open."""

    process: subprocess.Popen[str]

    def say(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def stations(database_url: str) -> Iterator[tuple[Ledger, list[Station]]]:
    ledger = Ledger(open_engine(database_url), station="parent")
    with ExitStack() as stack:
        stack.callback(ledger.close)
        found = []
        for name in ("s1", "s2"):
            command = [sys.executable, "-c", STATION, database_url, name]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            found.append(Station(process))
        for station in found:
            assert station.hear() == "ready"
        yield ledger, found


def at_once(stations: list[Station], orders: list[Any]) -> list[list[str]]:
    """Gives both their order, before it hears either's answer."""
    for station, order in zip(stations, orders, strict=True):
        station.say(json.dumps(order))
    return [json.loads(station.hear()) for station in stations]


def order(serial: str, chip: str) -> list[Any]:
    claim = claim_of(serial, chip)
    names = ("kind", "serial", "model", "hardware_id", "target", "station")
    return ["claim", {name: getattr(claim, name) for name in names}]


def states(ledger: Ledger, *unit_ids: str) -> set[State]:
    with ledger._engine.connect() as connection:
        query = select(UNITS.c.state).where(UNITS.c.unit_id.in_(unit_ids))
        return {State(state) for state in connection.scalars(query)}


def alive(ledger: Ledger, column: str, value: str) -> int:
    with ledger._engine.connect() as connection:
        query = select(func.count()).where(UNITS.c[column] == value, UNITS.c.state != "quarantined")
        return int(connection.execute(query).scalar_one())


def test_the_same_unit_at_two_stations_is_one_unit(stations: tuple[Ledger, list[Station]]) -> None:
    ledger, both = stations
    for number in range(ROUNDS):
        first, second = at_once(both, [order(f"A{number}", f"a{number}")] * 2)
        assert first == second
        assert first[0] == "unit"
    assert len(ledger.units(limit=1000)) == ROUNDS


OTHERS: dict[str, Callable[[int], list[Any]]] = {
    "serial": lambda number: [order(f"A{number}", f"a{number}"), order(f"A{number}", f"b{number}")],
    "hardware_id": lambda number: [order(f"A{number}", f"a{number}"), order(f"B{number}", f"a{number}")],
}


@pytest.mark.parametrize("what", OTHERS)
def test_one_label_or_chip_at_two_stations_stops_both(
    stations: tuple[Ledger, list[Station]], what: str
) -> None:
    ledger, both = stations
    winners: Counter[int] = Counter()
    for number in range(ROUNDS):
        answers = at_once(both, OTHERS[what](number))
        kinds = [answer[0] for answer in answers]
        assert sorted(kinds) == ["identity-conflict", "unit"]
        winners[kinds.index("unit")] += 1
        (conflict,) = [answer[1:] for answer in answers if answer[0] != "unit"]
        assert len(conflict) == 2
        assert states(ledger, *conflict) == {State.QUARANTINED}
        assert alive(ledger, what, f"A{number}" if what == "serial" else digest(f"a{number}")) == 0
    assert sum(winners.values()) == ROUNDS


@pytest.mark.parametrize("what", ["keyed", "requested"])
def test_one_key_or_csr_at_two_stations_stops_both(stations: tuple[Ledger, list[Station]], what: str) -> None:
    ledger, both = stations
    for number in range(ROUNDS):
        units = [ledger.claim(claim_of(f"{name}{number}", f"{name}{number}")) for name in "AB"]
        orders = [["keyed", [u.unit_id, {"device": digest(f"k{number}")}, "on-chip", {}]] for u in units]
        if what == "requested":
            for unit in units:
                ledger.keyed(unit.unit_id, {"device": digest(unit.unit_id)}, "on-chip", {})
            orders = [["requested", [unit.unit_id, digest(f"csr{number}")]] for unit in units]
        answers = at_once(both, orders)
        assert sorted(answer[0] for answer in answers) == ["identity-conflict", "unit"]
        assert states(ledger, *(unit.unit_id for unit in units)) == {State.QUARANTINED}
    with ledger._engine.connect() as connection:
        kind = "key" if what == "keyed" else "csr"
        query = select(func.count()).where(IDENTIFIERS.c.kind == kind)
        assert connection.execute(query).scalar_one() == ROUNDS


def test_a_crossed_claim_stops_without_a_deadlock(stations: tuple[Ledger, list[Station]]) -> None:
    ledger, both = stations
    for number in range(ROUNDS):
        units = [ledger.claim(claim_of(f"{name}{number}", f"{name}{number}")) for name in "AB"]
        answers = at_once(both, [order(f"A{number}", f"B{number}"), order(f"B{number}", f"A{number}")])
        assert [answer[0] for answer in answers] == ["identity-conflict"] * 2
        assert states(ledger, *(unit.unit_id for unit in units)) == {State.QUARANTINED}
        assert [entry.what for entry in ledger.history(units[0].unit_id)] == ["claimed", "quarantined"]
