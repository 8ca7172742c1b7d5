"""`workbench flash v1 hello.hex` names a slot; a file of that name, or --slot, keeps its meaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.cli.image_files import slot_first


@pytest.mark.parametrize(
    ("files", "slots", "all_slots", "wanted"),
    [
        (["v1", "a.hex"], None, False, (["a.hex"], ["v1"])),
        (["v1"], None, False, (["v1"], [])),
        (["a.hex", "b.bin@0x100"], None, False, (["a.hex", "b.bin@0x100"], [])),
        (["v1", "a.hex"], ["v2"], False, (["v1", "a.hex"], ["v2"])),
        (["v1", "a.hex"], None, True, (["v1", "a.hex"], [])),
    ],
)
def test_the_first_word(
    files: list[str], slots: list[str] | None, all_slots: bool, wanted: tuple[list[str], list[str]]
) -> None:
    assert slot_first(files, slots, all_slots=all_slots) == wanted


def test_a_file_of_that_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v1").write_bytes(b"")
    assert slot_first(["v1", "a.hex"], None, all_slots=False) == (["v1", "a.hex"], [])
