"""The target files that come with the workbench describe their chips as pyOCD and the data sheets do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.boards.target import (
    Target,
    TargetFileInvalid,
    TargetUnknown,
    describe_target,
    list_targets,
    load_target,
)

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "targets" / "my-board.toml.example"

PYOCD_REGIONS = """
import sys
from pyocd.target import TARGET
for region in TARGET[sys.argv[1]].MEMORY_MAP:
    print(region.type.name, region.start, region.length, getattr(region, "blocksize", 0))
"""


def test_both_are_there_and_load() -> None:
    targets = list_targets()
    assert all(isinstance(t, Target) for t in targets)
    assert {"microbit-v1", "mps2-an385"} <= {t.name for t in targets if isinstance(t, Target)}


def test_microbit_agrees_with_pyocd_about_its_memory() -> None:
    target = load_target("microbit-v1")
    command = [sys.executable, "-c", PYOCD_REGIONS, target.debug.pyocd]
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    theirs = {(int(start), int(size)) for _, start, size, _ in (line.split() for line in out.splitlines())}
    ours = {(m.start, m.size) for m in target.memory if m.writable}
    assert theirs == ours
    assert f"FLASH 0 {256 * 1024} {target.memory_named('flash').sector}" in out


def test_microbit_chip_id_reads_as_one_number() -> None:
    chip_id = load_target("microbit-v1").chip.id
    assert chip_id is not None
    assert chip_id.text([0x89ABCDEF, 0x01234567]) == "0123456789abcdef"


def test_microbit_lock_follows_the_reference_manual() -> None:
    lock = load_target("microbit-v1").lock
    assert lock is not None
    assert not lock.is_locked(0xFFFFFFFF)
    assert lock.is_locked(0xFFFF00FF)
    assert lock.is_locked(0xFFFFFEFF)
    assert lock.is_locked(lock.locking_word)
    assert not lock.is_locked(
        0xFFFFFF00
    )  # PR0 protects region 0 from the program, not the chip from the probe


@pytest.mark.parametrize("name", ["microbit-v1", "mps2-an385"])
def test_pyocd_knows_the_chip(name: str) -> None:
    code = "import sys; from pyocd.target import TARGET; sys.exit(sys.argv[1] not in TARGET)"
    subprocess.run([sys.executable, "-c", code, load_target(name).debug.pyocd], check=True, timeout=60)


def test_the_template_loads_once_it_has_its_name(tmp_path: Path) -> None:
    shutil.copy(TEMPLATE, tmp_path / "my-board.toml")
    target = load_target(tmp_path / "my-board.toml")
    assert "debug" in target.capabilities
    assert "my-board" in describe_target(target)


def test_addresses_are_found_in_their_memory() -> None:
    target = load_target("microbit-v1")
    found = [target.memory_at(a) for a in (0, 0x3FFFF, 0x10001000, 0x40000, 0x20003FFF, 0x20004000)]
    assert [m.name if m else None for m in found] == ["flash", "flash", "uicr", None, "ram", None]


def test_a_mistyped_name_gets_a_suggestion() -> None:
    with pytest.raises(TargetUnknown, match="did you mean 'microbit-v1'"):
        load_target("microbit-1")


def test_the_bench_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "targets" / "microbit-v1.toml").read_text()
    for folder, title in ((tmp_path / "targets", "ours"), (tmp_path / "more", "theirs")):
        folder.mkdir()
        (folder / "microbit-v1.toml").write_text(text.replace("BBC micro:bit V1", title))
    assert load_target("microbit-v1").title == "BBC micro:bit V1"
    monkeypatch.setenv("WORKBENCH_TARGETS", str(tmp_path / "more"))
    assert load_target("microbit-v1").title == "theirs"
    assert load_target("microbit-v1", bench_folder=tmp_path).title == "ours"


def test_a_wrong_file_does_not_hide_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.toml").write_text("[target")
    monkeypatch.setenv("WORKBENCH_TARGETS", str(tmp_path))
    listed = list_targets()
    assert any(isinstance(t, TargetFileInvalid) and t.path.name == "broken.toml" for t in listed)
    assert any(isinstance(t, Target) and t.name == "microbit-v1" for t in listed)
