"""The list of commands comes at once, names what is there, and loads nothing of a board."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli_bench import PROGRAM, TIMEOUT_S
from workbench.cli.commands import TABLE, load

HEAVY = {"pydantic", "pyocd", "serial", "sqlalchemy", "alembic", "rich", "qemu", "psycopg"}
GROUPS = {"bench", "slot", "target", "profile", "image", "identity", "ca", "evidence", "records"} | {
    *("operator", "label", "recipe", "lot", "report")
}
HELP_CPU_S = 0.3

COMMANDS = [name for name in TABLE if name != "demo"]


def every_command() -> list[list[str]]:
    """Words of every command and subcommand."""
    words: list[list[str]] = []
    for name in COMMANDS:
        words.append([name])
        if name in GROUPS:
            words += [[name, sub] for sub in load(name).commands]
    return words


def helped(words: list[str], code: str = "") -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")} | {"COLUMNS": "100"}
    command = [sys.executable, "-c", code, *words] if code else [PROGRAM, *words]
    done = subprocess.run(
        [*command, "--help"], env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_the_list_of_commands_takes_little_time() -> None:
    """CPU time, for other tests run at the same time; the best of some tries, for they share its caches."""
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        helped([])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < HELP_CPU_S, spent


def test_help_loads_nothing_of_a_board() -> None:
    code = (
        "import sys, json, atexit\n"
        "names = lambda: sorted(name.partition('.')[0] for name in sys.modules)\n"
        "atexit.register(lambda: print('LOADED', json.dumps(names())))\n"
        "from workbench.cli.main import main\n"
        "main()"
    )
    for words in ([], ["flash"], ["slot", "power"], ["records", "list"]):
        loaded = set(json.loads(helped(words, code).partition("LOADED ")[2]))
        by_typer = {"pydantic"} if words else set()  # to check the values of some options
        assert loaded & HEAVY <= by_typer, words


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_has_help_with_an_example(words: list[str]) -> None:
    text = helped(words)
    assert text.startswith(f"Usage: workbench {' '.join(words)} ")
    if words[0] in GROUPS and len(words) == 1:
        return
    examples = re.search(r"\n  Examples?:\n((?:    .*\n)+)", text)
    assert examples, text
    assert all(f"workbench {' '.join(words)}" in line for line in examples[1].splitlines())


def test_every_command_is_listed_with_the_words_of_its_own_help() -> None:
    listed = helped([])
    for name in COMMANDS:
        assert re.search(rf"\n  {name} +{re.escape(TABLE[name].summary)}\n", listed)
        assert load(name).help.splitlines()[0].rstrip() == TABLE[name].summary


def test_only_one_module_writes_to_standard_output_and_one_to_standard_error() -> None:
    root = Path(__file__).resolve().parent.parent / "workbench" / "cli"
    writes = re.compile(r"(?<!\.)\bprint\(|sys\.(stdout|stderr)\.(write|buffer)|typer\.echo|os\.write\(")
    found = {path.name for path in root.glob("*.py") if writes.search(path.read_text(encoding="utf-8"))}
    assert found <= {"stdout.py", "stderr.py"}
