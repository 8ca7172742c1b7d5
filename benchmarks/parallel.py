"""Four twins at once against one: boards per minute on two cores."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.bench import TWINS, Place
from benchmarks.ratios import Goal, Row, milliseconds, ratios, timed
from workbench.station import demo_boards as at
from workbench.station.demo_tasks import work_at
from workbench.station.side_by_side import side_by_side

GOAL: Final = Goal("at least", 1.7)
CORES: Final = 2


def measure(place: Place, rounds: int) -> list[Row]:
    """Each board: connect, full flash of 200 KiB with verification, disconnect; a process for each slot.

    The ratio is of boards per minute.  Twins and processes share two cores.
    """
    for name in at.PRELOAD:
        importlib.import_module(name)
    names = list(place.bench.slots)
    images = {name: place.others() for name in names}
    one_s, four_s = [], []
    with two_cores():
        for name in names:
            place.bench.slot(name).need_power().on()
        for _ in range(rounds + 1):
            one_s.append(timed(lambda: _flash(place, {names[0]: next(images[names[0]])})))
            four_s.append(timed(lambda: _flash(place, {name: next(images[name]) for name in names})))
        for name in names:
            place.bench.slot(name).need_power().off()
    one, four = one_s[1:], four_s[1:]
    gains = tuple(len(names) / times for times in ratios(four, one))
    detail = f"{milliseconds(four)} for {TWINS} boards, {milliseconds(one)} for one"
    return [
        Row("four twins at once on two cores, boards per minute against one", gains, "times", GOAL, detail)
    ]


def _flash(place: Place, images: dict[str, Path]) -> None:
    """Raises RuntimeError where a board did not pass."""
    tasks = {
        name: partial(at.flash_board, place.bench.path, name, image, "sector")
        for name, image in images.items()
    }
    endings = side_by_side(
        tasks,
        lambda name, tell: work_at(tasks[name], tell),
        lambda _name, _data: None,
        log_dir=lambda name: place.bench.slot(name).state_dir,
    )
    failed: Sequence[object] = [ending.error for ending in endings.values() if ending.verdict != "PASS"]
    if failed:
        raise RuntimeError(f"a board failed: {failed[0]}")


@contextmanager
def two_cores() -> Iterator[None]:
    """This process and what it starts use at most two processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:CORES])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
