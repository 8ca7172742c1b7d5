"""CSV and JSON files hold what the runs were, in the form that their readers expect."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report_lab import NASTY, unit_run
from workbench.station.reports import as_json
from workbench.station.reports.statistics import statistics
from workbench.station.reports.tables import HEADINGS, csv_lines
from workbench.station.reports.unit_run import Measurement, UnitRun


def _rows(run: UnitRun, kind: str = "runs") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(csv_lines([run], kind)), newline="")))


@pytest.mark.parametrize("kind", HEADINGS)
def test_a_csv_file_has_a_heading_and_as_many_cells_in_each_row(kind: str) -> None:
    (row,) = _rows(unit_run("A1", "FAIL"), kind)
    assert tuple(row) == HEADINGS[kind]
    assert row["serial"] == "A1"
    assert None not in row.values()


@given(st.text(max_size=20))
def test_no_cell_of_a_csv_file_is_a_formula_and_no_text_breaks_it(what: str) -> None:
    for text in (what, f"={what}", f"@{what}", NASTY):
        error = {"code": "x", "what": text, "cause": "", "action": ""}
        (row,) = _rows(unit_run("A1", "FAIL", error=error))
        assert row["verdict"] == "FAIL"
        assert row["error"][:1] not in ("=", "+", "-", "@", "\t", "\r")


def test_numbers_stay_numbers_in_a_csv_file() -> None:
    m = Measurement(step="s", name="t", value=-3.5, low=-10.0)
    (row,) = _rows(unit_run(measurements=(m,)), "measurements")
    assert (row["value"], row["low"], row["high"], row["passed"]) == ("-3.5", "-10.0", "", "true")


def test_a_json_report_is_json_with_its_shares() -> None:
    nan = Measurement(step="s", name="t", value=float("nan"))
    runs = [unit_run("A1"), unit_run("A2", "FAIL", measurements=(nan,))]
    text = json.dumps(as_json.report(statistics(runs), runs, about="lot"), allow_nan=False)
    told = json.loads(text)
    assert told["schema"] == as_json.SCHEMA
    assert told["statistics"]["yield"] == told["statistics"]["first_pass_yield"] == 0.5
    assert [run["serial"] for run in told["runs"]] == ["A1", "A2"]
    assert told["runs"][0]["started_at"] == "2026-01-02T12:00:00+00:00"
