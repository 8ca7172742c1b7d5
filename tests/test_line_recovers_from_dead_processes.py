"""A slot's process that dies costs its own unit a verdict ERROR and nothing else, and the slot works
again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.line_lab import LineLab, begun, kill, line_lab, run_unit, wait_for, wait_phase, worker_pids
from workbench.station.line.acknowledge import acknowledge_slot
from workbench.station.line.errors import LineBusy

pytestmark = pytest.mark.xdist_group("line recovers")


@pytest.fixture(scope="module")
def lab() -> Iterator[LineLab]:
    with line_lab(2) as made:
        yield made


def test_a_killed_process_is_an_error_of_its_own_slot_and_is_restarted(lab: LineLab) -> None:
    with lab.line(lab.recipe("pass", "gate", "pass")) as line:
        begun(line.scan("K1", "v1"))
        begun(line.scan("K2", "v2"))
        wait_for(line, lambda s: all(v.current and v.current.step == "gate-1" for v in s.slots))
        wait_for(line, lambda _: lab.did("K1")[-1:] == ["gate-1"])
        kill(worker_pids(lab.bench)["v1"])
        dead = wait_phase(line, "v1", "done")
        assert (dead.verdict, dead.error and dead.error.code) == ("ERROR", "slot-process-died")
        assert [step.state for step in dead.steps] == ["passed", "error", "waiting"]
        assert line.state().slot("v2").phase == "running"
        state = wait_for(line, lambda s: s.slot("v1").generation == 2, "restarted")
        assert "slot v1" in state.notices[-1]
        lab.open_gate("v1")
        lab.open_gate("v2")
        assert wait_phase(line, "v2", "done").verdict == "PASS"
        assert line.state().slot("v2").generation == 1
        assert line.retry("v1").kind == "resumed"
        assert wait_phase(line, "v1", "done").verdict == "PASS"
        assert lab.did("K1") == ["pass-0", "gate-1", "gate-1", "pass-2"]


def test_a_child_that_outlives_the_process_keeps_nobody_waiting(lab: LineLab) -> None:
    with lab.line(lab.recipe("leave"), slots=["v1"]) as line:
        dead = run_unit(line, "C1")
        assert (dead.phase, dead.error and dead.error.code) == ("done", "slot-process-died")
        child = Path("/proc", (lab.folder / "child").read_text(), "cmdline")
        wait_for(line, lambda _: not child.exists() or not child.read_bytes(), "its child ended")


def test_two_deaths_in_a_row_break_the_slot_until_somebody_looks(lab: LineLab) -> None:
    recipe = lab.recipe("die")
    with lab.line(recipe, slots=["v1"]) as line:
        assert run_unit(line, "D1").phase == "done"
        broken = run_unit(line, "D2")
        assert (broken.phase, broken.verdict, broken.serial) == ("broken", "ERROR", "D2")
        assert broken.error is not None
        assert broken.error.code == "slot-keeps-dying"
        assert line.scan("D3").kind == "refused"
    with lab.line(lab.recipe("pass"), slots=["v1"]) as line:  # not even a new line forgets it
        kept = line.state().slot("v1")
        assert (kept.phase, kept.serial) == ("broken", "D2")
        with pytest.raises(LineBusy):
            acknowledge_slot(lab.bench, "v1")
        assert line.acknowledge("v1")
        assert not line.acknowledge("v1")
        wait_phase(line, "v1", "ready")
        assert run_unit(line, "D3").verdict == "PASS"


def test_a_step_that_no_signal_ends_is_killed_and_breaks_the_slot(lab: LineLab) -> None:
    step = {"step": "act", "name": "hanging", "do": "deaf", "limit_s": 0.3}
    with lab.line(lab.recipe(step), slots=["v1"], grace_s=0.3) as line:
        broken = run_unit(line, "H1")
        assert (broken.phase, broken.error and broken.error.code) == ("broken", "step-hangs")
        assert line.acknowledge("v1")


def test_an_irreversible_step_that_ends_in_error_breaks_the_slot(lab: LineLab) -> None:
    recipe = lab.recipe("pass", "lock-error", permit={"lock": True})
    with lab.line(recipe, slots=["v1"]) as line:
        broken = run_unit(line, "L1")
        assert (broken.phase, broken.verdict) == ("broken", "ERROR")
        assert broken.error is not None
        assert broken.error.code == "board-state-unknown"
        assert line.acknowledge("v1")
    with lab.line(lab.recipe("pass", "error"), slots=["v1"]) as line:
        assert [run_unit(line, serial).phase for serial in ("L2", "L3")] == ["done", "done"]
    lot = line.state().lot
    assert lot is not None
    assert lot.units_per_hour is None, "units that the station failed are not finished"


def test_a_process_that_dies_while_nothing_goes_on_is_replaced_unasked(lab: LineLab) -> None:
    with lab.line(lab.recipe("pass"), slots=["v1"]) as line:
        wait_phase(line, "v1", "ready")
        kill(worker_pids(lab.bench)["v1"])
        wait_for(line, lambda s: s.slot("v1").generation == 2 and s.slot("v1").phase == "ready")
        assert run_unit(line, "I1").verdict == "PASS"
