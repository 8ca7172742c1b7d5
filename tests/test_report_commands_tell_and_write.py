"""`workbench report` and `workbench records` tell what the records hold, and write files that others read."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.report_lab import NASTY, LabLine, ProbeGone, UnitBad
from workbench.boards.bench_write import write_virtual_bench
from workbench.cli.main import run


class Shop:
    """A bench with some runs, and the program in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_virtual_bench(folder, 1)
        self.line = LabLine(folder, f"sqlite:///{folder / '.workbench' / 'records.sqlite'}")
        self.bad = self.line.run("A1", UnitBad(NASTY))
        self.line.run("A2", ProbeGone("gone"))
        self.line.run("A1")
        self.line.run("A3")

    def call(self, *arguments: str, code: int = 0) -> str:
        """Standard output of the program where it ends well, standard error where it does not."""
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.delenv("WORKBENCH_DATABASE", raising=False)
            ended = run(list(arguments))
        assert ended == code, out.getvalue() + err.getvalue()
        assert "Traceback" not in err.getvalue()
        return out.getvalue() if code == 0 else err.getvalue()

    def result(self, *arguments: str) -> dict[str, object]:
        """What the last event of `--json` says."""
        last = json.loads(self.call(*arguments, "--json").splitlines()[-1])
        found: dict[str, object] = last["result"]
        return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = Shop(tmp_path_factory.mktemp("shop"))
    yield made
    made.line.close()


def test_a_lot_is_told_in_words_as_json_and_as_a_page(shop: Shop) -> None:
    words = shop.call("report", "lot", "LOT-7", "--html", "lot.html")
    for told in ("yield             100.0 %", "first-pass yield  50.0 %", "not judged 1", "lab-unit-bad"):
        assert told in words
    told_json = json.dumps(shop.result("report", "lot", "LOT-7"))
    assert '"first_pass_yield": 0.5' in told_json
    page = (shop.folder / "lot.html").read_text()
    assert "50.0 %" in page
    assert "<script" not in page
    assert list(shop.folder.glob(".lot.html*")) == []


def test_a_unit_and_a_run_are_told_without_what_a_terminal_would_obey(shop: Shop) -> None:
    words = shop.call("report", "unit", "a1", "--html", "unit.html")
    assert "\x1b" not in words
    assert [line[:4] for line in words.splitlines() if line[:4] in ("PASS", "FAIL")] == ["FAIL", "PASS"]
    told = shop.call("report", "run", shop.bad.run_id[:8], "--html", "run.html")
    assert "what to do: put it aside" in told
    assert "lab-unit-bad" in (shop.folder / "run.html").read_text()


def test_exports_are_read_by_other_readers(shop: Shop) -> None:
    lot = ("report", "export", "--lot", "LOT-7", "--format")
    assert [row["verdict"] for row in csv.DictReader(shop.call(*lot, "csv").splitlines())] == [
        "FAIL",
        "ERROR",
        "PASS",
        "PASS",
    ]
    shop.call(*lot, "junit", "--output", "lot.xml")
    suites = ET.parse(shop.folder / "lot.xml").getroot()
    assert [(s.get("name"), s.get("failures"), s.get("errors")) for s in suites] == [
        ("A1", "1", "0"),
        ("A2", "0", "1"),
        ("A1", "0", "0"),
        ("A3", "0", "0"),
    ]
    records = [json.loads(line) for line in shop.call(*lot, "openhtf").splitlines()]
    assert [record["outcome"] for record in records] == ["FAIL", "ERROR", "PASS", "PASS"]
    unit = json.loads(shop.call("report", "export", "--serial", "A1", "--format", "json"))
    assert [run["attempt"] for run in unit["runs"]] == [1, 2]
    steps = shop.call("report", "export", "--run", shop.bad.run_id, "--format", "csv-steps")
    assert len(steps.splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("report", "lot", "LOT-8"), 2, "lot-unknown"),
        (("report", "unit", "Z9"), 2, "serial-unknown"),
        (("report", "run", "zzzz"), 2, "run-not-found"),
        (("report", "export", "--format", "csv"), 2, "report-export-unclear"),
        (("report", "export", "--format", "csv", "--lot", "LOT-7", "--serial", "A1"), 2, "unclear"),
        (("report", "lot", "LOT-7", "--html", "no/such/folder.html"), 3, "report-unwritable"),
        (("report", "lot", "LOT-7", "--since", "yesterday"), 2, "is no time"),
        (("records", "verify", "--head", "3:x"), 2, "is no head"),
        (("records", "verify", "--head", f"1:{'0' * 64}"), 4, "records-altered"),
    ],
)
def test_what_cannot_be_reported_says_why(
    shop: Shop, arguments: tuple[str, ...], code: int, words: str
) -> None:
    assert words in shop.call(*arguments, code=code)


def test_records_are_filtered_and_verified(shop: Shop) -> None:
    assert shop.result("records", "list", "--serial", "a1")["runs"] == 2
    assert shop.result("records", "list", "--lot", "LOT-7", "--code", "lab-probe-gone")["runs"] == 1
    assert shop.result("records", "list", "--text", "alert(1)")["runs"] == 1
    verified = shop.result("records", "verify")
    assert (verified["runs"], verified["altered"]) == (4, 0)
    assert f"head {verified['head']}" in shop.call("records", "verify", "--head", str(verified["head"]))
