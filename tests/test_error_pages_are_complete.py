"""Each error has a code of its own, a cause, an action, and a page; `workbench explain` knows it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from scripts import error_pages
from workbench.cli.main import run
from workbench.errors import EXIT_CODES, Blame, InputError, WorkbenchError
from workbench.station.reports.error_catalogue import all_kinds, codes, entry_of, find
from workbench.station.verdicts import VERDICT_OF

KINDS = [kind for kind in all_kinds() if not kind.__name__.startswith("_")]
CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
VAGUE = {InputError.default_cause, InputError.default_action}
"""What says nothing to a technician; the base class alone may say so."""
SHARED = {"internal"}
"""Codes of errors that mean one thing, raised in several places."""


def test_no_two_errors_share_a_code() -> None:
    shared = {code for code, count in Counter(kind.code for kind in KINDS).items() if count > 1}
    assert shared == SHARED


def test_every_error_names_its_code_cause_and_action() -> None:
    wrong = {}
    for kind in KINDS:
        entry = entry_of(kind)
        faults = [
            "code" not in kind.__dict__ and "no code of its own",
            CODE.fullmatch(entry.code) is None and "the code's form",
            not entry.title.endswith(".") and "a title that is no sentence",
            not entry.cause.strip() and "no cause",
            not entry.action.strip() and "no action",
            kind is not InputError and {entry.cause, entry.action} & VAGUE and "vague words",
            entry.blame is not Blame.BUG and entry.cause == WorkbenchError.default_cause and "no cause",
        ]
        if any(faults):
            wrong[kind.__name__] = [fault for fault in faults if fault]
    assert wrong == {}


def test_the_source_names_no_code_that_is_not_found_and_finding_agrees_with_loading_all() -> None:
    assert codes() == sorted({kind.code for kind in KINDS})
    for code in ("probe-missing", "evidence-refused", "usage"):
        (kind,) = [kind for kind in KINDS if kind.code == code]
        assert find(code) == entry_of(kind)
    assert find("no-such-code") is None


def test_pages_are_up_to_date() -> None:
    assert error_pages.out_of_date(error_pages.pages(), error_pages.PAGES) == []


def test_a_page_that_differs_is_missing_or_left_over_is_found_and_mended(tmp_path: Path) -> None:
    made = {"a.md": "A", "b.md": "B"}
    error_pages.update(made, tmp_path)
    assert error_pages.out_of_date(made, tmp_path) == []
    (tmp_path / "a.md").write_text("other")
    (tmp_path / "b.md").unlink()
    (tmp_path / "c.md").write_text("C")
    assert error_pages.out_of_date(made, tmp_path) == ["a.md", "b.md", "c.md"]
    error_pages.update(made, tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == made


@pytest.mark.parametrize("blame", Blame)
def test_a_page_says_verdict_and_exit_code_of_its_blame(blame: Blame) -> None:
    kind = next(kind for kind in KINDS if kind.blame is blame)
    page = (error_pages.PAGES / f"{kind.code}.md").read_text()
    assert f"| verdict of a run that ends so | {VERDICT_OF[blame]} |" in page
    assert f"| exit code | {EXIT_CODES[blame]} |" in page
    assert f"[`{kind.code}`]({kind.code}.md)" in (error_pages.PAGES / error_pages.INDEX).read_text()


def test_reasons_of_a_refusal_are_on_its_page() -> None:
    page = (error_pages.PAGES / "evidence-refused.md").read_text()
    assert "| `signature-wrong` |" in page


def test_explain_says_what_the_page_says_and_proposes_what_was_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    entry = find("probe-missing")
    assert entry is not None
    assert run(["explain", "Probe-Missing"]) == 0
    told = capsys.readouterr().out
    for words in (entry.title, entry.cause, entry.action, "ERROR", "exit code 3"):
        assert words in told
    assert run(["explain", "probe-mising"]) == 2
    assert "probe-missing" in capsys.readouterr().err
