"""The examples in docs/pytest-plugin.md run as they stand, and the options it names exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.pytest_in_pytest import run_pytest
from workbench.boards.bench import Bench

DOCS = Path(__file__).resolve().parent.parent / "docs" / "pytest-plugin.md"
EXAMPLES = 3


def test_all_examples_pass(tmp_path: Path, samples: Path, bench_of_twins: Callable[[int], Bench]) -> None:
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == EXAMPLES
    (tmp_path / "build").mkdir()
    shutil.copy(samples / "hello-microbit" / "hello-microbit.hex", tmp_path / "build" / "hello.hex")
    for name, text in blocks:
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = [name for name, _ in blocks]
    done = run_pytest(tmp_path, "", "--strict-markers", *files, bench=bench_of_twins(1))
    assert done.status == 0, done.output
    assert "6 passed" in done.output


def test_the_options_it_names_are_those_there_are() -> None:
    command = [sys.executable, "-m", "pytest", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd="/")
    there_are = set(re.findall(r"--workbench-[a-z-]+", shown.stdout))
    assert there_are == set(re.findall(r"--workbench-[a-z-]+", DOCS.read_text(encoding="utf-8")))
