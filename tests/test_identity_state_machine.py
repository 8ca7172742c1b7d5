"""A unit's states follow one way, and each state tells the next run what to do."""

from __future__ import annotations

import itertools

import pytest

from workbench.identity.state import ORDER, Do, State, has_reached, may_follow, next_for


@pytest.mark.parametrize(("old", "new"), list(itertools.product(State, State)))
def test_one_step_on_or_into_quarantine_or_out_by_an_rma(old: State, new: State) -> None:
    forward = old in ORDER and new in ORDER and ORDER.index(new) - ORDER.index(old) == 1
    stopped = new is State.QUARANTINED and old not in (State.QUARANTINED, State.RETIRED)
    retired = new is State.RETIRED and old is not State.RETIRED
    assert may_follow(old, new) == (forward or stopped or retired)


def test_nothing_leads_back_from_quarantine_but_an_rma() -> None:
    assert [new for new in State if may_follow(State.QUARANTINED, new)] == [State.RETIRED]
    assert [new for new in State if may_follow(State.RETIRED, new)] == []


@pytest.mark.parametrize("state", State)
def test_each_state_has_its_work(state: State) -> None:
    work = {
        State.BLANK: Do.MAKE_KEYS,
        State.KEYED: Do.REQUEST_CERTIFICATES,
        State.CERTIFIED: Do.STORE_AND_LOCK,
        State.LOCKED: Do.VERIFY,
        State.VERIFIED: Do.VERIFY_AGAIN,
        State.QUARANTINED: Do.REFUSE,
        State.RETIRED: Do.REFUSE,
    }
    assert next_for(state).do is work[state]
    assert not next_for(state).look
    after_a_crash = next_for(state, open_acts=2)
    assert after_a_crash.look == (work[state] is not Do.REFUSE)
    assert after_a_crash.do is work[state]
    assert ("2 unfinished" in after_a_crash.words) == after_a_crash.look


def test_a_unit_in_quarantine_has_reached_nothing() -> None:
    for old, wanted in itertools.product(State, State):
        expected = old in ORDER and wanted in ORDER and ORDER.index(old) >= ORDER.index(wanted)
        assert has_reached(old, wanted) == expected
