"""The import contracts notice what breaks them, and each face and room loads only what it needs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

HEAVY = {"pyocd", "serial", "tpm2_pytss", "pkcs11", "pkilint", "textual", "segno", "PIL", "argon2", "jinja2"}
"""Libraries that only their own adapter may load."""

LOADED_BY = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded_by(*modules: str) -> set[str]:
    """Top-level packages that a fresh interpreter holds after importing the modules."""
    command = [sys.executable, "-c", LOADED_BY, json.dumps(modules)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stdout))


def modules_of(room: str) -> list[str]:
    """Names of all modules of a room, found on disk so that nothing is imported here."""
    paths = (ROOT / "workbench" / room).rglob("*.py")
    dotted = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(paths)]
    return [name.removesuffix(".__init__") for name in dotted if not name.endswith(".migrations.env")]


@pytest.mark.parametrize(
    ("face", "more"),
    [
        ("workbench.cli.main", {"sqlalchemy", "alembic", "psycopg", "qemu", "pytest"}),
        ("workbench.pytest_plugin.plugin", {"typer", "click", "rich", "sqlalchemy"}),
    ],
)
def test_a_face_starts_without_what_only_some_of_its_commands_need(face: str, more: set[str]) -> None:
    assert loaded_by(face) & (HEAVY | more) == set()


@pytest.mark.parametrize(
    ("room", "own", "adapters"),
    [
        ("boards", set(), {"workbench.boards.detect"}),
        ("probes", {"pyocd"}, set()),
        ("wires", {"serial", "tpm2_pytss"}, set()),
        ("images", set(), set()),
        (
            "identity",
            {"serial"},
            {"workbench.identity.ca.pkcs11", "workbench.identity.certificates.lint_pkilint"},
        ),
        ("updates", {"serial"}, set()),
        ("virtual", set(), {"workbench.virtual.plugin"}),
    ],
)
def test_a_room_loads_no_library_of_another_adapter(room: str, own: set[str], adapters: set[str]) -> None:
    modules = [name for name in modules_of(room) if name not in adapters]
    assert loaded_by(*modules) & HEAVY <= own


VIOLATIONS = {
    "errors.py": ["import workbench.events"],
    "boards/leak.py": ["import workbench.wires", "import workbench.virtual.plugin"],
    "probes/leak.py": ["import workbench.wires", "import workbench.virtual.twins", "import serial"],
    "station/leak.py": [
        "import workbench.cli",
        "import workbench.tui",
        "import rich.table",
        "import textual",
        "import segno",
    ],
    "cli/leak.py": ["import workbench.tui", "import jinja2"],
    "languages/leak.py": ["import workbench.errors"],
    "wires/leak.py": ["import pyocd.core.session"],
    "images/leak.py": ["import workbench.boards"],
    "updates/leak.py": ["import smpclient.transport.udp", "import tpm2_pytss"],
    "identity/ca/leak.py": ["import pkcs11", "import pkilint.validation"],
    "identity/evidence/leak.py": ["import sqlalchemy"],
}
"""What must never be written, by file."""

CONTRACTS = 15


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)


def test_each_contract_notices_a_violation(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "workbench", tmp_path / "workbench", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, lines in VIOLATIONS.items():
        path = tmp_path / "workbench" / name
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text("\n".join([old, *lines, ""]), encoding="utf-8")

    done = lint(tmp_path)

    assert done.returncode == 1
    assert f"Contracts: 0 kept, {CONTRACTS} broken." in done.stdout, done.stdout + done.stderr
