"""`ca init` killed anywhere leaves no half CA, and never writes over one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.ca_lab import NEW, PASSPHRASE, Chip, ca_at, new_ca
from workbench.errors import InputError
from workbench.identity.ca.ca_file import CaFileInvalid, read_ca_file
from workbench.identity.ca.create import CaExists, create_ca
from workbench.identity.ca.errors import CaFolderInvalid
from workbench.identity.ca.opened import opened_ca


def doomed(folder: Path, last: int) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "tests.ca_doomed_init", str(folder), str(last)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def test_a_kill_at_any_act_leaves_a_whole_ca_or_none(tmp_path: Path) -> None:
    count = int(doomed(tmp_path / "whole", 0).stdout)
    assert count > 20
    seen = set()
    for last in range(1, count + 1, 3):
        folder = tmp_path / f"ca-{last}"
        assert doomed(folder, last).returncode == -9
        seen.add(folder.exists())
        if folder.exists():
            with opened_ca(folder, PASSPHRASE) as ca:
                assert ca.authority.status().name == NEW.name
        else:
            with pytest.raises(CaFolderInvalid):
                read_ca_file(folder)
    assert False in seen
    drafts = list(tmp_path.glob(".ca-*.draft"))
    assert all(path.stat().st_mode & 0o077 == 0 for path in drafts)


def test_a_ca_is_made_where_an_init_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    assert doomed(folder, 10).returncode == -9
    create_ca(folder, NEW, PASSPHRASE)
    with ca_at(folder) as ca:
        assert Chip().enrol(ca).certificates


def test_nothing_that_is_there_is_written_over(tmp_path: Path) -> None:
    folder = new_ca(tmp_path)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(CaExists):
        create_ca(folder, NEW, PASSPHRASE)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    file = tmp_path / "file"
    file.touch()
    for path in (link, file):
        with pytest.raises(CaExists):
            create_ca(path, NEW, PASSPHRASE)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".draft")] == []


def test_an_empty_folder_may_become_a_ca(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    create_ca(tmp_path / "ca", NEW, PASSPHRASE)
    assert read_ca_file(tmp_path / "ca").ca.test


@pytest.mark.parametrize("name", ["ca.toml", "root.crt", "issuing.crt", "ca.db"])
def test_a_folder_that_lacks_a_part_is_no_ca(tmp_path: Path, name: str) -> None:
    folder = new_ca(tmp_path)
    (folder / name).unlink()
    with pytest.raises(CaFolderInvalid), ca_at(folder):
        pass


@pytest.mark.parametrize("name", ["root.crt", "issuing.crt"])
def test_certificates_of_another_ca_are_refused(tmp_path: Path, name: str) -> None:
    folder = new_ca(tmp_path)
    create_ca(tmp_path / "other", NEW, PASSPHRASE)
    (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(CaFolderInvalid), ca_at(folder):
        pass


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("test = true", 'test = "yes"'),
        ("[product]", "[product]\nmodel = 1"),
        ("file:keys/root", "https://keys/root"),
        ('name = "Lab"', 'name = ""'),
    ],
)
def test_mistakes_in_the_settings_are_named(tmp_path: Path, old: str, new: str) -> None:
    folder = new_ca(tmp_path)
    path = folder / "ca.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(CaFileInvalid) as caught:
        read_ca_file(folder)
    assert caught.value.problems


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "line\nbreak", "Ünïcode", "ta\tb"])
def test_any_name_is_kept_or_refused_whole(tmp_path: Path, name: str) -> None:
    from dataclasses import replace

    try:
        create_ca(tmp_path / "ca", replace(NEW, name=name), PASSPHRASE)
    except InputError:
        assert not (tmp_path / "ca").exists()
        return
    assert read_ca_file(tmp_path / "ca").ca.name == name
