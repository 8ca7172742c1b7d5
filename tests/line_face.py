"""A program that works a line as a face does, for tests that kill it.  Prints "running" when all units run.

python -m tests.line_face BENCH RECIPE SLOT=SERIAL…
"""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.boards.bench import load_bench
from workbench.station.line.line import Line
from workbench.station.recipes.recipe import load_recipe


def main() -> None:
    bench, recipe = load_bench(Path(sys.argv[1])), load_recipe(Path(sys.argv[2]))
    units = dict(word.split("=") for word in sys.argv[3:])
    line = Line.open(bench, recipe, slots=list(units))
    for slot, serial in units.items():
        line.scan(serial, slot)
    state = line.state()
    while not all(view.current is not None and "gate" in view.current.step for view in state.slots):
        state = line.wait_change(state.revision, 1.0)
    print("running", flush=True)
    sys.stdin.read()
    line.close()


if __name__ == "__main__":
    main()
