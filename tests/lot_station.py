"""A station in a process of its own: makes units of a lot until it is full, whatever happens to it.

    python -m tests.lot_station FOLDER URL STATION QUANTITY

Writes to FOLDER/STATION.log, a line each, on the disk before it goes on: "begin SERIAL", "alone SERIAL"
(begun without the database), "pass SERIAL".  The test kills it and starts it again; what it left is finished.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from tests.lot_lab import attempt_of, lot_of, office_of
from workbench.events import Verdict
from workbench.station.lots.errors import LineStopsWithoutDatabase, LotFull, ReserveEmpty, SerialNotReserved
from workbench.station.lots.office import Office

WAITS = (ReserveEmpty, LineStopsWithoutDatabase, SerialNotReserved)


def main() -> None:
    folder, url, station, quantity = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    log = os.open(folder / f"{station}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def tell(words: str) -> None:
        os.write(log, f"{words}\n".encode())
        os.fsync(log)

    (folder / station).mkdir(exist_ok=True)
    lot = lot_of(quantity=quantity)
    office = _opened(folder / station, url, station, lot.quantity)
    left = [run.serial for run in office.unfinished()]
    for begun in dict.fromkeys([*left, *_left(folder / f"{station}.log")]):
        _make(office, begun, tell)
    while (serial := _next(office)) is not None:
        _make(office, serial, tell)
    while office.sync().left:
        time.sleep(0.02)  # one look at the condition every 20 ms
    tell("end")


def _left(log: Path) -> list[str]:
    """What this station began and never told to have passed; a technician would scan it again."""
    told = [line.split() for line in log.read_text().splitlines()]
    passed = {line[1] for line in told if line[0] == "pass"}
    return [
        serial for serial in dict.fromkeys(line[1] for line in told if len(line) == 2) if serial not in passed
    ]


def _opened(folder: Path, url: str, station: str, quantity: int | None) -> Office:
    while True:
        try:
            return office_of(folder, url, lot_of(quantity=quantity), station=station, on_loss="continue")
        except LineStopsWithoutDatabase:
            time.sleep(0.02)


def _next(office: Office) -> str | None:
    while True:
        try:
            return office.next_serial()
        except LotFull:
            return None
        except WAITS:
            time.sleep(0.02)


def _make(office: Office, serial: str, tell: Callable[[str], None]) -> None:
    """Until it has passed; every third unit is broken off at first.

    One that failed would give its place in the lot away, and another station might take it before the retry.
    """
    verdict: Verdict = "ERROR" if int(serial[-5:-1]) % 3 == 0 else "PASS"
    while True:
        run_id = str(uuid4())
        try:
            begun = office.begin(serial, run_id=run_id, slot="v1")
        except WAITS:
            time.sleep(0.02)
            continue
        tell(f"{'alone' if begun.offline else 'begin'} {serial}")
        office.step_began(serial, "flash", irreversible=False, facts={}, chip_id=None)
        office.step_finished(serial, "flash", {})
        if verdict == "PASS":
            tell(f"pass {serial}")
        office.finish(attempt_of(serial, verdict, run_id=run_id))
        if verdict == "PASS":
            return
        verdict = "PASS"


if __name__ == "__main__":
    main()
