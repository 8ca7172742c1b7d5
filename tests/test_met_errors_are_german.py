"""What a technician meets on a line is said in German as a whole: each error as its own code raises it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.german_lab import Reader
from workbench.boards.bench import ProbeRef
from workbench.boards.leases import lease
from workbench.boards.power import CommandSwitch
from workbench.database.engine import open_engine
from workbench.errors import WorkbenchError
from workbench.identity.ca import service
from workbench.identity.ca.client import open_ca
from workbench.identity.ca.errors import CaRefused
from workbench.identity.ca.replies import error_from_map
from workbench.languages import said, set_language
from workbench.probes.faults import time_told, translated
from workbench.probes.find import find_probe
from workbench.probes.limits import OutOfTime
from workbench.probes.verify import refuse_differences
from workbench.station.labels.payload import parse_label
from workbench.station.line.protocol import Report, decode_report, encode_report
from workbench.station.line.reduce import error_view
from workbench.station.line.state import LineState, SlotView
from workbench.station.operators import load_operators
from workbench.station.steps import who
from workbench.station.steps.context import within
from workbench.wires.rawlog import RawLog
from workbench.wires.serial_port import open_port


def probe_missing(_folder: Path) -> None:
    find_probe(ProbeRef("pemicro:0123"))


def probe_lost(_folder: Path) -> None:
    from pyocd.core.exceptions import ProbeDisconnected

    with translated("slot v1: reading 64 bytes from 0x0"):
        raise ProbeDisconnected("gone")


def probe_hangs(_folder: Path) -> None:
    with time_told("slot v1: resetting the chip"):
        raise OutOfTime(3)


def other_bytes(_folder: Path) -> None:
    refuse_differences([(0, bytes(8))], {0: b"\xff" * 8})


def exchanged(_folder: Path) -> None:
    who.verify_same(None, "00aa", "slot v1", "A1")


def no_number(_folder: Path) -> None:
    within("Spannung", "?", 1, 3)


def no_power(_folder: Path) -> None:
    CommandSwitch("v1", "sh -c 'echo 17; exit 3'", "true").on()


def leased(folder: Path) -> None:
    with lease(folder / "v1", "Anna", "x"), lease(folder / "v1", "Bert", "y"):
        pass


def ca_refuses(_folder: Path) -> None:
    refusal = CaRefused("the serial number 'A1' was not ordered", cause="the nonce has expired")
    raise error_from_map(service._error(refusal))


def ca_away(folder: Path) -> None:
    with open_ca(folder, lambda: b""):
        pass


def no_database(_folder: Path) -> None:
    open_engine("mysql://x/y")


def disk_full(_folder: Path) -> None:
    log = RawLog(Path("/dev/full"))
    log.open()
    log.append(b"x")


def no_port(folder: Path) -> None:
    open_port(str(folder / "tty"))


def no_label(_folder: Path) -> None:
    parse_label("ABC")


def no_badge(folder: Path) -> None:
    load_operators(folder).find("4711")


MET: tuple[Callable[[Path], None], ...] = (
    probe_missing,
    probe_lost,
    probe_hangs,
    other_bytes,
    exchanged,
    no_number,
    no_power,
    leased,
    ca_refuses,
    ca_away,
    no_database,
    disk_full,
    no_port,
    no_label,
    no_badge,
)


@pytest.fixture
def german() -> Iterator[Callable[[], None]]:
    """Called, the language is German; errors are made before, as by a slot's process."""

    def choose() -> None:
        set_language("de")

    yield choose
    set_language("en")


@pytest.mark.parametrize("meet", MET)
def test_an_error_of_another_process_is_german(
    meet: Callable[[Path], None], tmp_path: Path, german: Callable[[], None]
) -> None:
    with pytest.raises(WorkbenchError) as raised:
        meet(tmp_path)
    report = decode_report(encode_report(Report(kind="refused", error=raised.value.as_dict())).strip())
    assert report is not None
    error = error_view(report.error)
    assert error is not None
    german()
    slot = SlotView(name="v1", target="t", phase="done", serial="A1", verdict="ERROR", error=error)
    reader = Reader()
    reader.see(LineState(slots=(slot,)))
    assert reader.english() == []
    for words in (error.what, error.cause, error.action):
        assert said(words) != words
