"""Whatever stations do in whatever order, the ledger agrees with a small model, on a real database."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.ledger_lab import certificate_of, claim_of, digest, spki_of
from workbench.database.engine import open_engine
from workbench.errors import WorkbenchError
from workbench.identity.ledger import (
    IdentityConflict,
    Ledger,
    RmaRefused,
    RmaRequired,
    Unit,
    WrongState,
)
from workbench.identity.state import ORDER, State, may_follow

SERIALS, CHIPS, KEYS = st.sampled_from("ABC"), st.sampled_from("xyz"), st.sampled_from("klm")


@dataclass
class Model:
    """One unit as the model has it."""

    serial: str
    chip: str
    state: State = State.BLANK
    key: str | None = None
    csrs: set[str] = field(default_factory=set)
    rma: str | None = None


@cache
def new_database() -> bytes:
    """A ledger in which nothing is: migrated once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        open_engine(f"sqlite:///{path}").dispose()
        return path.read_bytes()


class LedgerMachine(RuleBasedStateMachine):
    """Rules are what stations call; the model says what must come of it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="wb-ledger-"))
        path = self.folder / "ledger.sqlite"
        path.write_bytes(new_database())
        self.ledger = Ledger(open_engine(f"sqlite:///{path}"), station="s1")
        self.units: dict[str, Model] = {}
        self.owner: dict[tuple[str, str], str] = {}
        self.rmas: dict[str, tuple[str, str | None]] = {}

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        assert self.ledger.units() == ()

    def pick(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.units, key=list(self.units).index)))

    def stop(self, *unit_ids: str) -> None:
        for unit_id in unit_ids:
            if may_follow(self.units[unit_id].state, State.QUARANTINED):
                self.units[unit_id].state = State.QUARANTINED

    @rule(serial=SERIALS, chip=CHIPS, data=st.data())
    def claim(self, serial: str, chip: str, data: st.DataObject) -> None:
        rma = data.draw(st.sampled_from([None, *self.rmas]))
        wanted = [("serial", serial), ("chip", chip)]
        owners = [self.owner.get(item) for item in wanted]
        try:
            unit = self.ledger.claim(claim_of(serial, chip), rma)
        except IdentityConflict as error:
            living = {o for o in owners if o and self.units[o].state is not State.RETIRED}
            assert living
            assert owners[0] != owners[1] or owners[0] is None
            self.clashed(living, error.units, serial, chip)
            return
        except RmaRequired:
            assert {self.units[o].state for o in owners if o} == {State.RETIRED}
            return
        except RmaRefused:
            assert rma is not None
            return
        if unit.unit_id in self.units:
            assert owners == [unit.unit_id] * 2
            return
        old = {self.rmas[rma][0]} if rma else set()
        assert {o for o in owners if o} <= old
        assert rma is None or (self.rmas[rma][1] is None and any(owners))
        if rma:
            self.rmas[rma] = (self.rmas[rma][0], unit.unit_id)
        self.units[unit.unit_id] = Model(serial, chip, rma=rma)
        self.owner |= dict.fromkeys(wanted, unit.unit_id)

    def clashed(self, living: set[str], units: tuple[str, ...], serial: str, chip: str) -> None:
        assert living <= set(units)
        self.adopt(units, serial, chip)
        self.stop(*units)

    def adopt(self, unit_ids: tuple[str, ...], serial: str, chip: str) -> None:
        """A record that a conflict made owns what nobody owned."""
        for unit_id in unit_ids:
            if unit_id not in self.units:
                self.units[unit_id] = Model(serial, chip, State.QUARANTINED)
                for item in (("serial", serial), ("chip", chip)):
                    self.owner.setdefault(item, unit_id)

    @rule(key=KEYS, data=st.data())
    def keyed(self, key: str, data: st.DataObject) -> None:
        if not self.units:
            return
        unit_id = self.pick(data)
        model = self.units[unit_id]
        owner = self.owner.get(("key", key))
        old = self.rmas[model.rma][0] if model.rma else None
        try:
            self.ledger.keyed(unit_id, {"device": spki_of(key)}, "on-chip", {})
        except IdentityConflict:
            if model.state is State.BLANK:
                assert owner not in (None, unit_id, old)
                assert owner is not None
                self.stop(owner)
            else:
                assert model.key != key
            self.stop(unit_id)
        except WrongState:
            assert model.state in (State.QUARANTINED, State.RETIRED)
        else:
            if model.state is State.BLANK:
                assert owner in (None, old)
                model.key, model.state = key, State.KEYED
                self.owner["key", key] = unit_id
            assert model.key == key

    @rule(name=st.sampled_from("pqr"), data=st.data())
    def requested(self, name: str, data: st.DataObject) -> None:
        if not self.units:
            return
        unit_id = self.pick(data)
        model, owner = self.units[unit_id], self.owner.get(("csr", name))
        try:
            self.ledger.requested(unit_id, digest(name))
        except IdentityConflict:
            assert owner is not None
            assert owner != unit_id
            self.stop(unit_id, owner)
        except WrongState:
            assert model.state is not State.KEYED
        else:
            assert model.state is State.KEYED or name in model.csrs
            model.csrs.add(name)
            self.owner["csr", name] = unit_id

    @rule(what=st.sampled_from(["certified", "locked", "verified"]), data=st.data())
    def proceed(self, what: str, data: st.DataObject) -> None:
        if not self.units:
            return
        unit_id = self.pick(data)
        model = self.units[unit_id]
        try:
            if what == "certified":
                self.ledger.certified(unit_id, {"device": self.certificate(unit_id, model)})
            elif what == "locked":
                self.ledger.locked(unit_id, {"tried": True})
            else:
                self.ledger.verified(unit_id, digest(f"evidence {unit_id}"))
        except WrongState:
            assert not may_follow(model.state, State(what))
            assert model.state not in ORDER or ORDER.index(model.state) < ORDER.index(State(what))
        else:
            if may_follow(model.state, State(what)):
                model.state = State(what)
            assert ORDER.index(model.state) >= ORDER.index(State(what))

    def certificate(self, unit_id: str, model: Model) -> bytes:
        return certificate_of(model.key or "none", int(digest(unit_id)[:15], 16) + 1)

    @rule(data=st.data())
    def quarantine(self, data: st.DataObject) -> None:
        if not self.units:
            return
        unit_id = self.pick(data)
        try:
            self.ledger.quarantine(unit_id, "it smells")
        except WrongState:
            assert self.units[unit_id].state is State.RETIRED
        self.stop(unit_id)

    @rule(data=st.data())
    def rma(self, data: st.DataObject) -> None:
        if not self.units:
            return
        unit_id = self.pick(data)
        unused = [name for name, (old, new) in self.rmas.items() if old == unit_id and new is None]
        found = self.ledger.rma(unit_id, "why not", "eve")
        assert [found] == unused or found not in self.rmas
        self.rmas.setdefault(found, (unit_id, None))
        self.units[unit_id].state = State.RETIRED

    @rule(data=st.data(), act=st.sampled_from(["clear", "nv-write"]))
    def act(self, data: st.DataObject, act: str) -> None:
        if not self.units:
            return
        unit_id = self.pick(data)
        try:
            act_id = self.ledger.intend(unit_id, act, {})
        except WrongState:
            assert self.units[unit_id].state not in ORDER
            return
        assert act_id in {open_act.act_id for open_act in self.ledger.open_acts(unit_id)}
        if data.draw(st.booleans()):
            self.ledger.observe(act_id, {"rc": 0})

    @invariant()
    def states_are_the_models(self) -> None:
        found = {unit.unit_id: unit for unit in self.ledger.units(limit=1000)}
        assert {unit_id: unit.state for unit_id, unit in found.items()} == {
            unit_id: model.state for unit_id, model in self.units.items()
        }
        for (kind, value), unit_id in self.owner.items():
            if kind != "csr":
                assert self.owner_in_ledger(kind, value) == unit_id
        for unit_id, unit in found.items():
            self.check_history(unit_id, unit)

    def owner_in_ledger(self, kind: str, value: str) -> str | None:
        found: Unit | None
        if kind == "serial":
            found = self.ledger.find(serial=value)
        elif kind == "chip":
            found = self.ledger.find(hardware_id=digest(value))
        else:
            found = self.ledger.find(spki=spki_of(value))
        return None if found is None else found.unit_id

    def check_history(self, unit_id: str, unit: Unit) -> None:
        states = [entry.state for entry in self.ledger.history(unit_id)]
        steps = [new for old, new in zip([None, *states], states, strict=False) if new is not old]
        assert steps[-1] is unit.state
        assert all(may_follow(old, new) for old, new in pairwise(steps))

    @invariant()
    def one_living_unit_for_each_label_and_chip(self) -> None:
        living = [unit for unit in self.ledger.units(limit=1000) if unit.state in ORDER]
        for name in ("serial", "hardware_id", "request_id"):
            values = [getattr(unit, name) for unit in living]
            assert len(set(values)) == len(values)
        assert not any(isinstance(unit, WorkbenchError) for unit in living)


LedgerMachine.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestLedger = LedgerMachine.TestCase
