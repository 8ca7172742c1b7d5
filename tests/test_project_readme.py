"""The check of help texts in the documents notices what is stale, and mends it only when asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.check_readme import BadMarkers, process, program_help, renewed

RIGHT = (
    "before\n<!-- help: workbench flash -->\n```text\nUsage of workbench flash\n```\n<!-- /help -->\nafter\n"
)


def say_usage(command: str) -> str:
    return f"Usage of {command}"


def test_a_right_text_is_left_alone() -> None:
    assert renewed(RIGHT, say_usage) == (RIGHT, 1)


@pytest.mark.parametrize(
    "stale", [RIGHT.replace("Usage", "Usgae"), RIGHT.replace("```text\nUsage of workbench flash\n```\n", "")]
)
def test_a_stale_text_is_noticed_and_mended_only_when_asked(stale: str, tmp_path: Path) -> None:
    document = tmp_path / "README.md"
    document.write_text(stale, encoding="utf-8")

    assert process(document, say_usage, update=False) == (False, 1)
    assert document.read_text(encoding="utf-8") == stale

    assert process(document, say_usage, update=True) == (True, 1)
    assert document.read_text(encoding="utf-8") == RIGHT


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<!-- help: workbench -->\nx\n", "line 1 has no <!-- /help -->"),
        ("<!-- help: workbench -->\n<!-- help: workbench flash -->\n<!-- /help -->\n", "line 1 has no"),
        ("<!-- /help -->\n", "line 1: <!-- /help --> without a beginning"),
        ("x\n<!-- help: rm -rf -->\n<!-- /help -->\n", "line 2: not of the form"),
        ("x\n<!-- help: workbench ; id -->\n<!-- /help -->\n", "line 2: not of the form"),
    ],
)
def test_markers_that_do_not_pair_up_are_refused(text: str, what: str) -> None:
    with pytest.raises(BadMarkers, match=what):
        renewed(text, say_usage)


def test_help_does_not_depend_on_the_terminal_of_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = program_help("workbench")
    for name, value in {
        "COLUMNS": "40",
        "FORCE_COLOR": "1",
        "TERM": "xterm-256color",
        "GITHUB_ACTIONS": "1",
    }.items():
        monkeypatch.setenv(name, value)

    assert program_help("workbench") == plain
    assert "\x1b" not in plain
    assert "Usage" in plain
