"""A station that is killed in any transaction leaves the ledger as it was before it or after it."""

from __future__ import annotations

import itertools
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ledger_lab import claim_of, enrol
from workbench.database.engine import open_engine
from workbench.identity.ledger import Ledger
from workbench.identity.state import ORDER, State

VICTIM = """
import os, signal, sys
from sqlalchemy import event
from tests.ledger_lab import claim_of, enrol
from workbench.database.engine import open_engine
from workbench.identity.ledger import Ledger

engine = open_engine(sys.argv[1])
left = [int(sys.argv[2])]
when = sys.argv[3]

def count(*_):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(engine, "before_cursor_execute" if when == "statement" else when, count)
enrol(Ledger(engine, station="s1"), claim_of("A1", "chip"), "k")
"""
ROOT = Path(__file__).resolve().parent.parent


def _kill_at(url: str, number: int, when: str) -> bool:
    """Whether the station was killed before it came to the end of its work."""
    done = subprocess.run(
        [sys.executable, "-c", VICTIM, url, str(number), when],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def _check(ledger: Ledger) -> State | None:
    """What was left: every row of a step, or none of it."""
    unit = ledger.find(serial="A1")
    if unit is None:
        assert ledger.units() == ()
        return None
    told = [entry.what for entry in ledger.history(unit.unit_id)]
    assert told == [
        step for step in ("claimed", "keyed", "requested", "certified", "locked", "verified") if step in told
    ]
    assert told[-1] == str(unit.state) or told[-1] in ("claimed", "requested")
    reached = ORDER.index(unit.state)
    assert bool(unit.keys) == (reached >= 1) == (unit.origin is not None)
    assert bool(unit.certificates) == (reached >= 2)
    assert (unit.lock_observed is not None) == (reached >= 3)
    assert (unit.evidence_sha256 is not None) == (reached >= 4)
    assert bool(unit.csrs) == ("requested" in told)
    return unit.state


@pytest.mark.parametrize("when", ["statement", "commit"])
def test_a_killed_station_leaves_whole_steps(tmp_path: Path, when: str) -> None:
    """Every commit, and every thirteenth statement: a hundred processes would take long."""
    reached: set[State | None] = set()
    for number in itertools.count(0, 13 if when == "statement" else 1):
        url = f"sqlite:///{tmp_path / f'{number}.sqlite'}"
        open_engine(url).dispose()
        killed = _kill_at(url, number, when)
        ledger = Ledger(open_engine(url), station="s2")
        reached.add(_check(ledger))
        left = {act.act for unit in ledger.units() for act in ledger.open_acts(unit.unit_id)}
        assert left <= {"make-keys"}
        before = ledger.find(serial="A1")
        after = enrol(ledger, claim_of("A1", "chip"), "k")
        assert after.state is State.VERIFIED
        assert before is None or after.unit_id == before.unit_id
        assert len(ledger.units()) == 1
        ledger.close()
        with sqlite3.connect(tmp_path / f"{number}.sqlite") as driver:
            assert driver.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert driver.execute("PRAGMA foreign_key_check").fetchall() == []
        if not killed:
            break
    assert reached == {None, *ORDER}


INTENDING = """
import os, signal, sys
from tests.ledger_lab import claim_of
from workbench.database.engine import open_engine
from workbench.identity.ledger import Ledger

ledger = Ledger(open_engine(sys.argv[1]), station="s1")
unit = ledger.claim(claim_of("A1", "chip"))
print(ledger.intend(unit.unit_id, "clear", {"handle": "lockout"}), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_act_is_written_before_it_may_be_done(database_url: str) -> None:
    command = [sys.executable, "-c", INTENDING, database_url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    ledger = Ledger(open_engine(database_url), station="s2")
    unit = ledger.claim(claim_of("A1", "chip"))
    (act,) = ledger.open_acts(unit.unit_id)
    assert (act.act_id, act.act, act.intent) == (done.stdout.strip(), "clear", {"handle": "lockout"})
    assert unit.open_acts == 1
    ledger.close()
