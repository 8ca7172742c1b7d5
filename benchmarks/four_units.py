"""Four twins through the whole recipe on one line against one: units per hour on two cores."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.bench import Place
from benchmarks.parallel import two_cores
from benchmarks.ratios import Goal, Row, milliseconds, ratios
from workbench.boards.exchange import exchange_board
from workbench.station.demo_line import BOARDS, DemoLine, make_line
from workbench.station.line.line import Line
from workbench.station.lots.lot_file import Lot
from workbench.station.recipes.recipe import load_recipe

GOAL: Final = Goal("at least", 1.7)
FIRMWARE: Final = Path(__file__).resolve().parent.parent / "firmware-samples/build"


def measure(_place: Place, rounds: int) -> list[Row]:
    """New boards each time; provision, enrol, verify the identity, print the label.  The line's processes are
    warm, as they are all day; twins, CA and processes share two cores.
    """
    one_s, four_s = [], []
    with tempfile.TemporaryDirectory(prefix="workbench-benchmark-") as name, two_cores():
        made = make_line(Path(name), FIRMWARE, boards=BOARDS, say=lambda _text: None)
        slots = [slot for slot in made.bench.slots if made.bench.slot(slot).tpm is None][:BOARDS]
        try:
            recipe = load_recipe(made.recipe)
            with Line.open(made.bench, recipe, Lot(id="benchmark"), slots=slots, sign_in=False) as line:
                for number in range(rounds + 1):
                    one_s.append(_through(made, line, slots[:1], number))
                    four_s.append(_through(made, line, slots, number))
        finally:
            for slot in made.bench.slots.values():
                slot.need_power().off()
    one, four = one_s[1:], four_s[1:]
    gains = tuple(len(slots) * factor for factor in ratios(one, four))
    detail = f"{milliseconds(four)} for {len(slots)} units, {milliseconds(one)} for one"
    name = "four units at once through the whole recipe on two cores, units per hour against one"
    return [Row(name, gains, "times", GOAL, detail)]


def _through(made: DemoLine, line: Line, slots: Sequence[str], number: int) -> float:
    """Seconds from the first scan to the last verdict, with new boards in all slots.

    Raises RuntimeError where a unit did not pass.
    """
    for name in slots:
        line.take_out(name)
        exchange_board(made.bench, name)
    began_s = time.perf_counter()
    for name in slots:
        answer = line.scan(f"B-{number}-{len(slots)}-{name}", name)
        if answer.kind != "started":
            raise RuntimeError(f"slot {name}: {answer}")
    state = line.state()
    while any(state.slot(name).phase not in ("done", "broken") for name in slots):
        state = line.wait_change(state.revision, 1.0)
    took_s = time.perf_counter() - began_s
    failed = [view.error for name in slots if (view := state.slot(name)).verdict != "PASS"]
    if failed:
        raise RuntimeError(f"a unit failed: {failed[0]}")
    return took_s
