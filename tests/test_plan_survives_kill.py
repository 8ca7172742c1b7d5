"""A run on a real line is killed with SIGKILL between and in the middle of its steps: the next run ends in
the same single identity.  What was wrong about a unit is tried again from its last safe step.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.steps_lab import Done, StepsLab, Technician, step, steps_lab
from tests.tpm_lab import needs_swtpm
from workbench.database.engine import open_engine
from workbench.events import Event, Progress, StepFinished, StepStarted
from workbench.identity.ledger import Ledger, Unit
from workbench.station.labels.payload import label_of, payload
from workbench.station.places import database_url
from workbench.virtual.protocol import NVM_FILE
from workbench.virtual.twins import Twin, replace_chip
from workbench.virtual.twins import plug as plug_twin

pytestmark = [needs_swtpm, pytest.mark.xdist_group("plan survives kill")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StepsLab]:
    with steps_lab(tmp_path_factory.mktemp("line"), ca=True) as made:
        yield made


def new_board(lab: StepsLab) -> None:
    """Another board in slot v1, blank."""
    lab.slot.need_power().off()
    (chip,) = lab.folder.glob("bench/**/twins/v1/chip.json")
    twin: Twin = plug_twin(chip.parent.parent, "v1", "microbit")
    replace_chip(twin, os.urandom(8))
    (twin.folder / NVM_FILE).unlink(missing_ok=True)


def ledger_unit(lab: StepsLab, serial: str) -> Unit | None:
    ledger = Ledger(open_engine(database_url(lab.bench.folder)), station="lab")
    try:
        return ledger.find(serial=serial)
    finally:
        ledger.close()


def killed(lab: StepsLab, serial: str, kind: type[Event], at: str, slot: str = "v1") -> bool:
    """Runs the whole plan in a process of its own, which dies at that event."""
    child = os.fork()
    if child == 0:

        def hear(event: Event) -> None:
            if isinstance(event, kind) and getattr(event, "step", None) == at:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            run(lab, serial, slot, hear)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def run(lab: StepsLab, serial: str, slot: str = "v1", listener: object = None) -> Done:
    """The whole plan, with a technician who scans what was printed."""
    plan = PLAN if slot == "v1" else PLAN[1:]
    recipe = lab.recipe(plan, target=lab.bench.slot(slot).target.name)
    hear = listener if callable(listener) else lambda _event: None
    return lab.run(recipe, serial, Technician([lambda: lab.label_scan(serial)]), slot=slot, listener=hear)


PLAN = [step("provision"), step("enroll"), step("label"), step("scan-label", challenge=False)]
POINTS: list[tuple[type[Event], str]] = [
    (Progress, "program"),
    (StepStarted, "enroll/store"),
    (StepFinished, "label"),
]


@pytest.mark.parametrize(
    ("kind", "at"), POINTS, ids=[f"{k.__name__}-{at.replace('/', '-')}" for k, at in POINTS]
)
def test_a_killed_run_ends_in_the_same_identity(lab: StepsLab, kind: type[Event], at: str) -> None:
    new_board(lab)
    serial, issued = lab.serial(), lab.certificates()
    assert killed(lab, serial, kind, at)
    before = ledger_unit(lab, serial)
    done = run(lab, serial)
    assert done.verdict == "PASS", done.run.error and done.run.error.diagnostics()
    after = ledger_unit(lab, serial)
    assert after is not None
    assert str(after.state) == "verified"
    assert lab.certificates() == issued + 1
    if before is not None:
        assert after.unit_id == before.unit_id
        assert not before.keys or after.keys == before.keys
    assert done.result["fingerprint"] == after.keys["device"]
    assert len(list(lab.labels.glob(f"{serial}*"))) == 1


def test_a_killed_run_on_a_tpm_ends_in_the_same_identity(lab: StepsLab) -> None:
    serial = lab.serial()
    assert killed(lab, serial, StepStarted, "enroll/store", slot="t1")
    before, issued = ledger_unit(lab, serial), lab.certificates()
    done = run(lab, serial, slot="t1")
    assert done.verdict == "PASS", done.run.error and done.run.error.diagnostics()
    after = ledger_unit(lab, serial)
    assert before is not None
    assert after is not None
    assert (after.unit_id, after.keys, lab.certificates()) == (before.unit_id, before.keys, issued)


def test_a_failed_unit_is_tried_again_from_its_last_safe_step(lab: StepsLab) -> None:
    """A wrong label fails the unit; the next run neither provisions nor enrols nor prints again.  Scanned as
    another unit, the finished board is an ERROR, and nobody ends in quarantine.
    """
    new_board(lab)
    serial, issued = lab.serial(), lab.certificates()
    recipe = lab.recipe(PLAN)
    wrong = payload(label_of(serial, "00" * 32))
    done = lab.run(recipe, serial, Technician([wrong]))
    assert (done.verdict, done.code) == ("FAIL", "label-scan-differs")
    done = lab.run(recipe, serial, Technician([lambda: lab.label_scan(serial)]))
    assert done.verdict == "PASS", done.run.error
    outcomes = dict(done.steps)
    assert outcomes == {
        "provision": "DONE-BEFORE",
        "enroll": "DONE-BEFORE",
        "label": "DONE-BEFORE",
        "scan-label": "PASS",
    }
    assert lab.certificates() == issued + 1
    again = lab.run(lab.recipe([step("enroll")]), lab.serial())
    assert (again.verdict, again.code) == ("ERROR", "unit-known-otherwise")
    unit = ledger_unit(lab, serial)
    assert unit is not None
    assert str(unit.state) == "verified"
