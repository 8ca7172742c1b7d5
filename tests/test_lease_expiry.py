"""A lease whose time is over stays its live owner's until somebody wants it, and goes over only when the
owner ended.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from workbench.boards.leases import LeaseLost, SlotLeased, lease, lease_status
from workbench.errors import InputError

AT_ONCE_S = 1e-9


def test_an_expired_lease_that_nobody_wants_can_be_renewed(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    with lease(slot, "me", "working", AT_ONCE_S) as held:
        assert lease_status(slot).state == "expired"
        held.check()
        held.renew(60)
        assert lease_status(slot).state == "leased"
        with pytest.raises(SlotLeased):
            lease(slot, "other", "trying").take()
        held.check()


def test_an_expired_one_is_told_without_kick_and_goes_over_when_it_ended(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    got = threading.Event()
    told = threading.Event()

    def want() -> None:
        with lease(slot, "anna", "next"):
            got.set()

    thread = threading.Thread(target=want)
    with lease(slot, "me", "too long", AT_ONCE_S, on_lost=lambda lost: told.set()) as held:
        thread.start()
        assert told.wait(5)
        with pytest.raises(LeaseLost, match=r"time was over, and anna \(next\) wanted"):
            held.check()
        with pytest.raises(LeaseLost):
            held.renew()
        assert not got.is_set()
    thread.join(10)
    assert got.is_set()


def test_one_that_does_not_end_keeps_it_even_when_its_time_is_over(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    with lease(slot, "deaf", "hanging", AT_ONCE_S), pytest.raises(SlotLeased, match="told to stop"):
        lease(slot, "me", "trying", grace_s=0.05).take()


def test_setting_the_clock_does_not_end_a_lease(tmp_path: Path) -> None:
    slot = tmp_path / "a1"
    with lease(slot, "me", "working", 60) as held:
        record = (slot / "lease.json").read_text()
        start = record.index('"expires": ')
        (slot / "lease.json").write_text(record[:start] + '"expires": 1' + record[record.index(",", start) :])
        assert lease_status(slot).state == "leased"
        held.check()


@pytest.mark.parametrize("ttl_s", [0, -1, 1e9, float("nan")])
def test_a_senseless_duration_is_refused(tmp_path: Path, ttl_s: float) -> None:
    with pytest.raises(InputError):
        lease(tmp_path / "a1", "me", "working", ttl_s)
