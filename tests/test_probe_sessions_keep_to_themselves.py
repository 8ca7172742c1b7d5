"""A session prints nothing, stays in its folder, and picks up no configuration or script that lies about."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flash_bench import bench_of
from workbench.boards.bench import Bench

CHILD = """
import os, sys
from pathlib import Path
from workbench.boards.bench import load_bench
from workbench.probes.errors import DebugError
from workbench.probes.session import open_debug

here = os.getcwd()
slot = load_bench(Path(sys.argv[1])).slots["v1"]
with open_debug(slot) as debug:
    debug.chip_id()
    debug.reset()
assert os.getcwd() == here
slot.need_power().off()
try:
    with open_debug(slot) as debug:
        pass
except DebugError as error:
    assert error.code == "probe-missing", error.diagnostics()
slot.need_power().on()
assert os.getcwd() == here
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_of(tmp_path, v1="microbit-v1") as made:
        yield made


def test_nothing_is_printed_and_nothing_is_picked_up(bench: Bench, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "pyocd.yaml").write_text("target_override: stm32f103rc\nauto_unlock: true\n")
    (trap / "pyocd_user.py").write_text("open('picked-up', 'w').close()\nprint('picked up')\n")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(bench.path)],
        cwd=trap,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (trap / "picked-up").exists()
