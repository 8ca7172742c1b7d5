"""The set-up script names what is missing where it cannot install it; each package says why it is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = re.compile(r"(?P<package>[a-z0-9][a-z0-9.+-]+) +(?P<stage>start|check) +(?P<proof>\S+) +# \S.*")
BASICS = ("bash", "dirname", "mkdir", "flock", "awk", "git", "cat")


def packages() -> list[str]:
    lines = (ROOT / "scripts/system-packages.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("line", packages())
def test_each_package_names_its_stage_its_proof_and_its_reason(line: str) -> None:
    assert PACKAGE.fullmatch(line)


@pytest.mark.parametrize("purpose", ["start", "check"])
def test_without_apt_the_missing_programs_are_named(purpose: str, tmp_path: Path) -> None:
    """A system without apt that has the basics and git, and nothing else."""
    tree, programs = tmp_path / "tree", tmp_path / "bin"
    shutil.copytree(ROOT / "scripts", tree / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    programs.mkdir()
    for name in BASICS:
        found = shutil.which(name)
        assert found is not None, name
        (programs / name).symlink_to(found)

    done = subprocess.run(
        [tree / "scripts/setup", purpose],
        env={"PATH": str(programs), "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2, done.stdout + done.stderr
    expected = {
        m["package"]
        for line in packages()
        if (m := PACKAGE.fullmatch(line)) and m["stage"] in ("start", purpose) and m["proof"] != "-"
    }
    named = set(re.findall(r"\(Debian: (\S+)\)", done.stderr))
    assert named == expected - {"git"}  # which is there
