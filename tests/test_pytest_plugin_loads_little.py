"""Who runs pytest without a board pays nothing for the plugin: it loads what it needs with the first one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pytest_in_pytest import run_pytest

HEAVY = ("pyocd", "serial", "sqlalchemy", "alembic", "psycopg", "pydantic", "typer", "rich", "qemu")

LOADED = f"""
import sys

def test_loaded():
    assert not [name for name in {HEAVY!r} if name in sys.modules]

def test_needs_a_board(board): ...

def test_loaded_after_a_skip():
    assert not [name for name in {HEAVY[:5]!r} if name in sys.modules]
"""


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=["one process", "xdist"])
def test_a_run_without_a_board_loads_nothing_heavy(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = run_pytest(tmp_path, LOADED, "-p", "no:hypothesispytest", *options)
    assert done.status == 0, done.output
    assert "2 passed, 1 skipped" in done.output
