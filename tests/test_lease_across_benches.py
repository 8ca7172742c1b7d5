"""Two benches that name the same probe or port do not use it at once; workers share out the slots of one
bench.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.boards.bench import ProbeRef, Slot, load_bench
from workbench.boards.leases import SlotLeased, lease_any, lease_slot, lease_statuses
from workbench.errors import InputError

BENCH = """
[slots.a1]
target = "microbit-v1"
probe = { unique_id = "9900AA" }

[slots.a2]
target = "microbit-v1"
probe = { unique_id = "9900BB" }
serial = "rfc2217://Lab:4000"
"""


@pytest.fixture(autouse=True)
def own_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_RUNTIME", str(tmp_path / "runtime"))


def slots(folder: Path) -> dict[str, Slot]:
    folder.mkdir()
    (folder / "bench.toml").write_text(BENCH)
    return load_bench(folder / "bench.toml").slots


def test_the_same_probe_in_another_bench_is_refused_and_named(tmp_path: Path) -> None:
    one, two = slots(tmp_path / "one")["a1"], slots(tmp_path / "two")["a1"]
    with (
        lease_slot(one, "anna", "flash"),
        pytest.raises(SlotLeased, match=r"probe 9900aa \(through another bench\) is leased by anna"),
    ):
        lease_slot(replace(two, probe=ProbeRef("9900aa")), "me", "trying").take()
    with lease_slot(two, "me", "now"):
        pass


def test_the_same_port_in_another_bench_is_refused(tmp_path: Path) -> None:
    one, two = slots(tmp_path / "one")["a2"], slots(tmp_path / "two")["a2"]
    other = replace(two, probe=None, serial="rfc2217://lab:4000/")
    with lease_slot(one, "anna", "console"), pytest.raises(SlotLeased, match="serial port"):
        lease_slot(other, "me", "trying").take()


def test_a_refusal_gives_back_what_was_already_taken(tmp_path: Path) -> None:
    one, two = slots(tmp_path / "one")["a1"], slots(tmp_path / "two")["a1"]
    with lease_slot(one, "anna", "flash"), pytest.raises(SlotLeased):
        lease_slot(two, "me", "trying").take()
    bench = load_bench(tmp_path / "two" / "bench.toml")
    assert {s.state for s in lease_statuses(bench).values()} == {"free"}


def test_any_free_slot_will_do_until_there_is_none(tmp_path: Path) -> None:
    choice = tuple(slots(tmp_path / "one").values())
    with ExitStack() as stack:
        names = [stack.enter_context(lease_any(choice, f"w{n}", "test"))[0].name for n in range(2)]
        assert sorted(names) == ["a1", "a2"]
        with pytest.raises(SlotLeased), lease_any(choice, "w3", "test", wait_s=0.05):
            pass
    with pytest.raises(InputError, match="no slot to choose from"), lease_any((), "w4", "test"):
        pass
