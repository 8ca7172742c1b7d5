"""The pytest plugin: options, markers, the fixtures `board` and `workbench_bench`, and pytest's hooks.

pytest loads this module in every run, so it imports nothing heavy: whatever talks to boards is loaded when
the first test asks for one.  It draws nothing; pytest does.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from workbench.boards.bench import Bench, Slot
    from workbench.pytest_plugin.board import Board
    from workbench.pytest_plugin.power_notes import PowerNotes
    from workbench.pytest_plugin.selection import Wanted
    from workbench.pytest_plugin.use import BoardUse, Setting

MARKERS: Final = (
    'workbench(capabilities=["power-cut"], target="microbit-v1"): the board that a test needs',
    'workbench_flash("build/app.hex", ..., erase="sector"): images to be on the board when the test begins',
)
STATIONS_FAULT: Final = "workbench_stations_fault"
"""Attribute of a report on a test's body that failed, but says nothing about the board."""
_BENCH_FIXTURE: Final = "workbench_bench"
_NOTES_INPUT: Final = "workbench_power_notes"

_use: Final[pytest.StashKey[BoardUse]] = pytest.StashKey()
_notes: Final[pytest.StashKey[PowerNotes]] = pytest.StashKey()
_last_slot: Final[pytest.StashKey[str]] = pytest.StashKey()
_remarks: Final[pytest.StashKey[list[str]]] = pytest.StashKey()


