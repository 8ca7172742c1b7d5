"""Whatever order things happen in: one holder, told before it loses the slot, never two."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from workbench.boards.lease_record import Now, Process, Record, decide, decode, encode, is_expired, state_of
from workbench.boards.leases import Lease, LeaseLost, SlotLeased, lease, lease_status


class Leasing(RuleBasedStateMachine):
    """The lease of one slot against a model: who holds it, whether they were told, whether their time is
    over.
    """

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp()) / "a1"
        self.held: Lease | None = None
        self.lost: list[Lease] = []
        self.told = False
        self.expired = False

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            if self.held is not None:
                self.held.__exit__(None, None, None)
            shutil.rmtree(self.folder.parent)

    @rule(kick=st.booleans(), ttl_s=st.sampled_from([1e-9, 60.0]))
    def want(self, kick: bool, ttl_s: float) -> None:
        wanted = lease(self.folder, "somebody", "something", ttl_s, kick, grace_s=0)
        if self.held is None:
            wanted.take()
            self.held, self.told, self.expired = wanted, False, ttl_s < 1
            return
        with pytest.raises(SlotLeased):
            wanted.take()
        self.told = self.told or kick or self.expired

    @precondition(lambda self: self.held is not None)
    @rule()
    def end(self) -> None:
        assert self.held is not None
        self.held.__exit__(None, None, None)
        self.held = None

    @precondition(lambda self: self.held is not None)
    @rule()
    def die(self) -> None:
        """What the kernel does for a process that is killed: descriptors are closed, nothing else happens."""
        assert self.held is not None
        watch = self.held._watch
        assert watch is not None
        watch.end()
        for claim in self.held._claims:
            claim.close()
        self.held = None

    @precondition(lambda self: self.held is not None)
    @rule(ttl_s=st.sampled_from([1e-9, 60.0]))
    def renew(self, ttl_s: float) -> None:
        assert self.held is not None
        if self.told:
            with pytest.raises(LeaseLost):
                self.held.renew(ttl_s)
        else:
            self.held.renew(ttl_s)
            self.expired = ttl_s < 1

    @invariant()
    def the_holder_knows(self) -> None:
        if getattr(self, "held", None) is None:
            return
        assert self.held is not None
        if self.told:
            with pytest.raises(LeaseLost):
                self.held.check()
        else:
            self.held.check()

    @invariant()
    def the_status_is_true(self) -> None:
        if not hasattr(self, "folder"):
            return
        state = lease_status(self.folder).state
        if self.held is None:
            assert state in ("free", "abandoned")
        else:
            assert state == ("stopping" if self.told else "expired" if self.expired else "leased")


Leasing.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLeasing = Leasing.TestCase

TEXT = st.text(max_size=30)
SECONDS = st.floats(min_value=0, max_value=1e10)
PROCESSES = st.builds(
    Process,
    pid=st.integers(0, 1 << 22),
    pid_start=st.integers(0, 1 << 40),
    pid_space=TEXT,
    boot_id=TEXT,
    host=TEXT,
)
RECORDS = st.builds(
    Record,
    token=st.text("0123456789abcdef", min_size=1, max_size=16),
    owner=TEXT,
    purpose=TEXT,
    process=PROCESSES,
    since=SECONDS,
    expires=SECONDS,
    expires_boot_s=SECONDS,
    stop_reason=st.sampled_from([None, "kicked", "expired"]),
    stop_by=st.none() | TEXT,
)


@given(RECORDS)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert decode(encode(record)) == record


@given(RECORDS, st.data())
def test_a_torn_record_is_none_or_the_record(record: Record, data: st.DataObject) -> None:
    content = encode(record)
    cut = data.draw(st.integers(0, len(content) - 1))
    assert decode(content[:cut]) is None


@given(st.binary() | st.text().map(str.encode))
def test_anything_else_is_none(content: bytes) -> None:
    assert decode(content) is None


@given(RECORDS, SECONDS, SECONDS, st.booleans())
def test_a_live_owner_is_never_passed_over(record: Record, unix_s: float, boot_s: float, kick: bool) -> None:
    now = Now(unix_s, boot_s, record.process.boot_id)
    assert decide(state_of(record, alive=True, now=now), kick=kick) != "take"
    assert decide(state_of(record, alive=False, now=now), kick=kick) == "take"


@given(RECORDS, SECONDS, SECONDS)
def test_one_whose_time_is_not_over_is_told_only_with_kick(
    record: Record, unix_s: float, boot_s: float
) -> None:
    fresh = replace(record, stop_reason=None)
    now = Now(unix_s, boot_s, record.process.boot_id)
    expected = "tell" if is_expired(fresh, now) else "refuse"
    assert decide(state_of(fresh, alive=True, now=now), kick=False) == expected
