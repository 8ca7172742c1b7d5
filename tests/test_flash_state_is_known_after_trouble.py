"""A write that is interrupted, or whose board is unplugged, ends in a state that is reported and is true."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.flash_bench import bench_of, hung, image_of, random_bytes
from workbench.boards.bench import Slot
from workbench.boards.power import CutMode, CuttingSwitch
from workbench.errors import Blame, Stopped
from workbench.events import Event, Progress
from workbench.probes import flash as engine
from workbench.probes import limits
from workbench.probes.errors import DebugTimeout, FlashInterrupted, ProbeLost
from workbench.probes.flash import flash
from workbench.probes.ledger import FlashState
from workbench.probes.read import read_range
from workbench.probes.session import open_debug

SIZE = 128 << 10
OLD, NEW = random_bytes(SIZE, seed=1), random_bytes(SIZE, seed=2)


@pytest.fixture(scope="module")
def module_slot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slot]:
    with bench_of(tmp_path_factory.mktemp("bench"), v1="microbit-v1") as bench:
        yield bench.slots["v1"]


@pytest.fixture
def slot(module_slot: Slot, tmp_path: Path) -> Slot:
    """A slot whose chip holds OLD."""
    with open_debug(module_slot) as debug:
        flash(debug, image_of(module_slot, tmp_path, {0: OLD}))
    return module_slot


def at_half(step: str, act: Callable[[], object]) -> Callable[[Event], None]:
    """A listener that acts once, when `step` is half done."""
    done: list[bool] = []

    def listen(event: Event) -> None:
        if isinstance(event, Progress) and event.step == step and event.done * 2 > event.total and not done:
            done.append(True)
            act()

    return listen


def assert_true(slot: Slot, state: FlashState) -> None:
    """The chip holds what `state` says."""
    with open_debug(slot) as debug:
        held = read_range(debug, 0, SIZE)
    for ranges, wanted in (
        (state.written, NEW),
        (state.untouched, OLD),
        (state.erased, b"\xff" * SIZE),
    ):
        for part in ranges:
            assert held[part.start : part.end] == wanted[part.start : part.end], part
    sizes = [
        p.end - p.start for r in (state.written, state.untouched, state.erased, state.unknown) for p in r
    ]
    assert sum(sizes) == SIZE


def assert_recovers(slot: Slot, folder: Path) -> None:
    """The same command again completes the work."""
    with open_debug(slot) as debug:
        result = flash(debug, image_of(slot, folder, {0: NEW}))
        assert result.verification.sha256 == result.image_sha256
        assert read_range(debug, 0, SIZE) == NEW


@pytest.mark.parametrize("step", ["erase", "program"])
def test_a_kicked_run_stops_between_two_pages(slot: Slot, tmp_path: Path, step: str) -> None:
    kicked: list[bool] = []

    def check() -> None:
        if kicked:
            raise Stopped("slot v1 was taken by another process")

    image, kick = image_of(slot, tmp_path, {0: NEW}), at_half(step, lambda: kicked.append(True))
    with open_debug(slot) as debug, pytest.raises(FlashInterrupted) as stop:
        flash(debug, image, emit=kick, check=check)
    state = stop.value.state
    assert not state.unknown
    assert not state.is_untouched
    assert "taken by another process" in stop.value.cause
    assert_true(slot, state)
    assert_recovers(slot, tmp_path)


@pytest.mark.parametrize("step", ["erase", "program"])
def test_an_unplugged_board_is_lost_with_what_is_known(slot: Slot, tmp_path: Path, step: str) -> None:
    unplug = at_half(step, slot.need_power().off)
    with pytest.raises(ProbeLost) as lost, open_debug(slot) as debug:
        flash(debug, image_of(slot, tmp_path, {0: NEW}), emit=unplug)
    assert lost.value.blame is Blame.STATION
    state = lost.value.state
    assert state is not None
    slot.need_power().on()
    assert_true(slot, state)
    assert_recovers(slot, tmp_path)


@pytest.mark.parametrize(("operations", "mode"), [(1, "clean"), (57, "torn"), (1000, "torn")])
def test_a_power_cut_at_any_operation_leaves_what_is_told(
    slot: Slot, tmp_path: Path, operations: int, mode: CutMode
) -> None:
    power = slot.need_power()
    assert isinstance(power, CuttingSwitch)
    image = image_of(slot, tmp_path, {0: NEW})
    power.arm_cut(operations, mode, seed=operations)
    with pytest.raises(ProbeLost) as lost, open_debug(slot) as debug:
        flash(debug, image)
    assert power.cut_report() is not None
    assert lost.value.state is not None
    power.on()
    assert_true(slot, lost.value.state)
    assert_recovers(slot, tmp_path)


def test_a_probe_that_hangs_is_given_up_with_what_is_known(
    slot: Slot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "STALL_S", 1.0)
    monkeypatch.setattr(limits, "GRACE_S", 0.5)
    image = image_of(slot, tmp_path, {0: NEW})
    with ExitStack() as stack:
        hang = at_half("program", lambda: stack.enter_context(hung(slot)))
        with pytest.raises(DebugTimeout) as timeout, open_debug(slot) as debug:
            flash(debug, image, emit=hang)
        with pytest.raises(DebugTimeout), open_debug(slot, timeout_s=0.5):
            pass
    state = timeout.value.state
    assert state is not None
    assert state.written
    slot.need_power().cycle(0)
    assert_true(slot, state)
    assert_recovers(slot, tmp_path)


CHILD = """
import sys
from pathlib import Path
from workbench.boards.bench import load_bench
from workbench.errors import WorkbenchError
from workbench.events import Progress
from workbench.probes.errors import FlashInterrupted
from workbench.probes.flash import flash
from workbench.probes.images import ImageFile, load_images
from workbench.probes.session import open_debug

slot = load_bench(Path(sys.argv[1])).slots["v1"]
image = load_images([ImageFile(Path(sys.argv[2]), base=0)], slot.target)
def emit(event):
    if isinstance(event, Progress) and event.step == "program":
        print("programming", flush=True)
try:
    with open_debug(slot) as debug:
        flash(debug, image, emit=emit)
except FlashInterrupted as stop:
    for name in ("written", "erased", "unknown", "untouched"):
        for part in getattr(stop.state, name):
            print(name, part.start, part.end)
    print(stop.diagnostics(), file=sys.stderr)
    sys.exit(stop.exit_code)
"""


def test_ctrl_c_ends_a_real_process_in_a_known_state(slot: Slot, tmp_path: Path) -> None:
    image = tmp_path / "new.bin"
    image.write_bytes(NEW)
    bench = slot.state_dir.parents[2] / "bench.toml"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(bench), str(image)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "programming\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "Ctrl-C" in err
    assert "State of the chip: written 0x" in err
    with open_debug(slot) as debug:
        held = read_range(debug, 0, SIZE)
    wanted = {"written": NEW, "erased": b"\xff" * SIZE, "untouched": OLD}
    known = [line.split() for line in out.splitlines() if line != "programming"]
    for name, start, end in known:
        assert held[int(start) : int(end)] == wanted[name][int(start) : int(end)], (name, start, end)
    assert sum(int(end) - int(start) for _, start, end in known) == SIZE
    assert_recovers(slot, tmp_path)
