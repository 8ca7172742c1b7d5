"""Runs as CSV: a row for each run, each step or each measurement.  Pure: gives text.

RFC 4180 with a heading.  Text that a spreadsheet would take for a formula gets an apostrophe before it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from workbench.station.reports.unit_run import UnitRun

Cells = Iterator[tuple[Any, ...]]

_UNIT: Final = ("serial", "lot", "run_id", "attempt")
HEADINGS: Final[dict[str, tuple[str, ...]]] = {
    "runs": (
        *_UNIT,
        "verdict",
        "error_code",
        "error",
        "started_at",
        "finished_at",
        "elapsed_s",
        "station",
        "slot",
        "target",
        "operator",
        "recipe",
        "recipe_sha256",
        "chip_id",
        "fingerprint",
        "verb",
        "version",
    ),
    "steps": (*_UNIT, "step", "title", "outcome", "elapsed_s", "error_code"),
    "measurements": (*_UNIT, "step", "name", "value", "unit", "low", "high", "passed"),
}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(runs: Iterable[UnitRun], rows: str = "runs") -> Iterator[str]:
    """The file, line by line; `rows` is one of HEADINGS."""
    yield _line(HEADINGS[rows])
    for run in runs:
        for cells in _CELLS[rows](run):
            yield _line(cells)


def _of_run(run: UnitRun) -> Cells:
    yield (
        *_unit(run),
        run.verdict,
        run.error_code,
        run.error.get("what") if run.error else None,
        run.started_at.isoformat(),
        run.finished_at.isoformat(),
        run.elapsed_s,
        run.station,
        run.slot,
        run.target,
        run.operator,
        run.recipe,
        run.recipe_sha256,
        run.chip_id,
        run.fingerprint,
        run.verb,
        run.version,
    )


def _of_steps(run: UnitRun) -> Cells:
    for step in run.steps:
        code = step.error["code"] if step.error else None
        yield (*_unit(run), step.step, step.title, step.outcome, step.elapsed_s, code)


def _of_measurements(run: UnitRun) -> Cells:
    for m in run.measurements:
        yield (*_unit(run), m.step, m.name, m.value, m.unit, m.low, m.high, m.passed)


_CELLS: Final[dict[str, Callable[[UnitRun], Cells]]] = {
    "runs": _of_run,
    "steps": _of_steps,
    "measurements": _of_measurements,
}


def _unit(run: UnitRun) -> tuple[Any, ...]:
    return (run.serial, run.lot, run.run_id, run.attempt)


def _line(cells: Iterable[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_cell(cell) for cell in cells])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
        return f"'{text}" if text.startswith(_FORMULA) else text
    return value
