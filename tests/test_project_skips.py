"""On a CI server a skip fails the run unless it needs hardware; elsewhere a skip is only a skip."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

INNOCENT = """
import pytest

@pytest.mark.skip(reason="hardware: needs a micro:bit on the bench")
def test_board(): ...

@pytest.mark.xfail(reason="known", strict=True)
def test_known(): assert False

def test_fine(): ...
"""
SKIPS = {
    "test_innocent.py": INNOCENT,
    "test_mark.py": "import pytest\n@pytest.mark.skip(reason='no swtpm')\ndef test_tpm(): ...\n",
    "test_call.py": "import pytest\ndef test_twin(): pytest.skip('no qemu')\n",
    "test_module.py": "import pytest\npytest.skip('no gdb', allow_module_level=True)\n",
}


def run_pytest(
    folder: Path, files: dict[str, str], *options: str, ci: str
) -> subprocess.CompletedProcess[str]:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "scripts.ci_skips",
        *options,
        ".",
    ]
    return subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=["one process", "xdist"])
def test_each_unexplained_skip_fails_ci_and_is_named(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = run_pytest(tmp_path, SKIPS, *options, ci="true")
    assert done.returncode == 1, done.stdout + done.stderr
    named = done.stdout.partition("skips that fail a CI run")[2]
    for words in (
        "test_mark.py::test_tpm: no swtpm",
        "test_call.py::test_twin: no qemu",
        "test_module.py: no gdb",
    ):
        assert words in named
    assert "hardware: needs" not in named
    assert named.rstrip().rpartition("\n")[2].strip("= ").startswith("1 passed, 4 skipped, 1 xfailed")


def test_skips_for_hardware_and_expected_failures_pass_ci(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, {"test_innocent.py": INNOCENT}, ci="true")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("ci", ["", "false"])
def test_without_ci_a_skip_is_only_a_skip(tmp_path: Path, ci: str) -> None:
    assert run_pytest(tmp_path, SKIPS, ci=ci).returncode == 0