# --- options ---


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of `pytest`."""
    group = parser.getgroup("workbench", "boards of a hardware-in-the-loop workbench")
    group.addoption(
        "--workbench-bench",
        metavar="FILE",
        help="bench file (default: WORKBENCH_BENCH, or bench.toml nearby)",
    )
    group.addoption(
        "--workbench-slot",
        metavar="NAME",
        action="append",
        default=[],
        help="use only this slot of the bench; may be given several times",
    )
    group.addoption(
        "--workbench-wait",
        metavar="SECONDS",
        type=float,
        default=600.0,
        help="how long a test waits for a free slot (default: %(default)s)",
    )
    group.addoption(
        "--workbench-console-lines",
        metavar="N",
        type=int,
        default=50,
        help="console lines in the report of a failing test (default: %(default)s)",
    )
    group.addoption(
        "--workbench-keep-power", action="store_true", help="leave boards on that the tests switched on"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Registers the markers; refuses a bench file that was named and is not there."""
    for line in MARKERS:
        config.addinivalue_line("markers", line)
    named = config.getoption("--workbench-bench")
    if named:
        path = (config.invocation_params.dir / named).absolute()
        if not path.is_file():
            raise pytest.UsageError(f"--workbench-bench: there is no bench file {path}")
        config.option.workbench_bench = str(path)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a test process of pytest-xdist where to note what it switches on."""
    node.workerinput[_NOTES_INPUT] = str(_power_notes(node.config).folder)


# --- fixtures ---


@pytest.fixture(scope="session")
def workbench_bench(pytestconfig: pytest.Config) -> Bench:
    """The bench that boards are taken from; a test suite may define its own fixture of this name."""
    from workbench.boards.bench import BenchMissing, find_bench, load_bench

    named = pytestconfig.getoption("--workbench-bench")
    if named:
        return load_bench(Path(named))
    from_environment = bool(os.environ.get("WORKBENCH_BENCH"))
    try:
        return load_bench(find_bench(None if from_environment else pytestconfig.invocation_params.dir))
    except BenchMissing as error:
        if from_environment:
            raise
        pytest.skip(f"hardware: no bench: {error.what}; {error.action}")


@pytest.fixture
def board(request: pytest.FixtureRequest, workbench_bench: Bench) -> Iterator[Board]:
    """A board for this test alone: its slot leased, powered, flashed if marked so, freshly reset, with its
    console attached since before the reset.
    """
    from workbench.pytest_plugin import selection
    from workbench.pytest_plugin.use import BoardUse

    config = request.config
    wanted = selection.wanted_by(request.node.iter_markers(), config.rootpath)
    use = BoardUse(request.node.nodeid, _setting(config, workbench_bench), wanted)
    slots = _slots(config, workbench_bench, wanted)
    request.node.stash[_use] = use
    try:
        board = use.open(slots)
        config.stash[_last_slot] = board.slot.name
        yield board
    finally:
        use.close()


def _slots(config: pytest.Config, bench: Bench, wanted: Wanted) -> list[Slot]:
    """Slots to try, in order; skips the test where none would do."""
    from workbench.pytest_plugin import selection

    names: list[str] = config.getoption("--workbench-slot")
    slots = selection.suitable(bench, wanted, names)
    if not slots:
        pytest.skip(selection.why_none(bench, wanted, names))
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return selection.arranged(
        slots, config.stash.get(_last_slot, None), int(worker) if worker.isdigit() else 0
    )


def _setting(config: pytest.Config, bench: Bench) -> Setting:
    from workbench.pytest_plugin.use import Setting

    return Setting(
        bench=bench,
        root=config.rootpath,
        wait_s=config.getoption("--workbench-wait"),
        console_lines=max(0, config.getoption("--workbench-console-lines")),
        switched_on=_power_notes(config).note,
    )


# --- how a test goes ---


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that is broken off, by Ctrl-C for one, gives its board back here."""
    try:
        return (yield)
    finally:
        use = item.stash.get(_use, None)
        if use is not None:
            del item.stash[_use]
            try:
                use.close()
            finally:
                use.finish(complete=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """A body whose board was taken away is interrupted, and ends in LeaseLost; other tests go on."""
    use = item.stash.get(_use, None)
    if use is None or threading.current_thread() is not threading.main_thread():
        return (yield)
    try:
        try:
            use.arm()
            return (yield)
        finally:
            use.disarm()
    except KeyboardInterrupt as interrupt:
        lost = use.tell_lost()
        if lost is None:
            raise
        raise lost from interrupt


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the console and the events to a report that failed; ends the run before the test's last report,
    which carries the properties for JUnit XML.
    """
    if _BENCH_FIXTURE not in getattr(item, "fixturenames", ()):
        return (yield)
    from workbench.pytest_plugin import reports

    use = item.stash.get(_use, None)
    if not item.config.getoption("fulltrace"):
        reports.leave_out_own_frames(call)
    if use is not None and call.when == "teardown":
        del item.stash[_use]
        if (last := reports.teardown_report(call)) is not None:
            use.note(last)
        item.user_properties += use.finish(complete=True)
    report = yield
    if use is not None and (phase := reports.phase_report(report, call)) is not None:
        use.note(phase)
    if report.failed:
        reports.explain(report, call, use)
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """A body that ended for the station's fault is an ERROR, for it says nothing about the board."""
    return ("error", "E", "ERROR") if hasattr(report, STATIONS_FAULT) else None


# --- the end ---


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The process that started the tests switches off what they switched on, killed ones too."""
    config = session.config
    notes = config.stash.get(_notes, None)
    if notes is None or hasattr(config, "workerinput"):
        return
    if config.getoption("--workbench-keep-power"):
        notes.forget()
    else:
        config.stash[_remarks] = notes.switch_off()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says which slots could not be switched off."""
    for remark in config.stash.get(_remarks, []):
        terminalreporter.line(f"workbench: {remark}", yellow=True)


def _power_notes(config: pytest.Config) -> PowerNotes:
    """The notes of this session, shared by its processes."""
    from workbench.pytest_plugin.power_notes import PowerNotes

    if _notes not in config.stash:
        shared = getattr(config, "workerinput", {}).get(_NOTES_INPUT)
        config.stash[_notes] = PowerNotes(Path(shared) if shared else None)
    return config.stash[_notes]
