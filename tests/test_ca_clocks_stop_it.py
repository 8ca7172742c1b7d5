"""A CA whose clock cannot be believed issues nothing: no nonce, no certificate, no CRL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ca_lab import PASSPHRASE, Chip, as_map, ca_at, new_ca, now_s
from workbench.identity.ca.clock_guard import ClockGuard
from workbench.identity.ca.errors import CaClockDisagrees
from workbench.identity.ca.opened import Opened, opened_ca
from workbench.identity.clocks import Reading


class Clocks:
    """Clocks that a test sets."""

    def __init__(self) -> None:
        self.wall = datetime.now(UTC)
        self.monotonic_s = 1000.0

    def read(self) -> Reading:
        return Reading(self.wall, self.monotonic_s)


ACTS: dict[str, Callable[[Opened], object]] = {
    "nonce": lambda ca: Chip("SN-9").asks_inside(ca),
    "crl": lambda ca: ca.manual.crl(),
    "revoke": lambda ca: ca.manual.revoke(ca.authority.store.listed(1)[0].serial_number, "superseded"),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("jump_s", [-86400, -121, 121, 86400])
def test_a_clock_that_jumped_stops_everything_new(tmp_path: Path, act: str, jump_s: int) -> None:
    clocks = Clocks()
    with opened_ca(new_ca(tmp_path), PASSPHRASE, clock=ClockGuard(clocks.read)) as ca:
        chip = Chip()
        request = chip.asks_inside(ca)
        clocks.wall += timedelta(seconds=jump_s)
        with pytest.raises(CaClockDisagrees):
            ACTS[act](ca)
        with pytest.raises(CaClockDisagrees):
            ca.units.submit_mcu(as_map(request))
        assert ca.authority.store.counts() == (0, 0)
        clocks.wall -= timedelta(seconds=jump_s)
        issued = ca.units.submit_mcu(as_map(request))
        clocks.wall += timedelta(seconds=jump_s)
        assert ca.authority.issued(chip.request_id) == issued, "what was issued is given all the same"


@pytest.mark.parametrize("apart_s", [-125, 125])
def test_a_station_with_another_time_is_refused(tmp_path: Path, apart_s: int) -> None:
    with ca_at(new_ca(tmp_path)) as ca:
        with pytest.raises(CaClockDisagrees) as caught:
            Chip().asks(ca, station_time=now_s() + apart_s)
        assert "clock" in caught.value.action
        assert Chip().enrol(ca, station_time=now_s() + apart_s // 2).certificates


def test_a_ca_that_woke_up_in_the_past_issues_nothing(tmp_path: Path) -> None:
    folder = new_ca(tmp_path)
    with opened_ca(folder, PASSPHRASE) as ca:
        Chip("SN-1").enrol_inside(ca)
    clocks = Clocks()
    clocks.wall -= timedelta(seconds=300)
    guard, told = ClockGuard(clocks.read), int(clocks.wall.timestamp())
    with opened_ca(folder, PASSPHRASE, clock=guard) as ca, pytest.raises(CaClockDisagrees):
        Chip("SN-2").asks_inside(ca, station_time=told)


def test_a_ca_whose_certificate_ended_issues_nothing(tmp_path: Path) -> None:
    clocks = Clocks()
    clocks.wall += timedelta(days=40 * 365)
    guard, told = ClockGuard(clocks.read), int(clocks.wall.timestamp())
    with opened_ca(new_ca(tmp_path), PASSPHRASE, clock=guard) as ca, pytest.raises(CaClockDisagrees):
        Chip().asks_inside(ca, station_time=told)
