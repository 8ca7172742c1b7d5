"""Lines for tests: benches whose slots have no wires, or twins, with steps that do what a test wants of
them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.own_steps_lab import installed
from workbench.boards.bench import Bench, load_bench
from workbench.boards.bench_write import write_virtual_bench
from workbench.station.line.line import Line
from workbench.station.line.state import LineState, ScanAnswer, SlotView
from workbench.station.lots.lot_file import Lot, load_lot
from workbench.station.recipes.recipe import Recipe, load_recipe

LIMIT_S: Final = 30.0

STEPS: Final = r"""
import os, signal, threading
from workbench.errors import Blame, WorkbenchError
from workbench.events import Progress
from workbench.station.steps.step import Step
from workbench.toml_file import Table


class Options(Table):
    do: str = "pass"
    at: str = ""


class Act(Step[Options]):
    name = "act"
    Options = Options

    def title(self, options):
        return "doing " + options.do

    def irreversible(self, options, recipe):
        return "lock" if options.do.startswith("lock") else None

    resumable = "look"

    def look(self, ctx, options):
        return "not-done"

    def run(self, ctx, options):
        mark(ctx, options)
        return DO[options.do.removeprefix("lock-")](ctx, options) or {}


class Slow(Act):
    name = "slow"
    waits = True


def mark(ctx, options):
    with open(os.path.join(os.environ["LINE_LAB"], "did"), "a") as file:
        file.write(f"{ctx.slot.name} {ctx.serial} {ctx.key}\n")


def gate(ctx, options):
    name = os.path.join(os.environ["LINE_LAB"], f"gate-{ctx.slot.name}")
    ctx.state = "half of it is done"
    while not os.path.exists(name):
        threading.Event().wait(0.01)


def fail(ctx, options):
    ctx.measure("voltage", 1.0, "V", low=3.0)


def error(ctx, options):
    class Lost(WorkbenchError):
        code, blame = "probe-gone", Blame.STATION
    raise Lost("the probe is gone")


def deaf(ctx, options):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    os.read(os.pipe()[0], 1)


def leave(ctx, options):
    child = os.fork()
    if child == 0:
        os.read(os.pipe()[0], 1)
    with open(os.path.join(os.environ["LINE_LAB"], "child"), "w") as file:
        file.write(str(child))
    os._exit(1)


def chatter(ctx, options):
    for done in range(20_001):
        ctx.emit(Progress(step="x", done=done, total=20_000))
    ctx.note("evil \x1b]0;title\x07 words")


DO = {
    "pass": lambda ctx, options: {},
    "gate": gate,
    "fail": fail,
    "error": error,
    "deaf": deaf,
    "chatter": chatter,
    "leave": leave,
    "rma": lambda ctx, options: {"rma": ctx.rma},
    "die": lambda ctx, options: os.kill(os.getpid(), signal.SIGKILL),
    "scan": lambda ctx, options: {"scan": ctx.ask_scan("scan the label")},
    "confirm": lambda ctx, options: {"yes": ctx.ask_confirm("is it green?")},
    "answer": lambda ctx, options: ctx.measure("colour", ctx.ask_scan("which colour?")),
}
"""
"""What steps of tests do; `gate` waits until the test opens the slot's gate, `deaf` hears no signal."""


@dataclass
class LineLab:
    """A bench, and the line on it."""

    folder: Path
    bench: Bench

    def recipe(self, *plan: str | dict[str, Any], start: str = "scan", **tables: dict[str, Any]) -> Recipe:
        """A recipe of steps that are acts ("pass", "gate") or tables."""
        entries = [_entry(n, act) for n, act in enumerate(plan or ("pass",))]
        head = {"name": "lab", "targets": ["microbit-v1"], "start": start}
        text = [*_table("[recipe]", head)]
        for name, table in tables.items():
            text += _table(f"[{name}]", table)
        for entry in entries:
            text += _table("[[plan]]", entry)
        path = self.folder / "recipe.toml"
        path.write_text("\n".join(text) + "\n")
        return load_recipe(path)

    def lot(self, name: str, quantity: int | None = None, **serial: Any) -> Lot:
        """A lot with that rule."""
        path = self.folder / f"{name}.toml"
        head = {"id": name} | ({} if quantity is None else {"quantity": quantity})
        path.write_text("\n".join([*_table("[lot]", head), *_table("[serial]", serial)]) + "\n")
        return load_lot(path)

    @contextmanager
    def line(self, recipe: Recipe, lot: Lot | None = None, **how: Any) -> Iterator[Line]:
        """The line, open for the body; all gates are open when it ends."""
        line = Line.open(self.bench, recipe, lot, **how)
        try:
            yield line
        finally:
            for name in self.bench.slots:
                self.open_gate(name)
            line.close()
            for name in self.bench.slots:
                self.shut_gate(name)

    def open_gate(self, slot: str) -> None:
        """Acts that wait at the slot's gate go on."""
        (self.folder / f"gate-{slot}").touch()

    def shut_gate(self, slot: str) -> None:
        """They wait again."""
        (self.folder / f"gate-{slot}").unlink(missing_ok=True)

    def did(self, serial: str) -> list[str]:
        """Steps that were begun with a unit, each time."""
        path = self.folder / "did"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split()[2] for line in lines if line.split()[1] == serial]


