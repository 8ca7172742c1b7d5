"""A slot with a virtual board offers what one with a real board offers, and nothing that tells them apart."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from workbench.boards.bench import Bench, Slot, StateFolderUnusable, load_bench
from workbench.boards.bench_write import write_virtual_bench
from workbench.boards.doctor_bench import slots as slot_findings
from workbench.boards.leases import lease_any, lease_slot, lease_statuses
from workbench.boards.power import CuttingSwitch, PowerSwitch

WORKSPACE_FILES = {"bench.toml", ".workbench"}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("WORKBENCH_RUNTIME", str(tmp_path / "run"))
    folder = tmp_path / "bench"
    folder.mkdir()
    return load_bench(write_virtual_bench(folder, 2))


def test_a_virtual_slot_has_probe_port_and_power(bench: Bench) -> None:
    slot = bench.slot("v1")
    assert isinstance(slot.need_power(), PowerSwitch)
    assert isinstance(slot.need_power(), CuttingSwitch)
    assert slot.capabilities == slot.target.capabilities
    assert slot.need_probe().unique_id != bench.slot("v2").need_probe().unique_id
    assert slot.need_serial() != bench.slot("v2").need_serial()
    assert not [f.name for f in fields(Slot) if "virtual" in f.name or "twin" in f.name]


def test_the_same_board_comes_back(bench: Bench) -> None:
    again = load_bench(bench.path)
    assert again.slots == bench.slots
    assert {p.name for p in bench.folder.iterdir()} == WORKSPACE_FILES


def test_a_board_can_be_plugged_into_another_slot(bench: Bench) -> None:
    probe = bench.slot("v1").need_probe()
    bench.path.write_text('[slots.other]\nvirtual = "microbit-v1"\nboard = "v1"\n')
    assert load_bench(bench.path).slot("other").need_probe() == probe


def test_slots_without_power_are_in_order(bench: Bench) -> None:
    assert [(f.name, f.status) for f in slot_findings(bench, [])] == [("slot v1", "ok"), ("slot v2", "ok")]


def test_virtual_slots_are_leased_like_others(bench: Bench) -> None:
    with (
        lease_slot(bench.slot("v1"), "me", "a test"),
        lease_any(list(bench.slots.values()), "w", "a test") as (slot, _),
    ):
        assert slot.name == "v2"
        assert {s.state for s in lease_statuses(bench).values()} == {"leased"}


def test_a_state_folder_that_cannot_be_made_is_the_stations_fault(bench: Bench) -> None:
    folder = bench.folder.parent / "blocked"
    folder.mkdir()
    (folder / ".workbench").write_text("in the way")
    with pytest.raises(StateFolderUnusable):
        load_bench(write_virtual_bench(folder, 1))
