"""`python -m benchmarks`: measures, prints the table, renews docs/benchmarks.md.

Exit status: 0 all goals met, 1 one was missed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from benchmarks import (
    enrolling,
    flashing,
    four_units,
    parallel,
    records_at_scale,
    runner_overhead,
    screen,
    starting,
    table,
    updating,
)
from benchmarks.bench import Place, cores, place
from benchmarks.ratios import Row

CASES: Final[dict[str, Callable[[Place, int], list[Row]]]] = {
    "enrolling": enrolling.measure,
    "flashing": flashing.measure,
    "four-units": four_units.measure,
    "parallel": parallel.measure,
    "runner": runner_overhead.measure,
    "records": records_at_scale.measure,
    "screen": screen.measure,
    "starting": starting.measure,
    "updating": updating.measure,
}


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "cases", nargs="*", choices=[*CASES, []], help="only these; the document stays as it is"
    )
    parser.add_argument("--rounds", type=int, default=7, help="how often everything is measured (default: 7)")
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md as it is")
    options = parser.parse_args()
    rows: list[Row] = []
    for name in options.cases or CASES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        with place() as where:  # one at a time, each on new twins
            rows += CASES[name](where, options.rounds)
    report = [*table.lines(rows), "", surroundings(options.rounds)]
    print("\n".join(report))
    if not options.cases and not options.no_write:
        document = table.DOCUMENT.read_text(encoding="utf-8")
        table.DOCUMENT.write_text(table.renewed(document, report), encoding="utf-8")
    return 0 if all(row.is_met for row in rows) else 1


def surroundings(rounds: int) -> str:
    """When and on what it was measured."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} in {rounds} rounds: {cores()} cores, "
        f"{platform.machine()}, Python {platform.python_version()}, load average {load}."
    )


if __name__ == "__main__":
    sys.exit(main())
