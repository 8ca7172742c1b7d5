"""However a run ends, one more Ctrl-C at any point of its ending does not lose the end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from workbench.events import RunFinished
from workbench.station import channel, filing, journal, orphans, records, run, signals
from workbench.station.journal_reader import read_journal
from workbench.station.orphans import import_orphans
from workbench.station.records import Records
from workbench.station.run import Run
from workbench.station.throttle import Stamped

FILES = {module.__file__ for module in (run, channel, journal, signals, filing, orphans, records)}


class CtrlCAt:
    """Presses Ctrl-C before the n-th line that the modules under test execute from `arm` on."""

    def __init__(self, number: int) -> None:
        self._left = number
        self.pressed = False

    def arm(self) -> None:
        """From here on lines count."""
        sys.settrace(self._trace)  # type: ignore[arg-type]

    def _trace(self, frame: FrameType, event: str, _argument: object) -> object:
        if frame.f_code.co_filename not in FILES:
            return None
        if event == "line":
            self._left -= 1
            if self._left == 0:
                self.pressed = True
                signal.raise_signal(signal.SIGINT)
        return self._trace


@pytest.fixture
def _ctrl_c_raises() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    trace = sys.gettrace()
    yield
    sys.settrace(trace)
    signal.signal(signal.SIGINT, before)


def _interrupted_run(folder: Path, url: str | None, number: int) -> tuple[Run, bool, list[Stamped]]:
    """A run whose ending is interrupted at one line, whether it came to that, and what was heard."""
    heard: list[Stamped] = []
    ctrl_c = CtrlCAt(number)
    begun = Run.begin("flash", journal_dir=folder, records=url, listeners=[heard.append])
    try:
        with begun:
            ctrl_c.arm()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return begun, ctrl_c.pressed, heard


@pytest.mark.usefixtures("_ctrl_c_raises")
def test_the_end_is_written_and_told_once_wherever_ctrl_c_comes(tmp_path: Path) -> None:
    number, pressed = 1, True  # what comes before `__exit__` has begun its work is out of its hands
    while pressed:
        number += 1
        begun, pressed, heard = _interrupted_run(tmp_path, None, number)
        ends = [e for e in read_journal(begun.journal_path).events if e["event"] == "run-finished"]
        assert [end["verdict"] for end in ends] == ["PASS"], f"Ctrl-C at line {number}"
        assert sum(isinstance(stamped.event, RunFinished) for stamped in heard) == 1
    assert number > 50


@pytest.mark.usefixtures("_ctrl_c_raises")
def test_the_run_reaches_the_records_once_wherever_ctrl_c_comes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    Records.open(url).close()
    number, pressed = 0, True
    begun: list[str] = []
    while pressed:
        number += 11
        interrupted, pressed, _ = _interrupted_run(tmp_path / "journals", url, number)
        begun.append(interrupted.run_id)
    with Records.open(url) as opened:
        import_orphans(tmp_path / "journals", opened)
        runs = opened.runs(limit=1000)
    assert sorted(found.run_id for found in runs) == sorted(begun)
    assert {found.verdict for found in runs} == {"PASS"}
    assert list((tmp_path / "journals").glob("*.jsonl")) == []
