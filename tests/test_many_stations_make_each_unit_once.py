"""Stations that race, are killed and lose PostgreSQL make each serial number once and just the quantity."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_postgres import PostgresServer
from workbench.database.engine import open_engine
from workbench.station.lots.lots import Lots

QUANTITY = 24
STATIONS = ("s1", "s2", "s3")
TIMEOUT_S = 240.0


class Floor:
    """The stations' processes and what they wrote."""

    def __init__(self, folder: Path, url: str, stack: ExitStack) -> None:
        self._folder = folder
        self._url = url
        self._stack = stack
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, station: str) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.lot_station",
            str(self._folder),
            self._url,
            station,
            str(QUANTITY),
        ]
        errors = self._stack.enter_context((self._folder / f"{station}.err").open("ab"))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=errors)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        self._processes[station] = process

    def kill(self, station: str) -> None:
        self._processes[station].kill()
        self._processes[station].wait()

    def told(self, station: str) -> list[list[str]]:
        log = self._folder / f"{station}.log"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []

    def count(self, word: str) -> int:
        return sum(line[0] == word for station in STATIONS for line in self.told(station))

    def wait(self, condition: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + TIMEOUT_S
        while not condition():
            for station, process in self._processes.items():
                errors = (self._folder / f"{station}.err").read_text()
                assert process.poll() in (None, 0), f"{station}: {errors}"
            assert time.monotonic() < deadline_s, {station: self.told(station)[-3:] for station in STATIONS}
            time.sleep(0.02)  # one look at the condition every 20 ms


def _start_again(postgres: PostgresServer) -> None:
    """Whatever a test left of the server that all tests share."""
    postgres.stop()
    postgres.start()


@pytest.fixture
def floor(tmp_path: Path, postgres: PostgresServer) -> Iterator[Any]:
    url = postgres.new_database()
    with ExitStack() as stack:
        stack.callback(_start_again, postgres)
        yield Floor(tmp_path, url, stack), url


def test_each_unit_is_made_once_through_kills_and_outages(
    floor: tuple[Floor, str], postgres: PostgresServer
) -> None:
    stations, url = floor
    for station in STATIONS:
        stations.start(station)
    stations.wait(lambda: stations.count("pass") >= 2)
    for station in ("s1", "s2"):
        stations.kill(station)
        stations.start(station)
    stations.wait(lambda: stations.count("pass") >= 6)
    postgres.stop()
    stations.wait(lambda: stations.count("alone") >= 2)
    stations.kill("s3")  # while it has told nobody what it made
    stations.start("s3")
    postgres.start()
    stations.wait(lambda: stations.count("pass") >= 14)
    postgres.stop()
    postgres.start()
    stations.wait(lambda: stations.count("end") == len(STATIONS))

    made = {
        station: {line[1] for line in stations.told(station) if line[0] == "pass"} for station in STATIONS
    }
    begun = {station: {line[1] for line in stations.told(station) if len(line) == 2} for station in STATIONS}
    assert sum(len(serials) for serials in begun.values()) == len(set().union(*begun.values()))
    assert len(set().union(*made.values())) == QUANTITY
    lots = Lots(open_engine(url))
    stats = lots.stats("L1")
    assert (stats.passed, stats.in_work, stats.reserved, stats.failed) == (QUANTITY, 0, 0, 0)
    assert {unit.serial for unit in lots.units("L1", states=["passed"])} == set().union(*made.values())
    assert [one.conflict for one in lots.attempts("L1") if one.conflict] == []
    lots.close()