def _entry(number: int, act: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(act, dict):
        return act
    waits = act in ("scan", "confirm", "answer")
    return {"step": "slow" if waits else "act", "name": f"{act}-{number}", "do": act}


def _table(head: str, values: dict[str, Any]) -> list[str]:
    return [head, *(f"{key} = {json.dumps(value)}" for key, value in values.items())]


@contextmanager
def line_lab(slots: int = 1, *, twins: bool = False) -> Iterator[LineLab]:
    """A bench of slots v1, v2, …; without `twins` they have no wire that leads anywhere."""
    folder = Path(tempfile.mkdtemp(prefix="wb-", dir="/tmp"))
    place = folder / "bench"
    place.mkdir()
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if twins:
            bench = load_bench(write_virtual_bench(place, slots))
            for slot in bench.slots.values():
                stack.callback(slot.need_power().off)
        else:
            bench = load_bench(_wireless(place, slots))
        own = folder / "own"
        own.mkdir()
        stack.enter_context(installed(own, "wb_line_lab", STEPS, {"act": "Act", "slow": "Slow"}))
        patch.setenv("PYTHONPATH", str(own))
        patch.setenv("LINE_LAB", str(folder))
        patch.delenv("WORKBENCH_DATABASE", raising=False)
        yield LineLab(folder, bench)


def _wireless(place: Path, slots: int) -> Path:
    lines = ['[bench]\nname = "lab"\n']
    lines += [
        f'[slots.v{n}]\ntarget = "microbit-v1"\nserial = "/dev/serial/nowhere{n}"\n'
        for n in range(1, slots + 1)
    ]
    path = place / "bench.toml"
    path.write_text("".join(lines))
    return path


def wait_for(line: Line, condition: Callable[[LineState], bool], what: str = "") -> LineState:
    """The first state that fulfils the condition."""
    state, deadline = line.state(), time.monotonic() + LIMIT_S
    while not condition(state):
        assert time.monotonic() < deadline, f"never {what}: {state}"
        state = line.wait_change(state.revision, 1.0)
    return state


def wait_phase(line: Line, slot: str, *phases: str) -> SlotView:
    """The slot's view when it is in one of these phases."""
    return wait_for(line, lambda s: s.slot(slot).phase in phases, f"{slot} {phases}").slot(slot)


def run_unit(line: Line, serial: str, slot: str | None = None) -> SlotView:
    """A unit from its scan to its verdict."""
    answer = begun(line.scan(serial, slot))
    assert answer.slot is not None
    return wait_phase(line, answer.slot, "done", "broken")


def begun(answer: ScanAnswer) -> ScanAnswer:
    """The answer, which says that a unit began."""
    assert answer.kind in ("started", "resumed"), answer
    return answer


def code(answer: ScanAnswer) -> str:
    """Why it was refused."""
    assert answer.kind == "refused", answer
    assert answer.error is not None
    return answer.error.code


def worker_pids(bench: Bench, names: Sequence[str] = ()) -> dict[str, int]:
    """Process IDs of the bench's slot processes, as /proc has them."""
    found: dict[str, int] = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            if b"workbench.station.line.worker" in words:
                place = json.loads(words[-2])
                if place["bench"] == str(bench.path):
                    found[place["slot"]] = int(entry.name)
    return {name: pid for name, pid in found.items() if not names or name in names}


def kill(pid: int) -> None:
    """As a power cut would, for one process."""
    os.kill(pid, signal.SIGKILL)
