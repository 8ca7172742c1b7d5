"""A TPM board is a slot like any other: bench file, power, leases, doctor and commands see no difference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.tpm_lab import needs_swtpm
from workbench.boards.bench import Bench, BenchFileInvalid, Slot, SlotLacks, load_bench
from workbench.boards.bench_write import write_virtual_bench
from workbench.boards.doctor_bench import slots as slot_findings
from workbench.boards.power import CuttingSwitch
from workbench.boards.target import TargetFileInvalid, TargetLacks, describe_target, load_target, parse_target
from workbench.cli.main import app
from workbench.errors import InputError
from workbench.station.slots import hold
from workbench.wires.tpm import open_tpm

ONLY_TPM = '[target]\nname = "x"\ntitle = "X"\ncapabilities = {can}\n[tpm]\npart = "any"\n'


@pytest.fixture
def bench(tmp_path: Path, twin_runtime: Path) -> Iterator[Bench]:
    made = load_bench(write_virtual_bench(tmp_path, 1, tpms=2))
    yield made
    for slot in made.slots.values():
        slot.need_power().off()


def test_a_virtual_bench_has_them_beside_other_boards(bench: Bench) -> None:
    assert list(bench.slots) == ["v1", "t1", "t2"]
    slot = bench.slot("t1")
    assert slot.capabilities == slot.target.capabilities == {"tpm", "power", "power-cut", "identity"}
    assert isinstance(slot.need_power(), CuttingSwitch)
    assert slot.need_tpm() != bench.slot("t2").need_tpm()
    assert not [f.name for f in fields(Slot) if "virtual" in f.name or "twin" in f.name]
    assert [s.name for s in bench.with_capabilities(["tpm", "identity"])] == ["t1", "t2"]
    for need in (slot.need_probe, slot.need_serial):
        with pytest.raises(SlotLacks):
            need()
    with pytest.raises(SlotLacks):
        bench.slot("v1").need_tpm()


def test_counts_are_checked(tmp_path: Path) -> None:
    for count, tpms in ((0, 0), (-1, 3), (3, -1), (60, 5)):
        with pytest.raises(InputError):
            write_virtual_bench(tmp_path, count, tpms=tpms)
    assert list(load_bench(write_virtual_bench(tmp_path, 0, tpms=1)).slots) == ["t1"]


@needs_swtpm
def test_a_held_slot_has_a_tpm_that_answers(bench: Bench) -> None:
    with hold(bench.slot("t1"), purpose="a test", emit=lambda _: None) as held:
        assert held.switched_on
        with open_tpm(held.slot.need_tpm(), check=held.check) as tpm:
            assert tpm.properties().manufacturer == "IBM "
    assert [(f.name, f.status) for f in slot_findings(bench, [])] == [
        ("slot v1", "ok"),
        ("slot t1", "ok"),
        ("slot t2", "ok"),
    ]


@needs_swtpm
def test_the_command_line_shows_and_switches_them(bench: Bench) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, [*arguments, "--bench", str(bench.path)])
        assert done.exit_code == 0, done.output
        return done.output

    assert "power on" in run("slot", "power", "t1", "on")
    assert "t1    tpm-board    on" in run("slot", "list", "--plain").replace("\t", "    ") or "on" in run(
        "slot", "list"
    )
    shown = run("bench", "show", "--json")
    slots = [json.loads(line) for line in shown.splitlines() if '"t1"' in line]
    assert bench.slot("t1").need_tpm() in json.dumps(slots)
    assert "3 TPM commands" in run("slot", "power", "t1", "cut", "--after", "3")
    assert "t1: off" in run("bench", "down")


def test_a_target_without_a_chip_says_so(bench: Bench) -> None:
    target = load_target("tpm-board")
    assert "any TPM 2.0" in describe_target(target)
    assert "chip" not in describe_target(target)
    assert (target.part, target.pack_path, target.script_path) == ("any TPM 2.0", None, None)
    for ask in (lambda: target.chip, lambda: target.debug):
        with pytest.raises(TargetLacks, match="only a TPM"):
            ask()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (ONLY_TPM.format(can='["flash"]'), "target.capabilities[0]"),
        (ONLY_TPM.format(can='["debug"]'), "target.capabilities[0]"),
        (ONLY_TPM.format(can='["chip-id"]'), "target.capabilities[0]"),
        (ONLY_TPM.format(can="[]") + '[twin]\nmachine = "microbit"\n', "twin.machine"),
        (ONLY_TPM.format(can="[]") + '[debug]\npyocd = "nrf51"\n', "chip"),
        ('[target]\nname = "x"\ntitle = "X"\n', "memory"),
    ],
)
def test_contradictions_of_a_tpm_target_are_named(text: str, key: str) -> None:
    parse_target(ONLY_TPM.format(can='["tpm", "identity"]').encode(), Path("x.toml"))
    with pytest.raises(TargetFileInvalid) as refused:
        parse_target(text.encode(), Path("x.toml"))
    assert key in [problem.key for problem in refused.value.problems]


def test_a_real_slot_may_have_a_tpm_only(tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    path.write_text('[slots.a]\ntarget = "tpm-board"\n')
    with pytest.raises(BenchFileInvalid, match="nor tpm"):
        load_bench(path)
    path.write_text('[slots.a]\ntarget = "tpm-board"\ntpm = "device:/dev/nosuchtpm"\n')
    slot = load_bench(path).slot("a")
    assert slot.capabilities == {"tpm", "identity"}
    assert [(f.name, f.status) for f in slot_findings(load_bench(path), [])] == [("slot a", "fail")]
