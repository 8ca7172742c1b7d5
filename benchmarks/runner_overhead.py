"""What the runner costs: a plan of steps that do nothing, with journal, office on the disk, limits and
events; and one synchronized write, to know the disk.

Cold start of the run, its end and its records are left out: they come once a unit, and `starting` has them.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from benchmarks.bench import Place
from benchmarks.ratios import Goal, Row, milliseconds
from workbench.boards.bench import Bench, load_bench
from workbench.errors import WorkbenchError
from workbench.station.lots.lot_file import lot_without_file
from workbench.station.lots.office import Office
from workbench.station.places import journal_dir
from workbench.station.recipes.recipe import load_recipe
from workbench.station.run import Run
from workbench.station.steps.run_plan import run_plan

STEPS: Final = 50
PER_STEP: Final = Goal("at most", 0.010)
BENCH: Final = '[bench]\nname = "none"\n[slots.a1]\ntarget = "microbit-v1"\nserial = "/dev/ttyNOWHERE"\n'
RECIPE: Final = '[recipe]\nname = "nothing"\ntarget = "microbit-v1"\n'


class Agrees:
    """Says yes at once."""

    def scan(self, prompt: str, text: str) -> str:
        """Nothing is scanned here."""
        return ""

    def confirm(self, prompt: str, text: str) -> bool:
        """Always yes."""
        return True

    def stop_asked(self) -> str | None:
        """Never."""
        return None


def measure(place: Place, rounds: int) -> list[Row]:
    """Each as often as `rounds` says, after one that warms up."""
    folder = place.bench.folder / "runner"
    folder.mkdir()
    (folder / "bench.toml").write_text(BENCH)
    bench = load_bench(folder / "bench.toml")
    long = tuple(_run_s(bench, number, STEPS) for number in range(rounds + 1))[1:]
    short = tuple(_run_s(bench, rounds + 1 + number, 1) for number in range(rounds + 1))[1:]
    per_step = tuple((a - b) / (STEPS - 1) for a, b in zip(long, short, strict=True))
    sync_s = tuple(_sync_s(folder / "sync") for _ in range(rounds))
    return [
        Row(
            "runner, its own time per step that asks and does nothing",
            per_step,
            "s",
            PER_STEP,
            milliseconds(per_step),
        ),
        Row(
            "of which the disk: one small file written and synchronized",
            sync_s,
            "s",
            None,
            milliseconds(sync_s),
        ),
    ]


def _run_s(bench: Bench, number: int, steps: int) -> float:
    """Seconds of `run_plan` over that many steps, each of which asks and is answered at once."""
    path = bench.folder / f"recipe-{steps}.toml"
    path.write_text(RECIPE + '[[plan]]\nstep = "confirm"\ntext = "Go on?"\n' * steps)
    recipe, serial = load_recipe(path), f"S-{number}-{steps}"
    lot = lot_without_file(recipe)
    office = Office.open(
        bench.folder, recipe, lot, station="bench", url=f"sqlite:///{bench.folder / 'lots.db'}"
    )
    run = Run.begin("unit", "a1", journal_dir=journal_dir(bench.folder), records=None)
    took_s = 0.0
    with suppress(WorkbenchError), run:
        office.begin(serial, run_id=run.run_id, slot="a1")
        began_s = time.perf_counter()
        more: dict[str, Any] = {"bench": bench, "run": run, "office": office, "answers": Agrees()}
        run_plan(recipe, lot.id, serial, bench.slot("a1"), **more)
        took_s = time.perf_counter() - began_s
    office.close()
    if run.verdict != "PASS":
        raise RuntimeError(f"the plan ended in {run.verdict}: {run.error}")
    return took_s


def _sync_s(path: Path) -> float:
    """A line appended and put on the disk: what every step does several times."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        began_s = time.perf_counter()
        os.write(descriptor, b"x" * 200 + b"\n")
        os.fsync(descriptor)
        return time.perf_counter() - began_s
    finally:
        os.close(descriptor)
