"""A recipe's plan makes units: flashed, provisioned, enrolled, verified, labelled; on a microcontroller and
on a board with a TPM.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.steps_lab import FLASH, WHOLE, StepsLab, Technician, step, steps_lab
from tests.tpm_lab import needs_swtpm
from workbench.database.engine import open_engine
from workbench.events import Asked, UnitBegan
from workbench.identity.ca.client import open_ca
from workbench.identity.ledger import Ledger
from workbench.station.places import database_url

pytestmark = [needs_swtpm, pytest.mark.xdist_group("plan makes units")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StepsLab]:
    with steps_lab(tmp_path_factory.mktemp("line"), ca=True, tpms=2) as made:
        yield made


def test_firmware_is_flashed_and_the_unit_passes(lab: StepsLab) -> None:
    serial = lab.serial()
    done = lab.run(lab.recipe(FLASH), serial)
    assert done.verdict == "PASS", done.run.error
    assert done.steps == [("flash", "PASS")]
    result = done.result
    assert (result["serial"], result["lot"], result["recipe"], result["attempt"]) == (
        serial,
        "L-1",
        "line",
        1,
    )
    assert len(result["chip_id"]) == 16
    assert result["found"]["flash"]["verification"]["method"] == "read-back"
    (began,) = done.of(UnitBegan)
    assert done.events[1] == began
    assert began.steps[0]["step"] == "flash"
    assert began.steps[0]["limit_s"] == 60


def test_a_microcontroller_becomes_a_labelled_unit_with_an_identity(lab: StepsLab) -> None:
    erase = lab.run(
        lab.recipe([step("erase", replace__identity=True)], permit={"replace-identity": True}), "E-1"
    )
    assert erase.verdict == "PASS", erase.run.error
    serial = lab.serial()
    technician = Technician(scans=["", lambda: lab.label_scan(serial)])
    done = lab.run(lab.recipe(WHOLE), serial, technician)
    assert done.verdict == "PASS", done.run.error and done.run.error.diagnostics()
    assert [name for name, _ in done.steps] == [entry["step"] for entry in WHOLE]
    assert done.result["found"]["enroll"]["state"] == "verified"
    assert len(done.result["fingerprint"]) == 64
    assert [asked.kind for asked in done.of(Asked)] == ["scan", "scan"]
    (label,) = lab.labels.glob("*.zpl")
    assert serial in label.read_text()


def test_a_board_with_a_tpm_gets_its_identity_and_another_one_its_label_by_an_rma_only(lab: StepsLab) -> None:
    serial = lab.serial()
    recipe = lab.recipe([step("enroll"), step("verify-identity")], target="tpm-board")
    done = lab.run(recipe, serial, slot="t1")
    assert done.verdict == "PASS", done.run.error and done.run.error.diagnostics()
    assert done.result["found"]["enroll"]["hardware_id"]
    assert done.result["fingerprint"]

    ledger = Ledger(open_engine(database_url(lab.bench.folder)), station="lab")
    old = ledger.find(serial=serial)
    assert old is not None
    rma = ledger.rma(old.unit_id, "board replaced", "eve")
    lab.office.path.unlink()  # an office forgets a unit that passed
    assert lab.run(recipe, serial, slot="t2").code == "identity-rma-required"
    assert lab.ca is not None
    with open_ca(lab.ca, lab.passphrase.read_bytes) as ca:
        ca.unlock(lab.passphrase.read_bytes())
        ca.approve_replacement(old.request_id, "board replaced")
    done = lab.run(recipe, serial, slot="t2", rma=rma)
    assert done.verdict == "PASS", done.run.error and done.run.error.diagnostics()
    new = ledger.find(serial=serial)
    ledger.close()
    assert new is not None
    assert (new.rma, new.replaces) == (rma, (old.request_id,))
    assert new.hardware_id != old.hardware_id
