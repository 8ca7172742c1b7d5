"""A face that is killed leaves every unit in a known state, and nobody else works the line meanwhile."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.line_lab import LineLab, begun, code, line_lab, wait_for, wait_phase, worker_pids
from tests.twin_lab import wait_until
from workbench.station.line.errors import LineBusy
from workbench.station.line.line import Line
from workbench.station.line.state import UnfinishedUnit
from workbench.station.line.watch import LineWatcher
from workbench.station.recipes.recipe import Recipe

pytestmark = pytest.mark.xdist_group("line outlives")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def lab() -> Iterator[LineLab]:
    with line_lab(2) as made:
        yield made


@contextmanager
def face(lab: LineLab, recipe: Recipe, *units: str) -> Iterator[subprocess.Popen[str]]:
    """A face in a process of its own, when all units are in the step "gate"."""
    command = [sys.executable, "-m", "tests.line_face", str(lab.bench.path), str(recipe.path), *units]
    path = os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        try:
            yield process
        finally:
            process.kill()


def left_units(line: Line, count: int) -> dict[str, UnfinishedUnit]:
    """What earlier lines left, by serial number, as soon as it is so many."""
    state = wait_for(line, lambda s: len(s.unfinished) == count, f"{count} units left")
    return {unit.serial: unit for unit in state.unfinished}


def test_a_killed_face_leaves_known_states_and_the_next_line_shows_them(lab: LineLab) -> None:
    recipe = lab.recipe("pass", "gate", "pass")
    with face(lab, recipe, "v1=U1", "v2=U2") as process:
        with pytest.raises(LineBusy) as caught:
            Line.open(lab.bench, recipe)
        assert f"process {process.pid}" in caught.value.what
        with LineWatcher(lab.bench) as watcher:
            wait_until(lambda: watcher.state() is not None, "a snapshot")
            seen = watcher.state()
            assert seen is not None
            assert seen.read_only
            assert [view.serial for view in seen.slots] == ["U1", "U2"]
            began = seen.slots[0].began
            assert began is not None
            assert 0 <= seen.now - began < 60
            process.kill()
            process.wait()
            wait_until(lambda: watcher.state() is None, "the end of the line")
        workers = worker_pids(lab.bench)
        assert set(workers) == {"v1", "v2"}, "their steps are not cut short"
        os.kill(workers["v2"], 9)
        with Line.open(lab.bench, recipe) as line:
            state = wait_for(
                line, lambda s: any("v1" in note for note in s.notices), "that v1 is still ending"
            )
            assert state.slot("v1").phase == "starting"
            left = left_units(line, 2)
            assert left["U1"].action.startswith("wait"), "its step still goes on"
            lab.open_gate("v1")
            wait_phase(line, "v1", "ready")
            wait_for(
                line,
                lambda s: [u.after_step for u in s.unfinished] == ["doing pass", "doing gate"],
                "U1 ended",
            )
            left = left_units(line, 2)
            assert "scan" in left["U1"].action, "it ended by itself: STOPPED after its step"
            assert (left["U2"].after_step, left["U2"].during_step) == ("doing pass", "doing gate")
            assert "'doing gate'" in left["U2"].state, "its words, not the name that records use"
            lab.open_gate("v2")
            for serial, slot in (("U2", "v2"), ("U1", "v1")):
                answer = begun(line.scan(serial))
                assert (answer.kind, answer.slot) == ("resumed", slot), "where it was left"
                assert wait_phase(line, slot, "done").verdict == "PASS"
            wait_for(line, lambda s: not s.unfinished, "nothing unfinished")
        assert lab.did("U1") == ["pass-0", "gate-1", "pass-2"]
        assert lab.did("U2") == ["pass-0", "gate-1", "gate-1", "pass-2"]


def test_a_verdict_that_nobody_saw_is_shown_once(lab: LineLab) -> None:
    lab.shut_gate("v1")
    recipe = lab.recipe("gate")
    with face(lab, recipe, "v1=P1") as process:
        process.kill()
        process.wait()
    lab.open_gate("v1")
    wait_until(lambda: not worker_pids(lab.bench), "the end of its step")
    with Line.open(lab.bench, recipe) as line:
        assert (left_units(line, 1)["P1"].verdict, left_units(line, 1)["P1"].slot) == ("PASS", "v1")
    with Line.open(lab.bench, recipe) as line:
        wait_for(line, lambda s: s.lot is not None and s.lot.passed > 0, "the lot's numbers")
        assert line.state().unfinished == ()


def test_closing_waits_for_the_step_and_kills_what_hangs(lab: LineLab) -> None:
    for slot in ("v1", "v2"):
        lab.shut_gate(slot)
    line = Line.open(lab.bench, lab.recipe("gate", "pass"), slots=["v1"])
    begun(line.scan("W1"))
    wait_for(line, lambda s: s.slots[0].current is not None)
    line.close(timeout_s=0.2)
    view = line.state().slot("v1")
    assert (view.verdict, view.error and view.error.code) == ("ERROR", "slot-process-died"), line.state()
    assert worker_pids(lab.bench) == {}
    line.close()


def test_a_disk_that_takes_no_journal_begins_nothing(lab: LineLab) -> None:
    lab.open_gate("v1")
    journals = lab.bench.state_dir / "journals"
    journals.mkdir(parents=True, exist_ok=True)
    away = journals.rename(journals.with_name("away"))
    journals.write_text("no folder")
    try:
        with lab.line(lab.recipe("pass"), slots=["v1"]) as line:
            begun(line.scan("N1"))
            view = wait_phase(line, "v1", "done")
            assert (view.verdict, view.error and view.error.code) == ("ERROR", "journal-unwritable")
            assert lab.did("N1") == []
            journals.unlink()
            away.rename(journals)
            assert line.retry("v1").kind == "started"
            assert wait_phase(line, "v1", "done").verdict == "PASS"
    finally:
        if away.exists():
            journals.unlink()
            away.rename(journals)


def test_a_unit_whose_end_the_full_disk_did_not_take_can_go_on_when_there_is_room(lab: LineLab) -> None:
    lab.shut_gate("v1")
    with lab.line(lab.recipe("gate", "pass"), slots=["v1"]) as line:
        begun(line.scan("D1"))
        wait_for(line, lambda s: s.slots[0].current is not None)
        (worker,) = worker_pids(lab.bench).values()
        _soft, most = resource.prlimit(worker, resource.RLIMIT_FSIZE)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (0, most))
        lab.open_gate("v1")
        assert wait_phase(line, "v1", "done").verdict == "ERROR"
        assert code(line.retry("v1")) == "serial-in-work", "its end is not kept anywhere"
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (most, most))
        wait_until(lambda: line.retry("v1").kind == "started", "that the unit is no longer in work")
        assert wait_phase(line, "v1", "done").verdict == "PASS"
        assert list(worker_pids(lab.bench).values()) == [worker]
