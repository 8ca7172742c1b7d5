"""The lock pins and hashes everything the project asks for, and says nothing about where files come from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^ ;]+)", re.MULTILINE)
ALLOWED_LINE = re.compile(
    r"[a-z0-9][a-z0-9._-]*==[A-Za-z0-9.+!]+( ; [^\\]+)? \\"  # a pin, perhaps with a marker
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
    r"|\s*#.*"
)


def asked_for() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]


@pytest.mark.parametrize("requirement", asked_for())
def test_each_requirement_is_pinned_to_a_version_it_allows(requirement: str) -> None:
    wanted = Requirement(requirement)
    pins = {canonicalize_name(m["name"]): m["version"] for m in PIN.finditer(LOCK)}
    name = canonicalize_name(wanted.name)
    assert name in pins, "run scripts/lock"
    assert wanted.specifier.contains(pins[name], prereleases=True), "run scripts/lock"


def test_each_pin_has_a_hash() -> None:
    pin_with_hash = re.compile(PIN.pattern + r"[^\n]*\\\n    --hash=sha256:", re.MULTILINE)
    assert len(PIN.findall(LOCK)) == len(pin_with_hash.findall(LOCK)) > 0


def test_no_line_is_anything_but_a_pin_a_hash_or_a_remark() -> None:
    odd = [line for line in LOCK.splitlines() if not ALLOWED_LINE.fullmatch(line)]
    assert odd == []


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", "start", "check", "scripts/setup"])
def test_no_address_of_an_index_and_no_folder_of_one_machine(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r"\w+://\S+|--(?:extra-)?index-url|--find-links|/(?:root|home|opt)/\S*", text) == []
